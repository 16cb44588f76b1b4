import Bytes
public import OCI
public import SIF
public import Squash

/// A SIF that holds an image of OCI as blobs: layers, which are squashfs, a configuration, a manifest and a root index
/// (spec/oci.md "OCI-SIF").
public struct OCISIF: OCIBlobSource {
  private let image: Image
  /// The root index.
  public let index: OCIIndex

  /// The blobs of a SIF; nil if it has no root index.
  ///
  /// - Throws: ``OCIError/Code/malformed`` for several root indexes, and the errors of the index.
  public init?(_ image: Image) throws {
    let roots = image.objects(ofType: .ociRootIndex)
    guard let root = roots.first else { return nil }
    guard roots.count == 1 else {
      throw OCIError(.malformed, "the image has \(roots.count) root indexes, where an OCI-SIF has one")
    }
    guard root.size <= Int64(OCIIndex.longest) else {
      throw OCIError(.limitExceeded, "the root index has \(root.size) bytes; at most 16 MiB are accepted")
    }
    self.image = image
    index = try OCIIndex(reading: try image.bytes(of: root).prefix(Int(root.size)))
  }

  /// Opens a blob. Of several with the same digest, any is right.
  public func open(_ descriptor: OCIDescriptor) throws -> any ByteStream {
    RandomAccessStream(try bytes(of: descriptor))
  }

  private func bytes(of descriptor: OCIDescriptor) throws -> any RandomAccess {
    let name = Array(descriptor.digest.description.utf8)
    let blob = image.objects(ofType: .ociBlob).first { object in
      if case .ociDigest(let digest) = object.metadata {
        digest.prefix { $0 != 0 } == name[...]
      } else {
        false
      }
    }
    guard let blob else {
      throw OCIError(.notFound, "the blob \(descriptor.digest) does not exist in the image")
    }
    guard blob.size == descriptor.size else {
      throw OCIError(
        .wrongSize,
        "the blob \(descriptor.digest) has \(blob.size) bytes, where \(descriptor.size) are stated")
    }
    return try image.bytes(of: blob)
  }

  /// The one image, besides signatures of cosign.
  public func entry() throws(OCIError) -> OCIDescriptor {
    let entries = index.manifests.filter { !($0.referenceName ?? "").hasPrefix("_cosign") }
    guard entries.count == 1, let entry = entries.first else {
      throw OCIError(.ambiguous, "the root index has \(entries.count) images, where an OCI-SIF has one")
    }
    return entry
  }

  /// The image.
  public func ociImage() throws -> OCIImage { try OCIImage(try entry(), from: self) }

  /// The root file system: the layer if there is one, or else the tree that the layers make, in a file without a name.
  ///
  /// - Throws: ``OCIError/Code/unsupported`` for layers that are no squashfs.
  public func squashfs() throws -> SquashImage {
    let layers = try OCIManifest(reading: try document(try entry())).layers
    for (index, layer) in layers.enumerated() where layer.mediaType != OCIMediaType.squashfsLayer {
      throw OCIError(
        .unsupported,
        "layer \(index + 1) of the image is \(layer.mediaType.prefix(160).printable), not a squashfs")
    }
    let images = try layers.map { try SquashImage(try bytes(of: $0)) }
    guard let first = images.first else { throw OCIError(.malformed, "the image has no layers") }
    if images.count == 1 { return first }
    return try SquashImage.temporary { writer in
      var archives: [SquashfsArchive] = []
      defer { for archive in archives { archive.close() } }
      try writer.add(layers: images.count, spelling: .overlay) { layer throws(SquashError) in
        do {
          archives.append(try SquashfsArchive(images[layer]))
          return archives[archives.count - 1]
        } catch { throw (error as? SquashError) ?? SquashError(.system, "\(error)") }
      }
    }
  }
}
