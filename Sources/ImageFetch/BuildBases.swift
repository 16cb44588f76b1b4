import Bytes
import Glibc
public import ImageBuild
import LinuxSystem
import OCI
import SystemPackage
public import Transport

/// Fetches what the stages of a build begin with.
public final class BuildBases: BaseFetcher {
  private let fetcher: ImageFetcher
  private let temporary: FilePath
  private let socket: String?
  private var count = 0

  /// A fetcher for a build.
  ///
  /// - Parameters:
  ///   - settings: how.
  ///   - temporary: a directory for files that are only needed during the build.
  ///   - dockerHost: the address of Docker's daemon; nil for that of DOCKER_HOST, or the usual one.
  public init(_ settings: FetchSettings, temporary: FilePath, dockerHost: String?) {
    fetcher = ImageFetcher(settings)
    self.temporary = temporary
    socket = dockerHost
  }

  /// The cache; nil for none.
  public var cache: ImageCache? { fetcher.settings.cache }

  /// Fetches the image that a header names.
  public func fetch(_ request: BaseRequest) throws -> FetchedBase {
    switch request.agent {
    case "docker":
      let image = try fetcher.image(try OCIReference(request.reference))
      return .container(image, digest: image.descriptor.digest.description)
    case "docker-daemon":
      let archive = next("docker.tar")
      try DockerDaemon(socket).save(request.reference, to: archive)
      let image = try OCIStore(OCILocation(.dockerArchive, archive)).image(
        platform: fetcher.settings.platform)
      return .container(image, digest: nil)
    default:
      return .image(try file(request))
    }
  }

  /// The digest of what a name leads to now.
  public func identity(of request: BaseRequest) throws -> String? {
    guard let (fetcher, address) = try place(of: request) else { return nil }
    return try fetcher.digest(of: address)
  }

  private func file(_ request: BaseRequest) throws -> FilePath {
    guard let (fetcher, address) = try place(of: request) else {
      throw FetchError(.address, "\"\(request.reference.printable)\" is not the address of an image")
    }
    return try fetcher.cached(address) { next("base.sif") }
  }

  /// Who fetches an image, and from where.
  private func place(of request: BaseRequest) throws -> (ImageFetcher, ImageAddress)? {
    guard let address = try ImageAddress("\(request.agent)://\(request.reference)") else { return nil }
    guard request.agent == "library", let named = request.library, let find = fetcher.settings.namedLibrary
    else { return (fetcher, address) }
    var settings = fetcher.settings
    settings.library = find(named)
    return (ImageFetcher(settings), address)
  }

  /// Downloads a file.
  public func download(_ address: String, to path: FilePath) throws {
    try fetcher.download(try HTTPAddress(address), to: path)
  }

  private func next(_ name: String) -> FilePath {
    count += 1
    return temporary.appending("\(count)-\(name)")
  }
}
