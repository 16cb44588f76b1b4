import ArgumentParser
import CommandKit
import Library
import OCI
import Remotes
import Transport

/// Which container library.
struct LibraryOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "The address of the container library (default: the library of the remote in use).",
      valueName: "address"))
  var library: String?

  /// Finds the library, and the token for it, when it is needed.
  ///
  /// - Parameter named: the library that the user names; nil for the one of the remote in use.
  static func find(_ named: String?, _ settings: HTTPSettings) -> @Sendable () throws -> LibraryService {
    {
      let remotes = try RemoteStore.ofProcess().settings()
      let (uri, token) = try RemoteClient(settings: settings).library(remotes, named: named)
      return LibraryService(try HTTPAddress(uri), token: token)
    }
  }

  /// The library that a reference names, or the one of the options.
  func client(for reference: LibraryReference?, _ server: ServerOptions, _ reporter: Reporter) throws
    -> LibraryClient
  {
    let settings = server.settings(reporter)
    if let reference, let service = try LibraryService(of: reference, plainHTTP: server.noHttps) {
      guard library == nil else {
        throw ToolFailure.usage("--library and the host of the reference exclude each other")
      }
      return LibraryClient(service, settings: settings)
    }
    return LibraryClient(try Self.find(library, settings)(), settings: settings)
  }
}

/// The options of a push to a container library.
struct LibraryPushOptions: ParsableArguments {
  @OptionGroup var place: LibraryOptions
  @Option(
    name: [.customShort("D"), .long],
    help: ArgumentHelp("What the image is, in a few words, for library://.", valueName: "text"))
  var description: String?
  @Flag(
    name: [.customShort("U"), .long],
    help: "Send an image without any signature to library://. Whether signatures are good, `verify` says.")
  var allowUnsigned = false

  static let names = ["library", "description", "allow-unsigned"]
}

/// The architecture of images of a library.
struct ArchitectureOption: ParsableArguments {
  @Option(
    help: ArgumentHelp("The architecture, such as arm64 (default: this machine's).", valueName: "name"))
  var arch: String?

  func chosen() throws -> String {
    guard let arch else { return OCIPlatform.host.architecture }
    return try ToolFailure.reading("--arch") { try OCIPlatform(arch).architecture }
  }
}
