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
    subcommand: "scan", abstract: "Find SIF images in directories and write a record of each.",
    discussion: """
      Recognizes images by their content. A record is a JSON object on one line, with facts, findings, and the verdict \
      of verification. A file that cannot be read gets a record too. Symbolic links are not followed.

      siftool scan /images --key release.asc > records.ndjson
      siftool scan /images --resume records.ndjson
      siftool scan /images --shard 3/16 > part-3.ndjson      (the parts together: cat part-*.ndjson)

      Exit codes: 0 done, whatever the verdicts are; 7 something could not be read, and has a record.
      """)

  @Argument(help: "Directories, or files.") var paths: [PathArgument]
  @OptionGroup(title: "Verification") var signers: SignerOptions
  @Flag(help: "Refuse structural errors, and bytes that are neither signed nor follow from signed ones.")
  var strict = false
  @Option(
    help: ArgumentHelp(
      "Scan only part I of N of the files, divided by a hash of their paths.", valueName: "i/n"))
  var shard: Shard?
  @Option(
    help: ArgumentHelp(
      "Add records to this file, and leave out images that it has under the same policy and that have not changed.",
      valueName: "file"))
  var resume: OutputArgument?
  @Flag(name: [.customShort("x"), .long], help: "Stay on the file system of each path.")
  var oneFileSystem = false
  @OptionGroup var threads: ThreadOptions
  @Option(
    help: ArgumentHelp(
      "The most bytes to hash for one image, including holes (default: 64G plus 32 times its space on its disk).",
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
      // One record at a time, so that none is lost if the scan is interrupted.
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

  private func recordFile(_ argument: OutputArgument, _ policy: String) throws -> RecordFile {
    do { return try RecordFile(argument.path, policy: policy) } catch let error as HashError {
      throw ToolFailure(
        ExitStatus(error.kind), code: error.code.rawValue,
        "\(argument.path.printable): \(error.description); nothing was changed")
    }
  }
}

extension Shard: ExpressibleByArgument {
  /// Reads `i/n`.
  public init?(argument: String) { self.init(argument) }
}
