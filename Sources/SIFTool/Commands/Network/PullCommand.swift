import ArgumentParser
import Bytes
import CommandKit
import Glibc
import ImageFetch
import LinuxSystem
import StrictJSON
import SystemPackage

struct PullCommand: ReportingCommand {
  static let configuration = CommandConfiguration(
    subcommand: "pull", abstract: "Fetch an image from a registry or a web server.",
    discussion: """
      The address begins with oras://, https:// or http://. The file gets its name when it is whole and right. \
      What has come of an interrupted download is kept in a file that ends in .part, and the next pull goes on there.

      Exit codes besides those of all commands: 5 what came is not the image that was asked for; \
      7 the server, the network or the disk failed.
      """)

  @Argument(
    help: ArgumentHelp("The file (default: made from the address), and the address.", valueName: "operands"))
  var operands: [String]
  @Option(help: ArgumentHelp("The file.", valueName: "file")) var name: OutputArgument?
  @Option(
    help: ArgumentHelp(
      "The directory of the file. SINGULARITY_PULLDIR stands for this option.", valueName: "directory"))
  var dir: DirectoryArgument?
  @Flag(name: [.customShort("F"), .long], help: "Replace a file that exists.") var force = false
  @OptionGroup(title: "Servers") var fetch: FetchOptions
  @OptionGroup(title: "Output") var output: JSONOption
  @OptionGroup(title: "Output") var progress: ProgressOptions

  var printsJSON: Bool { output.json }

  func validate() throws {
    guard (1...2).contains(operands.count) else {
      throw ValidationError(
        operands.isEmpty
          ? "give an address, such as oras://host/repository:tag" : "give a file and an address, no more")
    }
    guard operands.count == 1 || name == nil else {
      throw ValidationError("--name and a file before the address exclude each other")
    }
  }

  func execute(_ reporter: Reporter) throws {
    let text = operands[operands.count - 1]
    guard let address = try ImageAddress(text) else {
      throw ToolFailure.usage(
        "\"\(ArgumentBytes.printable(text))\" has no scheme: give an address, such as oras://host/repository:tag"
      )
    }
    let fetcher = ImageFetcher(try fetch.settings(reporter))
    let destination = try destination(address)
    let image: FetchedImage
    do {
      image = try fetcher.pull(address, to: destination, replacing: force)
    } catch let error as any Fault where error.underlyingExists {
      throw ToolFailure(
        .system, code: "file-exists",
        "Image file already exists: \"\(destination.printable)\" - will not overwrite; --force replaces it")
    }
    if output.json {
      try Console.write(document: [
        JSONMember("file", .string(image.path.printable)), JSONMember("size", .integer(image.byteCount)),
        JSONMember("sha256", .string(image.digest)), JSONMember("received", .integer(image.received)),
        JSONMember("cached", .bool(image.wasCached)), JSONMember("address", .string(address.description)),
      ])
    } else {
      let from = image.wasCached ? "from the cache" : "\(ByteText.decimal(image.received)) received"
      reporter.note(
        "\(image.path.printable): \(ByteText.decimal(image.byteCount)), \(from), sha256:\(image.digest)")
    }
  }

  private func destination(_ address: ImageAddress) throws -> FilePath {
    let named = operands.count == 2 ? OutputArgument(argument: operands[0])?.path : name?.path
    let file = named ?? FilePath(address.fileName)
    guard let directory = dir?.path ?? Self.directoryOfEnvironment, file.isRelative else { return file }
    return directory.pushing(file)
  }

  private static var directoryOfEnvironment: FilePath? {
    for name in [
      "APPTAINER_PULLDIR", "SINGULARITY_PULLDIR", "APPTAINER_PULLFOLDER", "SINGULARITY_PULLFOLDER",
    ] {
      if let value = getenv(name), value.pointee != 0 { return FilePath(platformString: value) }
    }
    return nil
  }
}

extension Fault {
  /// Whether the reason is a file that exists.
  fileprivate var underlyingExists: Bool { (self as? SystemError)?.errno == .fileExists }
}
