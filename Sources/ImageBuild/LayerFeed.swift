import Bytes
import Gcrypt
import Glibc
import LinuxSystem
import OCI
import Squash

/// A layer that a thread of its own reads, checks, decompresses and checks again, some blocks ahead of whoever reads here.
///
/// The blob's size and digest, and the digest of the plain archive, are known only at its end: the last read fails if one is
/// wrong, and nothing of the image gets its name.
final class LayerFeed: ArchiveSource, @unchecked Sendable {
  private static let blockSize = 256 << 10
  private static let mostBlocks = 4

  private let monitor = Monitor()
  // Guarded by the monitor.
  private var free: [UnsafeMutableRawBufferPointer]
  private var filled: [(bytes: UnsafeMutableRawBufferPointer, count: Int)] = []
  private var isEnded = false
  private var isClosed = false
  private var reason: (any Error)?
  // The reader's own.
  private var current: (bytes: UnsafeMutableRawBufferPointer, count: Int)?
  private var position = 0
  private var thread: Thread?

  /// Starts to read.
  init(_ image: OCIImage, layer: Int) {
    free = (0..<Self.mostBlocks).map { _ in .allocate(byteCount: Self.blockSize, alignment: 4096) }
    do {
      thread = try Thread { [self] in run(image, layer) }
    } catch {
      reason = error
      isEnded = true
    }
  }

  deinit {
    for bytes in free + filled.map(\.bytes) { bytes.deallocate() }
    current?.bytes.deallocate()
  }

  /// What went wrong.
  var failure: (any Error)? {
    monitor.lock()
    defer { monitor.unlock() }
    return reason
  }

  /// Ends the thread.
  func close() {
    monitor.lock()
    isClosed = true
    monitor.broadcast(.space)
    monitor.unlock()
    thread?.join()
    thread = nil
  }

  // MARK: The reader's side

  func read(into buffer: UnsafeMutableRawBufferPointer) throws(SquashError) -> Int {
    if let block = current, position == block.count {
      giveBack(block.bytes)
      current = nil
    }
    if current == nil {
      current = try next()
      position = 0
    }
    guard let block = current else { return 0 }
    let count = min(buffer.count, block.count - position)
    buffer.copyMemory(from: UnsafeRawBufferPointer(rebasing: block.bytes[position..<(position + count)]))
    position += count
    return count
  }

  private func giveBack(_ bytes: UnsafeMutableRawBufferPointer) {
    monitor.lock()
    free.append(bytes)
    monitor.signal(.space)
    monitor.unlock()
  }

  private func next() throws(SquashError) -> (bytes: UnsafeMutableRawBufferPointer, count: Int)? {
    monitor.lock()
    defer { monitor.unlock() }
    while filled.isEmpty, !isEnded { monitor.wait(for: .work) }
    if !filled.isEmpty { return filled.removeFirst() }
    guard let reason else { return nil }
    throw (reason as? SquashError)
      ?? SquashError(.library, (reason as? any Fault)?.description ?? "\(reason)")
  }

  // MARK: The thread's side

  private func run(_ image: OCIImage, _ layer: Int) {
    var found: (any Error)?
    do { try decompress(image, layer) } catch { found = error }
    monitor.lock()
    reason = found
    isEnded = true
    monitor.broadcast(.work)
    monitor.unlock()
  }

  private func decompress(_ image: OCIImage, _ layer: Int) throws {
    let expected = image.config.diffIDs[layer]
    let blob = BlobSource(try image.source.verified(image.manifest.layers[layer]))
    var context = try HashContext(expected.algorithm)
    do throws(SquashError) {
      let input = try TarInput(blob)
      while let bytes = takeFree() {
        let count = try input.read(into: bytes)
        context.update(UnsafeRawBufferPointer(rebasing: bytes[..<count]))
        put(bytes, count)
        if count < bytes.count { break }
      }
    } catch { throw blob.failure ?? error }
    guard !isCancelled else { return }
    let digest = OCIDigest(expected.algorithm, context.finalize())
    guard digest == expected else {
      throw OCIError(
        .wrongDigest,
        "layer \(layer + 1) has the digest \(digest) when it is decompressed; the image's configuration says \(expected)"
      )
    }
  }

  private var isCancelled: Bool {
    monitor.lock()
    defer { monitor.unlock() }
    return isClosed
  }

  /// A block to be filled; nil if nobody reads any more.
  private func takeFree() -> UnsafeMutableRawBufferPointer? {
    monitor.lock()
    defer { monitor.unlock() }
    while free.isEmpty, !isClosed { monitor.wait(for: .space) }
    return isClosed ? nil : free.removeLast()
  }

  private func put(_ bytes: UnsafeMutableRawBufferPointer, _ count: Int) {
    monitor.lock()
    if count > 0 { filled.append((bytes, count)) } else { free.append(bytes) }
    monitor.signal(.work)
    monitor.unlock()
  }
}

/// A blob as the source of an archive. It keeps the error that reading failed with.
private final class BlobSource: ArchiveSource {
  private let stream: any ByteStream
  private(set) var failure: (any Error)?

  init(_ stream: any ByteStream) { self.stream = stream }

  func read(into buffer: UnsafeMutableRawBufferPointer) throws(SquashError) -> Int {
    do { return try stream.read(into: buffer) } catch {
      failure = error
      throw SquashError(.library, (error as? any Fault)?.description ?? "\(error)")
    }
  }
}

/// The layers of an image, opened from the highest down, some ahead of the one that is read.
final class LayerFeeds {
  /// The layers that are read at once.
  private static let mostOpen = 3

  private let image: OCIImage
  private var ahead: [Int: LayerFeed] = [:]
  private var current: LayerFeed?

  /// The number of layers.
  var count: Int { image.manifest.layers.count }

  /// What went wrong while a layer was read.
  var failure: (any Error)? { current?.failure }

  /// Checks that the layers are archives, and that the configuration has their digests.
  init(of image: OCIImage) throws(OCIError) {
    self.image = image
    for (index, layer) in image.manifest.layers.enumerated() where !OCIMediaType.isArchive(layer.mediaType) {
      throw OCIError(
        .unsupported,
        "layer \(index + 1) of the image is \(layer.mediaType.prefix(160).printable), not a tar archive of files"
      )
    }
    guard image.config.diffIDs.count == image.manifest.layers.count else {
      throw OCIError(
        .malformed,
        "the image has \(image.manifest.layers.count) layers, but its configuration has the digests of \(image.config.diffIDs.count)"
      )
    }
  }

  /// Opens a layer, and the next ones below it.
  func open(_ layer: Int) -> any ArchiveSource {
    current?.close()
    let feed = ahead.removeValue(forKey: layer) ?? LayerFeed(image, layer: layer)
    for lower in stride(from: layer - 1, through: max(layer - Self.mostOpen + 1, 0), by: -1)
    where ahead[lower] == nil {
      ahead[lower] = LayerFeed(image, layer: lower)
    }
    current = feed
    return feed
  }

  /// Ends all threads.
  func close() {
    current?.close()
    for feed in ahead.values { feed.close() }
  }
}
