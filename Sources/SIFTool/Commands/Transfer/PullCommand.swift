import ArgumentParser
import Bytes
import CommandKit
import Glibc
import ImageBuild
import OCI
import SIF
import Squash
import SystemPackage

struct PullCommand: ReportingCommand {
  static let configuration = CommandConfiguration(
    subcommand: "pull", abstract: "Make an image of one in OCI's or Docker's form.",
    discussion: """
      The source is oci:DIR[:ref], oci-archive:FILE[:ref], docker-archive:FILE[:ref] or dir:DIR. Its layers are read \
      once each and written straight into the new image, which gets its name when it is complete and every digest is \
      right. Owners, modes, devices and extended attributes stay as they are. With SOURCE_DATE_EPOCH or --deterministic, the \
      same source gives the same bytes.

      siftool pull app.sif oci-archive:app.tar:v1
      """)

  @Argument(
    help: ArgumentHelp("The new image, if it shall have another name than the source's.", valueName: "image"))
  var first: PullArgument
  @Argument(help: ArgumentHelp("The source.", valueName: "source")) var second: PullArgument?
  @Flag(name: [.customShort("F"), .long], help: "Replace an existing image.") var force = false
  @Option(
    help: ArgumentHelp(
      "The platform of the image to take, such as linux/arm64 (default: this machine's).", valueName: "name"))
  var platform: String?
  @Option(help: ArgumentHelp("The same, by the architecture alone.", valueName: "name")) var arch: String?
  @OptionGroup(title: "Squashfs") var compression: CompressionOptions
  @OptionGroup(title: "Encryption") var encryption: PackEncryptionOptions
  @OptionGroup(title: "Times and id") var write: WriteOptions
  @OptionGroup(title: "Output") var progress: ProgressOptions

  var idleOptions: [IdleOptions] { encryption.idleOptions + compression.idleOptions }

  func execute(_ reporter: Reporter) throws {
    let source = second ?? first
    guard let location = try OCILocation(source.bytes) else {
      throw ToolFailure.usage(
        "\"\(source.bytes.printable)\" is not a source: oci:, oci-archive:, docker-archive: or dir:, and a path"
      )
    }
    let target = second == nil ? FilePath(location.imageName) : first.path
    guard force || access(target) == false else {
      throw ToolFailure(
        .failure, code: "exists", "\(target.printable) exists already; --force replaces it")
    }
    let clock = try write.clock()
    var options = try compression.options()
    let wanted = try wantedPlatform()
    let image = try OCIStore(location).image(platform: wanted)
    let bar = reporter.bar(total: 0)
    let shown = ProgressCounter()
    options.onProgress = { report in bar.advance(by: shown.step(to: report.contentBytes)) }
    var packer = try Packer(
      of: image, scheme: location.form.rawValue, name: location.name, options, clock: clock)
    packer.onNote = { reporter.note($0) }
    packer.encryption = try encryption.read()
    let report = try packer.pack(.layers(image), to: target)
    bar.clear()
    for line in report.skipped { reporter.note("left out: \(line)") }
    if report.droppedAttributes > 0 {
      reporter.note("\(report.droppedAttributes) extended attributes that squashfs cannot hold were left out")
    }
  }

  private func wantedPlatform() throws -> OCIPlatform? {
    guard platform == nil || arch == nil else {
      throw ToolFailure.usage("--platform and --arch say the same: give one of them")
    }
    return try platform.map { name in try ToolFailure.reading("--platform") { try OCIPlatform(name) } }
      ?? arch.map { name in try ToolFailure.reading("--arch") { try OCIPlatform(name) } }
  }

  private func access(_ path: FilePath) -> Bool {
    path.withPlatformString { Glibc.access($0, F_OK) } == 0
  }
}

/// A source, or the path of a new image.
struct PullArgument: ExpressibleByArgument {
  /// The bytes as they were given.
  let bytes: [UInt8]
  /// The same as a path.
  let path: FilePath

  init?(argument: String) {
    guard let output = OutputArgument(argument: argument) else { return nil }
    path = output.path
    bytes = Array(ArgumentBytes.decode(argument).dropLast())
  }

  static var defaultCompletionKind: CompletionKind { .file() }
}
