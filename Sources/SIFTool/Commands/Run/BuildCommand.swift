import ArgumentParser
import Bytes
import CommandKit
import Definition
import Glibc
import ImageBuild
import ImageFetch
import LinuxSystem
import OCI
import SIF
import SIFRuntime
import Squash
import StrictJSON
import SystemPackage

struct BuildCommand: ReportingCommand {
  static let configuration = CommandConfiguration(
    subcommand: "build", abstract: "Build an image from a definition file, or from another image.",
    discussion: """
      The source is a definition file; an image, a squashfs or a directory; or an address: docker://, oras://, library://, \
      docker-archive:, docker-daemon:, oci: or oci-archive:. Nobody needs to be root: scripts run as root of a user namespace, \
      and the owners that they set are those in the image. The image gets its name when it is complete.

      With SOURCE_DATE_EPOCH or --deterministic, the same input gives the same bytes.

      siftool build app.sif app.def
      siftool build --sandbox box/ docker://alpine:3.20
      siftool build --check app.def
      """)

  @Argument(help: ArgumentHelp("The new image or directory; not with --check.", valueName: "target"))
  var first: PullArgument
  @Argument(help: ArgumentHelp("The source.", valueName: "source")) var second: PullArgument?
  @Flag(name: [.customShort("s"), .long], help: "Make a directory; the same as --format sandbox.")
  var sandbox = false
  @Option(help: ArgumentHelp("What to make: sif, sandbox, or oci for an image layout.", valueName: "name"))
  var format: BuildFormat?
  @Flag(name: [.customShort("u"), .long], help: "Run the sections over a sandbox that is there.") var update =
    false
  @Flag(
    name: [.customShort("F"), .long],
    help: "Replace what is there; and let %labels and %help replace those of the base.")
  var force = false
  @Flag(help: "Only say everything that is wrong with the definition file, or may surprise.") var check =
    false
  @OptionGroup(title: "Definition file") var sections: BuildSectionOptions
  @OptionGroup(title: "Scripts") var steps: BuildStepOptions
  @Flag(help: "Let the owner read and write every file of the base.") var fixPerms = false
  @Option(
    help: ArgumentHelp(
      "The directory for what is only needed during the build (default: TMPDIR, or /tmp).",
      valueName: "directory"))
  var tmpdir: DirectoryArgument?
  @Flag(help: "Keep that directory, and print its name.") var noCleanup = false
  @Flag(help: "Do everything again, whatever an earlier build has left in the cache.") var noCache = false
  @OptionGroup(title: "Servers") var fetch: FetchOptions
  @Option(help: ArgumentHelp("The socket of Docker's daemon, for docker-daemon:.", valueName: "address"))
  var dockerHost: String?
  @OptionGroup(title: "Squashfs") var compression: CompressionOptions
  @OptionGroup(title: "Encryption") var encryption: PackEncryptionOptions
  @OptionGroup(title: "Signing") var signing: SignAfterOptions
  @OptionGroup(title: "Times and id") var write: WriteOptions
  @OptionGroup(title: "Output") var output: JSONOption
  @OptionGroup(title: "Output") var progress: ProgressOptions

  var printsJSON: Bool { output.json }
  var idleOptions: [IdleOptions] { encryption.idleOptions + compression.idleOptions + signing.idleOptions }

  private var target: FilePath { first.path }
  private var source: PullArgument { second ?? first }
  private var form: BuildFormat { sandbox ? .sandbox : format ?? .sif }

  func validate() throws {
    guard !sandbox || format == nil || format == .sandbox else {
      throw ValidationError("--sandbox and --format \(format?.rawValue ?? "") exclude each other")
    }
    guard !update || form == .sandbox else {
      throw ValidationError("--update is for sandboxes: it needs --sandbox")
    }
    guard check || second != nil else { throw ValidationError("a build needs a target and a source") }
    guard form == .sif || !encryption.encrypt else { throw ValidationError("--encrypt is for SIF images") }
  }

  func execute(_ reporter: Reporter) throws {
    let source = try BuildSource(self.source.bytes)
    let values = try sections.values(reporter)
    let template = DefinitionTemplate(values).apply(to: source.file)
    if check { return try printFindings(source.file, template) }
    let definition: DefinitionFile
    switch source {
    case .image(let file): definition = file
    case .definition:
      try requireSound(source.file, template, reporter)
      definition = template.file
    }
    let settings = try settings()
    let sandboxTarget =
      form == .sandbox
      ? try SandboxTarget(target, isUpdate: update, replaces: force) : nil
    if form != .sandbox { try refuseExisting() }
    // What asks for a secret does so before anything else is done.
    let job = BuildJob(
      definition: definition, settings: settings, form: form, target: target, sandbox: sandboxTarget,
      isUpdate: update, command: self, reporter: reporter, clock: try write.clock(),
      options: try compression.options(), encryption: try encryption.read())
    try BuildNamespace.enter(usesRanges: !steps.ignoreSubuid) { reporter.note($0) }
    try job.run()
  }

  private func settings() throws -> BuildSettings {
    var settings = BuildSettings()
    settings.sections = try sections.sections()
    settings.runsTest = !sections.notest
    settings.overwritesLabels = force
    settings.fixesPermissions = fixPerms
    settings.clock = try write.clock()
    settings.steps = try steps.settings()
    settings.directory = try FilePath(".").resolvingLinks()
    settings.program = FrontEnd.current.program
    if let platform = try fetch.choice.chosen() {
      guard let architecture = Architecture(name: platform.architecture) else {
        throw ToolFailure.usage("SIF has no number for the architecture \(platform.architecture.printable)")
      }
      settings.architecture = architecture
    }
    return settings
  }

  private func refuseExisting() throws {
    var status = stat()
    guard target.withPlatformString({ lstat($0, &status) }) == 0 else { return }
    guard status.st_mode & S_IFMT != S_IFDIR || form == .oci else {
      throw ToolFailure(
        .failure, code: "exists", "\(target.printable) is a directory: --sandbox makes one")
    }
    guard force else {
      throw ToolFailure(
        .failure, code: "exists", "\(target.printable) exists already; --force replaces it")
    }
  }

  // MARK: Findings

  private func printFindings(_ file: DefinitionFile, _ template: DefinitionTemplate.Result) throws {
    let findings = all(file, template)
    if output.json {
      try Console.write(document: [
        JSONMember(
          "findings",
          .array(
            findings.map { finding in
              [
                "line": .integer(Int64(finding.line)), "code": .string(finding.code.rawValue),
                "severity": .string(finding.isError ? "error" : "warning"),
                "message": .string(finding.message.printable),
              ]
            }))
      ])
    } else {
      let name = source.path.printable
      try Console.write(
        lines: findings.map {
          "\(name):\($0.line): \($0.isError ? "error" : "warning"): \($0.message)"
        })
    }
    if findings.contains(where: \.isError) {
      throw ToolFailure(.malformed, code: "definition", "")
    }
  }

  /// What is wrong with the file as it was written, and with what it is once the templates have values.
  private func all(_ file: DefinitionFile, _ template: DefinitionTemplate.Result) -> [DefinitionFinding] {
    var findings = file.findings + template.findings.filter { !file.findings.contains($0) }
    for finding in template.file.findings where !findings.contains(where: { $0.message == finding.message }) {
      findings.append(finding)
    }
    for name in template.unused {
      findings.append(
        DefinitionFinding(
          code: .argument, line: 1, message: "no template uses the value of \(name)",
          isError: !sections.warnUnusedBuildArgs))
    }
    return findings.sorted { $0.line < $1.line }
  }

  private func requireSound(
    _ file: DefinitionFile, _ template: DefinitionTemplate.Result, _ reporter: Reporter
  ) throws {
    if let name = template.unused.first, !sections.warnUnusedBuildArgs {
      throw ToolFailure.usage(
        "no template uses the value of \(name.printable); --warn-unused-build-args only says so")
    }
    let findings = all(file, template)
    for finding in findings where !finding.isError {
      reporter.warn("line \(finding.line): \(finding.message)")
    }
    if let finding = findings.first(where: \.isError) { throw DefinitionError(finding: finding) }
  }
}
