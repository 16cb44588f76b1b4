import Bytes
import ImageBuild
import LinuxSystem
import OCI
import Registry
import Synchronization
public import SystemPackage

extension ImageFetcher {
  /// The manifest of an image of OCI, and where it is.
  func container(_ reference: OCIReference) throws -> (RegistryRepository, OCIDescriptor) {
    let (repository, descriptor) = try resolve(reference)
    let chosen = try OCIImage.manifest(descriptor, from: repository, platform: settings.platform)
    return (repository, chosen.descriptor)
  }

  /// An image of OCI in a registry. Its layers are read when somebody asks for them.
  func image(_ reference: OCIReference) throws -> OCIImage {
    let (repository, chosen) = try container(reference)
    return try OCIImage(chosen, from: repository, platform: settings.platform)
  }

  /// Makes a SIF image of one of OCI, whose layers are read from the registry while the image is written.
  func pullContainer(
    _ reference: OCIReference, _ destination: FilePath, _ replaces: Bool
  ) throws -> FetchedImage {
    let (repository, chosen) = try container(reference)
    let make = {
      let counter = CountingSource(repository)
      let image = try OCIImage(chosen, from: counter, platform: settings.platform)
      if let makeImage = settings.makeImage {
        try makeImage(image, reference.shortName, destination)
      } else {
        try Packer(of: image, scheme: "docker", name: reference.shortName).pack(
          .layers(image), to: destination)
      }
      return try FetchedImage(made: destination, received: counter.count)
    }
    // The cache has images that were made in the usual way.
    guard settings.makesAsUsual else { return try make() }
    return try throughCache(.ociTemporary, chosen.digest.description, nil, destination, replaces, make)
  }

  /// Makes a SIF image of one of OCI for the cache.
  func convert(
    _ reference: OCIReference, _ repository: RegistryRepository, _ chosen: OCIDescriptor, _ path: FilePath
  ) throws {
    let image = try OCIImage(chosen, from: repository, platform: settings.platform)
    try Packer(of: image, scheme: "docker", name: reference.shortName).pack(.layers(image), to: path)
  }
}

extension OCIReference {
  /// The name as people write it: without the host and the repository of official images of Docker.
  fileprivate var shortName: String {
    guard host == Self.defaultHost else { return description }
    let name = description.dropFirst(host.utf8.count + 1)
    return String(name.hasPrefix("library/") ? name.dropFirst(8) : name)
  }
}

extension FetchedImage {
  /// An image that was made here, so that nobody knows its digest.
  public init(made path: FilePath, received: Int64) throws {
    let file = try RandomAccessFile(opening: path.string)
    self.init(path: path, digest: nil, byteCount: try file.byteCount, received: received, wasCached: false)
  }
}

/// A source of blobs that counts the bytes that come.
private final class CountingSource: OCIBlobSource {
  private let source: any OCIBlobSource
  private let total = Mutex<Int64>(0)

  init(_ source: any OCIBlobSource) { self.source = source }

  var count: Int64 { total.withLock { $0 } }

  func open(_ descriptor: OCIDescriptor) throws -> any ByteStream {
    Stream(try source.open(descriptor), self)
  }

  private final class Stream: ByteStream, @unchecked Sendable {
    private let stream: any ByteStream
    private let owner: CountingSource

    init(_ stream: any ByteStream, _ owner: CountingSource) {
      self.stream = stream
      self.owner = owner
    }

    func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
      let count = try stream.read(into: buffer)
      owner.total.withLock { $0 += Int64(count) }
      return count
    }
  }
}
