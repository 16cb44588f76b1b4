import Bytes
import Gcrypt
internal import Squash

/// Reads everything that the images at a location refer to, and collects what is wrong (spec/oci.md "Check").
public struct OCICheck {
  /// One thing that is wrong.
  public struct Finding: Sendable {
    /// A stable word: one of ``OCIError/Code``'s, or `layer` for an archive or its digest.
    public let code: String
    /// One sentence, without a final stop.
    public let sentence: String
    /// Whether it is only worth knowing: every program accepts it.
    public let isNote: Bool
  }

  private static let mostFindings = 100

  /// What is wrong, in the order of reading.
  public private(set) var findings: [Finding] = []
  /// The number of findings beyond the first hundred.
  public private(set) var furtherFindings = 0
  /// The number of blobs that were read.
  public private(set) var blobs = 0
  /// The number of their bytes.
  public private(set) var bytes: Int64 = 0
  private let source: any OCIBlobSource
  private var seen: Set<OCIDigest> = []
  private var seenLayers: Set<[OCIDigest?]> = []

  /// Checks all images of a store.
  ///
  /// - Parameter onProgress: called from time to time with the number of bytes read.
  public init(of store: OCIStore, onProgress: (Int64) -> Void = { _ in }) {
    let source = store.source
    self.source = source
    if store.entries.isEmpty { add(.notFound, "there is no image") }
    // Indexes within indexes end at the limit, since each is read once.
    var waiting = store.entries[...]
    while let entry = waiting.popFirst() {
      guard seen.insert(entry.digest).inserted else { continue }
      onProgress(bytes)
      guard !OCIMediaType.isSchema1(entry.mediaType) else {
        add(.unsupported, "\(entry.digest) is a manifest of schema 1")
        continue
      }
      guard let text = noting({ try source.document(entry) }) else { continue }
      count(entry)
      let isIndex = OCIMediaType.isIndex(entry.mediaType)
      guard isIndex || OCIMediaType.isManifest(entry.mediaType) else {
        add(
          .unsupported,
          "\(entry.digest) is \(entry.mediaType.prefix(160).printable), neither an index nor a manifest")
        continue
      }
      if isIndex {
        if let index = noting({ try OCIIndex(reading: text) }) { waiting += index.manifests }
      } else if let manifest = noting({ try OCIManifest(reading: text) }) {
        check(manifest, onProgress)
      }
    }
  }

  private mutating func count(_ descriptor: OCIDescriptor) {
    blobs += 1
    bytes += descriptor.size
  }

  private mutating func add(_ code: OCIError.Code, _ sentence: String) { add(code.rawValue, sentence) }

  private mutating func add(_ code: String, _ sentence: String, isNote: Bool = false) {
    if isNote || findings.count < Self.mostFindings {
      findings.append(Finding(code: code, sentence: sentence, isNote: isNote))
    } else {
      furtherFindings += 1
    }
  }

  private mutating func noting<Result>(_ body: () throws -> Result) -> Result? {
    do { return try body() } catch {
      let fault = error as? any Fault
      add(fault?.identifier ?? "layer", fault?.description ?? "\(error)")
      return nil
    }
  }

  private mutating func check(_ manifest: OCIManifest, _ onProgress: (Int64) -> Void) {
    let source = source
    var config: OCIConfig?
    if seen.insert(manifest.config.digest).inserted {
      let text = noting { try source.document(manifest.config) }
      if text != nil { count(manifest.config) }
      if let text, [OCIMediaType.config, OCIMediaType.dockerConfig].contains(manifest.config.mediaType) {
        config = noting { try OCIConfig(reading: text) }
      }
    }
    let archives = manifest.layers.filter { OCIMediaType.isArchive($0.mediaType) }
    if let config, !archives.isEmpty, config.diffIDs.count != manifest.layers.count {
      add(
        .malformed,
        "\(manifest.config.digest) has the digests of \(config.diffIDs.count) layers, where there are \(manifest.layers.count)"
      )
    }
    for (index, layer) in manifest.layers.enumerated() {
      onProgress(bytes)
      let diffID = config.flatMap { index < $0.diffIDs.count ? $0.diffIDs[index] : nil }
      // One blob may be said to have several digests as an archive, of which one at most is right.
      guard seenLayers.insert([layer.digest, diffID]).inserted else { continue }
      let isWhole = noting { () throws -> Bool in
        let stream = CheckedBlob(try source.verified(layer))
        var isWhole = true
        do {
          if OCIMediaType.isArchive(layer.mediaType) {
            isWhole = try Self.check(stream, layer.digest, diffID)
          }
          try stream.drain()
        } catch { throw stream.failure ?? error }
        return isWhole
      }
      guard let isWhole else { continue }
      count(layer)
      if !isWhole, findings.count < Self.mostFindings {
        add("layer", "the layer \(layer.digest) ends within a block of its archive", isNote: true)
      }
    }
  }

  /// Decompresses an archive, and compares its digest.
  ///
  /// - Returns: whether its last block is whole.
  private static func check(_ stream: CheckedBlob, _ name: OCIDigest, _ expected: OCIDigest?) throws -> Bool {
    let algorithm = expected?.algorithm ?? .sha256
    var context = try HashContext(algorithm)
    let input = try TarInput(stream)
    var part = [UInt8](repeating: 0, count: 256 << 10)
    while true {
      let count = try part.withUnsafeMutableBytes { bytes throws(SquashError) in try input.read(into: bytes) }
      context.update(part.span.bytes.extracting(0..<count))
      if count < part.count { break }
    }
    let digest = OCIDigest(algorithm, context.finalize())
    guard expected == nil || digest == expected else {
      throw OCIError(
        .wrongDigest,
        "the layer \(name) has the digest \(digest) when it is decompressed, not \(expected?.description ?? "")"
      )
    }
    return input.offset % 512 == 0
  }
}

/// A blob as the source of an archive. It keeps the error that reading failed with.
private final class CheckedBlob: ArchiveSource {
  private let stream: any ByteStream
  private(set) var failure: (any Error)?

  init(_ stream: any ByteStream) { self.stream = stream }

  func read(into buffer: UnsafeMutableRawBufferPointer) throws(SquashError) -> Int {
    do { return try stream.read(into: buffer) } catch {
      failure = error
      throw SquashError(.library, (error as? any Fault)?.description ?? "\(error)")
    }
  }

  /// Reads what is left, so that the digest is compared.
  func drain() throws {
    var part = [UInt8](repeating: 0, count: 64 << 10)
    while try part.withUnsafeMutableBytes({ try stream.read(into: $0) }) > 0 {}
  }
}
