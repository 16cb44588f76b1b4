import Bytes
import Gcrypt
public import OCI
import SIF
public import Squash
import StrictJSON
public import SystemPackage

/// Makes an OCI-SIF of an image of OCI or Docker: its layers become squashfs, which runtimes mount as they are (spec/oci.md
/// "OCI-SIF"). The same image gives the same bytes.
public struct OCISIFWriter {
  private let image: OCIImage
  private var options: WriterOptions
  /// Whether each layer stays one of its own, instead of one for all.
  public var keepsLayers = false

  /// A writer for an image.
  ///
  /// - Parameter options: how each squashfs is made.
  public init(of image: OCIImage, _ options: WriterOptions = WriterOptions()) {
    self.image = image
    self.options = options
    self.options.creationTime = 0
  }

  /// Writes the image, which gets its name when it is complete.
  ///
  /// - Returns: what was left out.
  @discardableResult
  public func write(to path: FilePath) throws -> [String] {
    var skipped: [String] = []
    try NewImageFile.write(replacing: path, mode: 0o755) { storage in
      let count = image.manifest.layers.count
      // An image whose layers are squashfs already came from an OCI-SIF, and stays what it is.
      let isReady =
        count > 0 && image.manifest.layers.allSatisfy { $0.mediaType == OCIMediaType.squashfsLayer }
      var creation = Image.Creation.deterministic
      // Each layer, the configuration, the manifest and the index, and room for eight more.
      creation.capacity = Int64(isReady || keepsLayers ? count : 1) + 11
      _ = try Image.create(creation, in: storage)
      var editor = try ImageEditor(editing: storage, clock: .fixed(.none), ordersWrites: false)
      var manifest = image.manifestBytes
      var mediaType = image.manifest.mediaType ?? OCIMediaType.manifest
      if isReady {
        var seen: Set<OCIDigest> = []
        for layer in image.manifest.layers where seen.insert(layer.digest).inserted {
          try copy(layer, to: &editor)
        }
        try editor.add(NewObject(.ociBlob), bytes: image.configBytes)
      } else {
        let layers = try convertedLayers(&editor, &skipped)
        let config = try self.config(layers)
        try editor.add(NewObject(.ociBlob), bytes: config)
        var new = OCIManifest(
          config: try OCIDescriptor(mediaType: image.manifest.config.mediaType, of: config), layers: layers)
        new.mediaType = mediaType
        new.annotations = image.manifest.annotations
        manifest = new.bytes
      }
      if !OCIMediaType.isManifest(mediaType) { mediaType = OCIMediaType.manifest }
      try editor.add(NewObject(.ociBlob), bytes: manifest)
      var index = OCIIndex([try OCIDescriptor(mediaType: mediaType, of: manifest)])
      index.mediaType = OCIMediaType.index
      try editor.add(NewObject(.ociRootIndex), bytes: index.bytes)
    }
    return skipped
  }

  /// Writes the layers as squashfs; one that is there already is not written again.
  private func convertedLayers(
    _ editor: inout ImageEditor, _ skipped: inout [String]
  ) throws -> [OCIDescriptor] {
    guard keepsLayers else {
      return [try addLayer(&editor, &skipped) { writer in try writer.add(layersOf: image) }.descriptor]
    }
    let feeds = try LayerFeeds(of: image)
    defer { feeds.close() }
    var layers: [OCIDescriptor] = []
    for layer in 0..<feeds.count {
      let added = try addLayer(&editor, &skipped) { writer in
        do throws(SquashError) { try writer.add(layer: feeds.open(layer)) } catch {
          throw feeds.failure ?? error
        }
      }
      if layers.contains(where: { $0.digest == added.descriptor.digest }) {
        try editor.delete(id: added.id, options: .compact)
      }
      layers.append(added.descriptor)
    }
    return layers
  }

  private func addLayer(
    _ editor: inout ImageEditor, _ skipped: inout [String], _ fill: (SquashWriter) throws -> Void
  ) throws -> (descriptor: OCIDescriptor, id: UInt32) {
    var descriptor: OCIDescriptor?
    let object = try editor.add(NewObject(.ociBlob)) { object in
      let writer = try SquashWriter(PlainPlace(object: object), options)
      try fill(writer)
      let report = try writer.finish()
      skipped += report.skipped
      let digest = try Self.digest(Window(object, start: 0, byteCount: report.imageBytes))
      descriptor = OCIDescriptor(
        mediaType: OCIMediaType.squashfsLayer, digest: digest, size: report.imageBytes)
      return (report.imageBytes, .ociDigest(Array(digest.description.utf8)))
    }
    guard let descriptor else { throw OCIError(.malformed, "the layer was not written") }
    return (descriptor, object.id)
  }

  /// Copies a layer that is a squashfs already, and checks it.
  private func copy(_ layer: OCIDescriptor, to editor: inout ImageEditor) throws {
    let stream = try image.source.verified(layer)
    try editor.add(NewObject(.ociBlob)) { object in
      let block = UnsafeMutableRawBufferPointer.allocate(byteCount: 256 << 10, alignment: 16)
      defer { block.deallocate() }
      var position: Int64 = 0
      while true {
        let count = try stream.read(into: block)
        guard count > 0 else { break }
        try object.write(UnsafeRawBufferPointer(rebasing: block[..<count]), at: position)
        position += Int64(count)
      }
      return (position, .ociDigest(Array(layer.digest.description.utf8)))
    }
  }

  private static func digest(_ source: any RandomAccess) throws -> OCIDigest {
    var context = try HashContext(.sha256)
    var block = [UInt8](repeating: 0, count: 1 << 20)
    var position: Int64 = 0
    while true {
      let count = try block.withUnsafeMutableBytes { buffer throws(StorageFault) in
        try source.read(into: buffer, at: position)
      }
      guard count > 0 else { return OCIDigest(.sha256, context.finalize()) }
      block.withUnsafeBytes { context.update(UnsafeRawBufferPointer(rebasing: $0[..<count])) }
      position += Int64(count)
    }
  }

  /// The configuration, with the digests of the new layers and where they came from.
  private func config(_ layers: [OCIDescriptor]) throws -> [UInt8] {
    let old = try JSONParser.parse(
      image.configBytes,
      limits: JSONLimits(bytes: OCIIndex.longest, keepsDuplicateKeys: true))
    var members = (old.members ?? []).filter { !["rootfs", "history"].contains($0.key) }
    let digests = layers.map { JSONValue.string($0.digest.description) }
    members.append(JSONMember("rootfs", ["type": "layers", "diff_ids": .array(digests)]))
    var entry = [JSONMember("created_by", "siftool")]
    if let created = image.config.created { entry.insert(JSONMember("created", .string(created)), at: 0) }
    entry.append(
      JSONMember("comment", .string("oci-sif created from \(image.descriptor.digest.hexadecimal)")))
    members.append(JSONMember("history", .array([.object(entry)])))
    return JSONWriter.compact(.object(members))
  }
}
