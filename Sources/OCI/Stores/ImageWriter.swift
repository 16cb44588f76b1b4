import Bytes
import Gcrypt
import Glibc
import LinuxSystem
package import Squash
import StrictJSON
import SystemPackage

/// Writes one image into files: a layout, which may exist, or a new archive. The image is there when all of it is.
package final class ImageWriter {
  /// The name of the image, in a layout or an archive.
  private let reference: String?
  private let place: any BlobPlace
  private var layers: [(descriptor: OCIDescriptor, diffID: OCIDigest)] = []

  /// Whether layers stay uncompressed, as `docker save` writes them.
  package let isDockerArchive: Bool

  /// Begins an image.
  ///
  /// - Throws: ``OCIError/Code/notImage`` if the location is a directory that holds something else than a layout.
  package init(_ location: OCILocation) throws {
    reference = location.reference
    isDockerArchive = location.form == .dockerArchive
    guard location.digest == nil, location.form != .directory else {
      throw OCIError(
        .invalidReference, "an image is written to oci:, oci-archive: or docker-archive:, without a digest")
    }
    if isDockerArchive, let name = location.reference { _ = try OCIReference(name) }
    place = location.form == .layout ? try LayoutPlace(location.path) : try ArchivePlace(location.path)
  }

  /// Begins an image whose blobs are collected.
  package init(collecting blobs: CollectedBlobs) {
    reference = nil
    isDockerArchive = false
    place = blobs
  }

  /// Adds the next layer, from the lowest up.
  ///
  /// - Parameter body: writes a tar archive.
  package func addLayer(threads: Int, _ body: (any ByteSink) throws -> Void) throws {
    let plain = try HashingSink()
    let isPlain = isDockerArchive
    let (digest, size) = try place.add(isPlain ? { "\($0.hexadecimal).tar" } : Self.blobName) { sink in
      if isPlain {
        plain.next = sink
        return try body(plain)
      }
      let gzip = try GzipSink(sink, level: 6, threads: threads)
      defer { gzip.close() }
      plain.next = gzip
      try body(plain)
      try gzip.finish()
    }
    let type = isPlain ? OCIMediaType.dockerLayer : OCIMediaType.gzipLayer
    let diffID = plain.finish()
    layers.append((OCIDescriptor(mediaType: type, digest: digest, size: size), diffID))
  }

  /// Completes the image.
  ///
  /// - Parameter config: the configuration, but for the member `rootfs`, which the layers determine.
  /// - Returns: the manifest's descriptor.
  package func finish(config members: [JSONMember], platform: OCIPlatform?) throws -> OCIDescriptor {
    let ids = layers.map { JSONValue.string($0.diffID.description) }
    let rootfs: JSONValue = ["type": "layers", "diff_ids": .array(ids)]
    let config = JSONWriter.compact(.object(members + [JSONMember("rootfs", rootfs)]))
    if isDockerArchive {
      let (digest, _) = try add(config) { "\($0.hexadecimal).json" }
      let tags = try reference.map { [JSONValue.string(try OCIReference($0).description)] }
      let list: JSONValue = [
        [
          "Config": .string("\(digest.hexadecimal).json"), "RepoTags": tags.map { .array($0) } ?? .null,
          "Layers": .array(layers.map { .string("\($0.descriptor.digest.hexadecimal).tar") }),
        ]
      ]
      _ = try add(JSONWriter.compact(list)) { _ in "manifest.json" }
      try place.commit()
      return try OCIDescriptor(mediaType: OCIMediaType.dockerConfig, of: config)
    }
    _ = try add(config, Self.blobName)
    let manifest = OCIManifest(
      config: try OCIDescriptor(mediaType: OCIMediaType.config, of: config), layers: layers.map(\.descriptor))
    _ = try add(manifest.bytes, Self.blobName)
    var entry = try OCIDescriptor(mediaType: OCIMediaType.manifest, of: manifest.bytes)
    entry.platform = platform
    entry.annotations["org.opencontainers.image.ref.name"] = reference
    try finish(entry)
    return entry
  }

  private func finish(_ entry: OCIDescriptor) throws {
    var index = try place.index()
    index.manifests.removeAll { $0.referenceName == entry.referenceName }
    index.manifests.append(entry)
    _ = try add(Array(#"{"imageLayoutVersion":"1.0.0"}"#.utf8)) { _ in "oci-layout" }
    _ = try add(index.bytes) { _ in "index.json" }
    try place.commit()
  }

  private static func blobName(_ digest: OCIDigest) -> String {
    "blobs/\(digest.algorithm.name)/\(digest.hexadecimal)"
  }

  private func add(_ bytes: [UInt8], _ name: (OCIDigest) -> String) throws -> (OCIDigest, Int64) {
    try place.add(name) { sink in try sink.write(bytes) }
  }
}

extension ByteSink {
  fileprivate func write(_ bytes: [UInt8]) throws(SquashError) {
    var failure: SquashError?
    bytes.withUnsafeBytes { raw in
      do throws(SquashError) { try write(raw) } catch { failure = error }
    }
    if let failure { throw failure }
  }
}

/// Hashes what passes through.
private final class HashingSink: ByteSink {
  var next: (any ByteSink)?
  private var context: HashContext?

  init() throws { context = try HashContext(.sha256) }

  func write(_ bytes: UnsafeRawBufferPointer) throws(SquashError) {
    context?.update(bytes)
    try next?.write(bytes)
  }

  func finish() -> OCIDigest { OCIDigest(.sha256, context.take()?.finalize() ?? []) }
}

/// Writes to a file from an offset on, and hashes.
private final class FileSink: ByteSink {
  private let file: RandomAccessFile
  private let start: Int64
  private(set) var byteCount: Int64 = 0
  private var context: HashContext?

  init(_ file: RandomAccessFile, at start: Int64) throws {
    self.file = file
    self.start = start
    context = try HashContext(.sha256)
  }

  func write(_ bytes: UnsafeRawBufferPointer) throws(SquashError) {
    context?.update(bytes)
    do throws(StorageFault) { try file.write(bytes, at: start + byteCount) } catch {
      throw SquashError(error)
    }
    byteCount += Int64(bytes.count)
  }

  func finish() -> OCIDigest { OCIDigest(.sha256, context.take()?.finalize() ?? []) }
}

/// Files of an image that are being written.
private protocol BlobPlace: AnyObject {
  /// Adds a file whose name may depend on its digest.
  func add(_ name: (OCIDigest) -> String, _ body: (any ByteSink) throws -> Void) throws -> (OCIDigest, Int64)
  /// The index that the new image is added to.
  func index() throws -> OCIIndex
  /// Gives everything its name.
  func commit() throws
}

/// The blobs of an image in files without names, which end with this value.
package final class CollectedBlobs: BlobPlace, OCIBlobSource, @unchecked Sendable {
  private let directory: FilePath
  private var files: [OCIDigest: RandomAccessFile] = [:]

  /// Blobs in files in a directory.
  package init(in directory: FilePath) { self.directory = directory }

  fileprivate func add(
    _ name: (OCIDigest) -> String, _ body: (any ByteSink) throws -> Void
  ) throws -> (OCIDigest, Int64) {
    // Without commit(), the file never gets a name.
    let file = try ReplacementFile(replacing: directory.appending("sif-blob"), mode: 0o600)
    let storage = RandomAccessFile(adopting: try file.duplicateDescriptor())
    let sink = try FileSink(storage, at: 0)
    try body(sink)
    let digest = sink.finish()
    files[digest] = storage
    return (digest, sink.byteCount)
  }

  fileprivate func index() -> OCIIndex { OCIIndex([]) }

  fileprivate func commit() {}

  /// Opens a blob for reading.
  package func open(_ descriptor: OCIDescriptor) throws -> any ByteStream {
    guard let file = files[descriptor.digest] else {
      throw OCIError(.notFound, "there is no blob \(descriptor.digest)")
    }
    return RandomAccessStream(file)
  }
}

/// A directory. Each file gets its name when it is complete, and the index comes last.
private final class LayoutPlace: BlobPlace {
  private let path: FilePath
  private var existing = OCIIndex([])

  init(_ path: FilePath) throws {
    self.path = path
    try Self.make(path)
    if let layout = try LayoutSource(DirectoryFiles(path: path)) {
      existing = layout.index
    } else {
      let directory = try OwnedDescriptor(opening: path, flags: O_RDONLY | O_DIRECTORY)
      guard try directory.names().isEmpty else {
        throw OCIError(
          .notImage, "\(path.string.printable) is a directory with other things than an image layout")
      }
    }
    try Self.make(path.appending("blobs"))
    try Self.make(path.appending("blobs").appending("sha256"))
  }

  private static func make(_ path: FilePath) throws(SystemError) {
    do {
      try SystemError.check("create", path) { path.withPlatformString { mkdir($0, 0o755) } }
    } catch { if error.errno != .fileExists { throw error } }
  }

  func add(_ name: (OCIDigest) -> String, _ body: (any ByteSink) throws -> Void) throws -> (OCIDigest, Int64)
  {
    // A fixed name does not depend on the digest, and its file may exist.
    let zero = OCIDigest(.sha256, [UInt8](repeating: 0, count: 32))
    var file = try ReplacementFile(replacing: path.appending(name(zero)), mode: 0o644)
    let sink = try FileSink(RandomAccessFile(adopting: try file.duplicateDescriptor()), at: 0)
    try body(sink)
    let digest = sink.finish()
    try file.commit(as: path.appending(name(digest)))
    return (digest, sink.byteCount)
  }

  func index() -> OCIIndex { existing }

  func commit() {}
}

/// A tar archive, which gets its name when it is complete.
private final class ArchivePlace: BlobPlace {
  private var file: ReplacementFile
  private let writer: RandomAccessFile
  private var position: Int64 = 0
  private var names: Set<String> = []

  init(_ path: FilePath) throws {
    file = try ReplacementFile(replacing: path, mode: 0o644)
    writer = RandomAccessFile(adopting: try file.duplicateDescriptor())
  }

  func add(_ name: (OCIDigest) -> String, _ body: (any ByteSink) throws -> Void) throws -> (OCIDigest, Int64)
  {
    let block = Int64(TarHeader.blockSize)
    let sink = try FileSink(writer, at: position + block)
    try body(sink)
    let digest = sink.finish()
    guard sink.byteCount < 1 << 33 else {
      throw OCIError(
        .limitExceeded, "a layer of 8 GiB or more cannot be put into an archive: write it to oci:DIR")
    }
    // The same blob is there already.
    guard names.insert(name(digest)).inserted else { return (digest, sink.byteCount) }
    try put(
      TarHeader.make(name: Array(name(digest).utf8), kind: .regular, size: sink.byteCount), at: position)
    let end = position + block + sink.byteCount
    let padding = TarHeader.padding(after: sink.byteCount)
    try put(padding, at: end)
    position = end + Int64(padding.count)
    return (digest, sink.byteCount)
  }

  private func put(_ bytes: [UInt8], at offset: Int64) throws {
    try writer.write(bytes.span.bytes, at: offset)
  }

  func index() -> OCIIndex { OCIIndex([]) }

  func commit() throws {
    try writer.truncate(to: position)
    try put([UInt8](repeating: 0, count: 1024), at: position)
    try file.commit()
  }
}
