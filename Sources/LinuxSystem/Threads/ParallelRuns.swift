package import Bytes
import Synchronization

/// Runs of bytes for several threads: long enough to keep a core busy, short enough for its cache.
package enum ParallelRuns {
  /// The length of a run.
  private static let byteCount = 1 << 20

  /// Calls a body for every run, with a buffer as long as the run and its position. The first failure ends the work.
  package static func forEach(
    _ total: Int64, threads: Int,
    _ body: @escaping @Sendable (UnsafeMutableRawBufferPointer, Int64) throws(StorageFault) -> Void
  ) throws(StorageFault) {
    let run = Int64(byteCount)
    let count = Int((total + run - 1) / run)
    let lanes = max(1, min(threads, count))
    let next = SharedCounter()
    let failure = SharedFailure()
    Workers.forEach(lanes, threads: lanes) { _ in
      let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: byteCount, alignment: 4096)
      defer { buffer.deallocate() }
      while failure.error == nil {
        let index = next.take()
        guard index < count else { return }
        let position = Int64(index) * run
        let length = Int(min(run, total - position))
        do throws(StorageFault) {
          try body(UnsafeMutableRawBufferPointer(rebasing: buffer[..<length]), position)
        } catch { failure.note(error) }
      }
    }
    if let error = failure.error { throw error }
  }
}

/// Hands out the numbers from 0 up.
private final class SharedCounter: Sendable {
  private let next = Atomic<Int>(0)

  func take() -> Int { next.add(1, ordering: .relaxed).oldValue }
}

/// The first failure of several threads.
private final class SharedFailure: Sendable {
  private let first = Mutex<StorageFault?>(nil)

  var error: StorageFault? { first.withLock { $0 } }

  func note(_ error: StorageFault) { first.withLock { $0 = $0 ?? error } }
}

/// Buffers that threads take and give back.
package final class BufferPool: Sendable {
  private struct Buffer: @unchecked Sendable {
    let bytes: UnsafeMutableRawBufferPointer
  }

  private let byteCount: Int
  private let free = Mutex<[Buffer]>([])

  /// Buffers of one length.
  package init(byteCount: Int) { self.byteCount = byteCount }

  deinit {
    for buffer in free.withLock({ $0 }) { buffer.bytes.deallocate() }
  }

  /// A buffer that nobody else has.
  package func take() -> UnsafeMutableRawBufferPointer {
    free.withLock { $0.popLast() }?.bytes
      ?? UnsafeMutableRawBufferPointer.allocate(byteCount: byteCount, alignment: 4096)
  }

  /// Ends the use of a buffer.
  package func giveBack(_ bytes: UnsafeMutableRawBufferPointer) {
    let buffer = Buffer(bytes: bytes)
    free.withLock { $0.append(buffer) }
  }
}
