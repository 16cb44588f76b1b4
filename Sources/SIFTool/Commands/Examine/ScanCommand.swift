import ArgumentParser
import Bytes
import CommandKit
import Forensics
import Glibc
import LinuxSystem
import SIF
import StrictJSON
import SystemPackage

struct ScanCommand: ToolCommand {
  static let configuration = CommandConfiguration(
    commandName: "scan", abstract: "Find SIF images in directories and write a record of each.",
    discussion: """
      Images are known by their content. A record is a JSON object on a line: facts, findings, and the verdict of \
      verification; errors are records too. Symbolic links are not followed.

      siftool scan /images --key release.asc > records.ndjson
      siftool scan /images --resume records.ndjson
      siftool scan /images --shard 3/16 > part-3.ndjson      (the parts together: cat part-*.ndjson)

      Exit codes: 0 done, whatever the verdicts are; 7 something could not be read, and is a record.
      """)

  @Argument(help: "Directories, or files.") var paths: [PathArgument]
  @OptionGroup(title: "Verification") var signers: SignerOptions
  @Flag(help: "As for verify: nothing may be left unsigned.") var strict = false
  @Option(help: ArgumentHelp("Only part I of N of the files, by a hash of their paths.", valueName: "i/n"))
  var shard: Shard?
  @Option(
    help: ArgumentHelp(
      "Go on with the records in a file: images that it has as they are, under the same policy, are left out, new records are added to it.",
      valueName: "file"))
  var resume: PathArgument?
  @Flag(name: [.customShort("x"), .long], help: "Stay on the file system of each path.")
  var oneFileSystem = false
  @OptionGroup var threads: ThreadOptions
  @Option(
    help: ArgumentHelp(
      "The most bytes to hash for one image, holes included; otherwise 64G plus 32 times what it takes on its disk.",
      valueName: "size"))
  var limit: SizeArgument?
  @Flag(name: [.short, .long], help: "Print nothing but errors to standard error.") var quiet = false

  var printsJSON: Bool { false }

  func execute() throws {
    let policy = try policy()
    for path in paths {
      var status = stat()
      try SystemError.check("scan", path.path) { path.path.withPlatformString { stat($0, &status) } }
    }
    let file = try resume.map { try recordFile($0, policy.identity) }
    var scan = DirectoryScan(paths.map(\.path), shard: shard ?? .whole, staysOnFileSystem: oneFileSystem)
    let output = OutputBuffer(file?.rawValue ?? STDOUT_FILENO)
    var counts = ScanCounts()
    try ScanRun(policy, threads: threads.count).run(
      &scan,
      isKnown: { found in
        let isKnown = file?.recorded.contains(found) ?? false
        if isKnown { counts.known += 1 }
        if file?.recorded.containsUnderAnotherPolicy(found) ?? false { counts.otherPolicy += 1 }
        return isKnown
      },
      render: { ScanRecord($0, policy: policy.identity) }
    ) { record in
      counts.add(record)
      try output.append(raw: record.line)
      // A record at a time: what was found is kept whatever happens next.
      try output.flush()
    }
    withExtendedLifetime(file) {}
    Reporter(isQuiet: quiet).note(counts.text(files: scan.filesSeen))
    guard counts.unreadable == 0 else {
      var failure = ToolFailure(
        .system, code: "system", "\(counts.unreadable) of them could not be read; everything else was done")
      failure.isReported = true
      throw failure
    }
  }

  private func policy() throws -> ScanPolicy {
    let keys = try signers.keys.read(digestsFiles: true)
    return try ScanPolicy(keys, signers.policy(isStrict: strict), limit: limit?.bytes)
  }

  private func recordFile(_ argument: PathArgument, _ policy: String) throws -> RecordFile {
    do { return try RecordFile(argument.path, policy: policy) } catch let error as HashError {
      throw ToolFailure(
        .failure, code: error.code.rawValue,
        "\(argument.path.printable): \(error.description); nothing was changed")
    }
  }
}

extension Shard: ExpressibleByArgument {
  /// Reads `i/n`.
  public init?(argument: String) { self.init(argument) }
}
