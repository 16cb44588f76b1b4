import Bytes
import Glibc
public import ImageBuild
import LinuxSystem
import OCI
import SystemPackage
import Transport

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

  private func file(_ request: BaseRequest) throws -> FilePath {
    guard let address = try ImageAddress("\(request.agent)://\(request.reference)") else {
      throw FetchError(.address, "\"\(request.reference.printable)\" is not the address of an image")
    }
    var settings = fetcher.settings
    if request.agent == "library", let named = request.library, let find = settings.namedLibrary {
      settings.library = find(named)
    }
    return try ImageFetcher(settings).cached(address) { next("base.sif") }
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
