import Bytes
import LinuxSystem
import OCI
import Registry
import SIF
import Transport
public import SystemPackage

/// What a push has done.
public struct PushedImage: Sendable {
  /// The digest of the manifest, as registries write it.
  public let manifest: String
  /// The digest of the image, as registries write it.
  public let image: String
  /// The image's length.
  public let byteCount: Int64
  /// Whether the image had to be sent.
  public let wasSent: Bool
}

extension ImageFetcher {
  /// The configuration of an artifact that has none: an empty object.
  private static let emptyObject: [UInt8] = Array("{}".utf8)

  /// Sends a SIF image to a registry, as the runtimes do it (`oras://`).
  ///
  /// - Parameters:
  ///   - chunk: the most bytes of one request; nil for the whole image in one.
  ///   - joins: whether the tag becomes, or stays, an index with an image for each architecture.
  ///   - annotations: notes for the manifest.
  public func push(
    _ path: FilePath, to address: ImageAddress, chunk: Int64? = nil, joining joins: Bool = false,
    annotations: [String: String] = [:]
  ) throws -> PushedImage {
    guard case .oras(let reference) = address else {
      throw FetchError(
        .unsupported, "images can be pushed to oras://, docker:// and library:// addresses, not to \(address)"
      )
    }
    guard reference.digest == nil else {
      throw FetchError(.address, "\(address): a push goes to a tag, not to a digest")
    }
    let image = try Image(opening: path)
    let file = try RandomAccessFile(opening: path.string)
    let byteCount = try file.byteCount
    let repository = try repository(reference)
    let tag = reference.tag ?? "latest"
    // An image of the same length under that tag is probably the same one, which need not be sent.
    let old = try? OCIManifest(reading: repository.manifest(tag).bytes)
    var (layer, result) = try repository.upload(
      hashing: file, isLikelyThere: old?.layers.first?.size == byteCount, chunk: chunk,
      progress: settings.progress?(byteCount))
    layer.mediaType = OCIMediaType.sifLayer
    layer.annotations = [
      "org.opencontainers.image.title": path.lastComponent?.string.printable ?? "image.sif"
    ]
    var config = try OCIDescriptor(mediaType: OCIMediaType.sifConfig, of: Self.emptyObject)
    config.data = Self.emptyObject
    _ = try repository.upload(MemoryReader(Self.emptyObject), config)
    var manifest = OCIManifest(config: config, layers: [layer])
    manifest.annotations = annotations
    let bytes = manifest.bytes
    var descriptor = try OCIDescriptor(mediaType: OCIMediaType.manifest, of: bytes)
    descriptor.platform = OCIPlatform(architecture: image.header.architecture.name)
    try publish(bytes, descriptor, repository, tag, joining: joins)
    return PushedImage(
      manifest: descriptor.digest.description, image: layer.digest.description, byteCount: byteCount,
      wasSent: result == .sent)
  }

  /// Puts a manifest under a tag, or into the index that is there.
  func publish(
    _ bytes: [UInt8], _ descriptor: OCIDescriptor, _ repository: RegistryRepository, _ tag: String,
    joining joins: Bool
  ) throws {
    guard joins else {
      try repository.uploadManifest(bytes, mediaType: descriptor.mediaType, as: tag)
      return
    }
    try repository.uploadManifest(
      bytes, mediaType: descriptor.mediaType, as: descriptor.digest.description)
    try repository.uploadManifest(
      try index(repository, tag, adding: descriptor).bytes, mediaType: OCIMediaType.index, as: tag)
  }

  /// The index of a tag with one more image; the image that was there for the same platform goes.
  private func index(
    _ repository: RegistryRepository, _ tag: String, adding image: OCIDescriptor
  ) throws -> OCIIndex {
    var index = OCIIndex([])
    do {
      let (old, bytes) = try repository.manifest(tag)
      if OCIMediaType.isIndex(old.mediaType) {
        index = try OCIIndex(reading: bytes)
        index.mediaType = OCIMediaType.index
      }
    } catch let error as TransportError where error.code == .notFound {
      // The first image of that tag.
    }
    index.manifests.removeAll { $0.platform == image.platform }
    index.manifests.append(image)
    return index
  }
}
