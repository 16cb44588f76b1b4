import Bytes

/// An image that was chosen and whose manifest and configuration were read and checked. Its layers are still where they were.
public struct OCIImage: Sendable {
  /// The manifest's own descriptor.
  public let descriptor: OCIDescriptor
  /// The manifest.
  public let manifest: OCIManifest
  /// The manifest's bytes.
  public let manifestBytes: [UInt8]
  /// The configuration.
  public let config: OCIConfig
  /// The configuration's bytes.
  public let configBytes: [UInt8]
  /// Where the layers are.
  public let source: any OCIBlobSource

  /// The most indexes within each other.
  private static let deepest = 8

  /// Chooses an image, and reads its manifest and its configuration.
  ///
  /// - Parameters:
  ///   - descriptor: a manifest, or an index, of which the first entry for the platform is taken. Its media type may be
  ///     empty; then the document tells.
  ///   - platform: the platform; nil for this machine's. An image that is not in an index is taken whatever its platform if
  ///     this is nil.
  /// - Throws: ``OCIError``, or what the source throws.
  public init(
    _ descriptor: OCIDescriptor, from source: any OCIBlobSource, platform: OCIPlatform? = nil
  ) throws {
    var seen: Set<OCIDigest> = []
    guard
      let (chosen, bytes) = try Self.choose(descriptor, source, platform ?? .host, &seen, depth: 0)
    else {
      throw OCIError(.noPlatform, "the index has no image for \(platform ?? .host)")
    }
    self.descriptor = chosen
    manifestBytes = bytes
    manifest = try OCIManifest(reading: bytes)
    self.source = source
    guard
      OCIMediaType.config == manifest.config.mediaType
        || OCIMediaType.dockerConfig == manifest.config.mediaType
    else {
      throw OCIError(
        .unsupported,
        "the manifest \(chosen.digest) is that of an artifact (\(manifest.config.mediaType.prefix(160).printable)), not of an image with a root file system"
      )
    }
    configBytes = try source.document(manifest.config)
    config = try OCIConfig(reading: configBytes)
    if let platform, let own = config.platform, own.contradicts(platform) {
      throw OCIError(.noPlatform, "the image is for \(own), not for \(platform)")
    }
  }

  /// An image whose documents were read elsewhere, and checked.
  package init(
    descriptor: OCIDescriptor, manifestBytes: [UInt8], configBytes: [UInt8], source: any OCIBlobSource
  ) throws(OCIError) {
    self.descriptor = descriptor
    self.manifestBytes = manifestBytes
    manifest = try OCIManifest(reading: manifestBytes)
    self.configBytes = configBytes
    config = try OCIConfig(reading: configBytes)
    self.source = source
  }

  /// The manifest that an index leads to, and its bytes.
  public static func manifest(
    _ descriptor: OCIDescriptor, from source: any OCIBlobSource, platform: OCIPlatform? = nil
  ) throws -> (descriptor: OCIDescriptor, bytes: [UInt8]) {
    var seen: Set<OCIDigest> = []
    guard let found = try choose(descriptor, source, platform ?? .host, &seen, depth: 0) else {
      throw OCIError(.noPlatform, "the index has no image for \(platform ?? .host)")
    }
    return found
  }

  private static func choose(
    _ descriptor: OCIDescriptor, _ source: any OCIBlobSource, _ platform: OCIPlatform,
    _ seen: inout Set<OCIDigest>, depth: Int
  ) throws -> (OCIDescriptor, [UInt8])? {
    guard depth < deepest else {
      throw OCIError(.limitExceeded, "more than \(deepest) indexes lie within each other")
    }
    guard !OCIMediaType.isSchema1(descriptor.mediaType) else {
      throw OCIError(
        .unsupported,
        "\(descriptor.digest) is a manifest of schema 1, from before 2016: only schema 2 is supported")
    }
    let bytes = try source.document(descriptor)
    guard try isIndex(descriptor, bytes) else { return (descriptor, bytes) }
    guard seen.insert(descriptor.digest).inserted else { return nil }
    let entries = try OCIIndex(reading: bytes).manifests
    // The best entry, and of equal ones the first.
    let ranked = entries.enumerated().compactMap { index, entry in
      entry.platform?.rank(for: platform).map { (rank: $0, index: index, entry: entry) }
    }
    if let best = ranked.min(by: { ($0.rank, $0.index) < ($1.rank, $1.index) }) {
      return try choose(best.entry, source, platform, &seen, depth: depth + 1)
    }
    for entry in entries where entry.platform == nil && OCIMediaType.isIndex(entry.mediaType) {
      if let found = try choose(entry, source, platform, &seen, depth: depth + 1) { return found }
    }
    // A single image without a platform can only be the one that is meant.
    let images = entries.filter { OCIMediaType.isManifest($0.mediaType) }
    guard images.count == 1, let only = images.first, only.platform == nil else { return nil }
    return try choose(only, source, platform, &seen, depth: depth + 1)
  }

  /// Whether a document is an index: its type tells, or its members do.
  private static func isIndex(_ descriptor: OCIDescriptor, _ bytes: [UInt8]) throws(OCIError) -> Bool {
    if OCIMediaType.isIndex(descriptor.mediaType) { return true }
    if OCIMediaType.isManifest(descriptor.mediaType) { return false }
    let reader = try DocumentReader(bytes, "the document \(descriptor.digest)")
    return reader.value["manifests"] != nil
  }
}
