import LinuxSystem
import SIF

/// Reads an image's file once, from its first byte to its last, and measures each region on the way.
///
/// One thread reads and counts, another hashes. Both share a few buffers, so that a file of any length needs
/// a megabyte of memory, and takes no longer than its SHA-256.
enum Measurement {
  /// The number of bytes to read at once: few enough that they are still in the processor's cache when they
  /// are hashed.
  static let blockBytes = 256 << 10

  /// Measures regions that follow one another without gaps.
  ///
  /// - Parameter progress: called with numbers of bytes as they are done.
  static func run(
    _ storage: any Storage, _ regions: inout [MapRegion], progress: ((Int64) -> Void)?
  ) throws(SIFError) {
    let ends = regions.map(\.end)
    guard let size = ends.last else { return }
    let hasher = RegionHasher(ends)
    let counter = RegionCounter(storage, ends)
    let queue = PieceQueue()
    // A small file is done before a thread would start.
    var thread: Thread?
    if size > 4 * Int64(blockBytes) { thread = try? Thread { queue.fill(from: counter) } }
    if thread != nil {
      while let (piece, buffer) = queue.take() {
        hasher.consume(piece, queue.buffers[buffer])
        queue.release(buffer)
        progress?(piece.count)
      }
      thread?.join()
    } else {
      while let piece = counter.next(into: queue.buffers[0]) {
        hasher.consume(piece, queue.buffers[0])
        progress?(piece.count)
      }
    }
    if let failure = counter.failure ?? hasher.failure { throw failure }
    for index in regions.indices {
      regions[index].measure = counter.measures[index]
      regions[index].measure.sha256 = hasher.digests[index]
    }
  }
}

/// Buffers that circulate between the thread that fills them and the one that hashes them.
final class PieceQueue: @unchecked Sendable {
  let buffers: [UnsafeMutableRawBufferPointer]
  private let monitor = Monitor()
  private var free: [Int]
  private var filled: [(MapPiece, Int)] = []
  private var isFinished = false

  init() {
    buffers = (0..<4).map { _ in .allocate(byteCount: Measurement.blockBytes, alignment: 4096) }
    free = Array(buffers.indices)
  }

  deinit { for buffer in buffers { buffer.deallocate() } }

  /// Fills buffers until everything is read.
  func fill(from counter: RegionCounter) {
    while true {
      monitor.lock()
      while free.isEmpty { monitor.wait(for: .space) }
      let buffer = free.removeLast()
      monitor.unlock()
      let piece = counter.next(into: buffers[buffer])
      monitor.lock()
      if let piece { filled.append((piece, buffer)) } else { isFinished = true }
      monitor.signal(.work)
      monitor.unlock()
      if piece == nil { return }
    }
  }

  /// The next piece with the number of its buffer; nil at the end.
  func take() -> (MapPiece, Int)? {
    monitor.lock()
    defer { monitor.unlock() }
    while filled.isEmpty, !isFinished { monitor.wait(for: .work) }
    return filled.isEmpty ? nil : filled.removeFirst()
  }

  /// Returns a buffer.
  func release(_ buffer: Int) {
    monitor.lock()
    free.append(buffer)
    monitor.signal(.space)
    monitor.unlock()
  }
}
