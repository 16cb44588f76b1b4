import ArgumentParser
import Bytes
import CommandKit
import Glibc
import ImageFetch
import LinuxSystem
import Registry
import SIF
import SystemPackage

/// What an image needs whose address was given in place of a path: of it, only what is needed is read.
struct RemoteImageOptions: ParsableArguments {
  @Flag(help: "Ask registries without encryption, if the image is an address.") var noHttps = false
  @Option(
    help: ArgumentHelp(
      "The file with the credentials of registries, if the image is an address.", valueName: "file"))
  var authfile: PathArgument?

  /// Opens an image to read it.
  func storage(_ image: PathArgument) throws -> any Storage {
    try image.readableStorage(noHttps: noHttps, authfile: authfile?.path)
  }
}

extension PathArgument {
  /// Opens a file, or an image on a server by its address, to read it.
  func readableStorage(noHttps: Bool = false, authfile: FilePath? = nil) throws -> any Storage {
    guard let text = address, access(path.string, F_OK) != 0, let address = try ImageAddress(text) else {
      return try FileStorage(opening: path)
    }
    let reporter = Reporter()
    var settings = FetchSettings()
    settings.http = ServerOptions.defaults(reporter)
    settings.http.allowsPlainHTTP = noHttps
    settings.plainHTTP = noHttps
    settings.credentials = CredentialStore(file: authfile ?? CredentialRequest.fileOfEnvironment?.path)
    settings.library = LibraryOptions.find(nil, settings.http)
    settings.notice = { reporter.note($0) }
    return try ImageFetcher(settings).open(address)
  }

  /// Opens and reads an image, as ``readableStorage(noHttps:authfile:)`` does.
  func readableImage(_ options: RemoteImageOptions? = nil) throws -> Image {
    // The usual case goes the shortest way.
    guard address != nil else { return try Image(opening: path) }
    let storage = try options?.storage(self) ?? readableStorage()
    do { return try Image(reading: storage) } catch { throw error.naming(path) }
  }
}
