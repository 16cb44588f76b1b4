import Bytes
import Gcrypt
import StrictJSON

/// An archive as `docker save` wrote it until version 24, and as skopeo, podman and buildah write it: a list of images in
/// `manifest.json`, and files that it names. Manifests are made of it here.
struct DockerArchiveSource: OCIBlobSource {
  private let files: ArchiveFiles
  private let names: [OCIDigest: String]
  private let documents: [OCIDigest: [UInt8]]
  let entries: [OCIDescriptor]

  init(_ files: ArchiveFiles, _ location: OCILocation) throws {
    guard let text = try files.document("manifest.json") else {
      throw OCIError(
        .notImage,
        "\(location.path.string.printable) is not an archive of images: it has no file manifest.json")
    }
    self.files = files
    var builder = Builder(files: files)
    for image in try DocumentReader.array(text, "the file manifest.json") { try builder.add(image) }
    guard !builder.entries.isEmpty else {
      throw OCIError(.notFound, "\(location.path.string.printable) has no image")
    }
    (names, documents, entries) = (builder.names, builder.documents, builder.entries)
  }

  func open(_ descriptor: OCIDescriptor) throws -> any ByteStream {
    if let bytes = documents[descriptor.digest] { return RandomAccessStream(MemoryReader(bytes)) }
    guard let name = names[descriptor.digest], let (stream, size) = try files.open(name) else {
      throw OCIError(.notFound, "the blob \(descriptor.digest) does not exist in the archive")
    }
    try descriptor.check(size: size)
    return stream
  }

  private struct Builder {
    let files: ArchiveFiles
    var names: [OCIDigest: String] = [:]
    var documents: [OCIDigest: [UInt8]] = [:]
    var entries: [OCIDescriptor] = []

    mutating func add(_ image: JSONValue) throws {
      let reader = try DocumentReader(image, "image \(entries.count + 1) of the file manifest.json")
      guard let configName = try reader.text("Config") else { throw reader.malformed("it has no Config") }
      guard let bytes = try files.document(configName) else {
        throw OCIError(.notFound, "the configuration \(configName.printable) does not exist in the archive")
      }
      let config = try OCIConfig(reading: bytes)
      let layerNames = try reader.texts("Layers")
      guard layerNames.count == config.diffIDs.count else {
        throw reader.malformed(
          "it has \(layerNames.count) layers, and its configuration the digests of \(config.diffIDs.count)")
      }
      var layers: [OCIDescriptor] = []
      for (name, diffID) in zip(layerNames, config.diffIDs) { layers.append(try layer(name, diffID)) }
      let configDescriptor = try OCIDescriptor(mediaType: OCIMediaType.dockerConfig, of: bytes)
      documents[configDescriptor.digest] = bytes
      var manifest = OCIManifest(config: configDescriptor, layers: layers)
      manifest.mediaType = OCIMediaType.dockerManifest
      let tags = try reader.texts("RepoTags")
      for tag in tags.isEmpty ? [nil] : tags.map({ $0 }) {
        var entry = try OCIDescriptor(mediaType: OCIMediaType.dockerManifest, of: manifest.bytes)
        entry.annotations["org.opencontainers.image.ref.name"] = tag
        entry.platform = config.platform
        documents[entry.digest] = manifest.bytes
        entries.append(entry)
      }
    }

    /// The descriptor of a layer. A plain archive's digest is the one that the configuration has; others are read for theirs.
    private mutating func layer(_ name: String, _ diffID: OCIDigest) throws -> OCIDescriptor {
      guard let (stream, size) = try files.open(name) else {
        throw OCIError(.notFound, "the layer \(name.printable) does not exist in the archive")
      }
      var head = [UInt8](repeating: 0, count: 4)
      let count = try head.withUnsafeMutableBytes { try stream.fill($0) }
      let isGzip = head.starts(with: [0x1F, 0x8B])
      let isZstd =
        head == [0x28, 0xB5, 0x2F, 0xFD]
        || head[0] & 0xF0 == 0x50 && head.dropFirst().elementsEqual([0x2A, 0x4D, 0x18])
      guard isGzip || isZstd else {
        names[diffID] = name
        return OCIDescriptor(mediaType: OCIMediaType.dockerLayer, digest: diffID, size: size)
      }
      var context = try HashContext(.sha256)
      context.update(head.span.bytes.extracting(0..<count))
      var part = [UInt8](repeating: 0, count: 64 << 10)
      while true {
        let count = try part.withUnsafeMutableBytes { try stream.read(into: $0) }
        if count == 0 { break }
        context.update(part.span.bytes.extracting(0..<count))
      }
      let digest = OCIDigest(.sha256, context.finalize())
      names[digest] = name
      return OCIDescriptor(
        mediaType: isGzip ? OCIMediaType.dockerGzipLayer : OCIMediaType.zstdLayer, digest: digest, size: size)
    }
  }
}

extension DocumentReader {
  /// The elements of a document that is an array.
  static func array(_ text: [UInt8], _ place: String) throws(OCIError) -> [JSONValue] {
    let value: JSONValue
    let limits = JSONLimits(bytes: OCIIndex.longest, depth: 32)
    do throws(JSONError) { value = try JSONParser.parse(text, limits: limits) } catch {
      throw OCIError(.malformed, "\(place) is not a document: \(error)", causedBy: error)
    }
    guard let elements = value.elements, elements.count <= mostElements else {
      throw OCIError(.malformed, "\(place) is not an array of images")
    }
    return elements
  }
}
