import Bytes
import Gcrypt
import Glibc
import LinuxSystem
import SystemPackage

/// Writes bytes, and hashes them in a thread of its own while the next ones come.
///
/// Hashing takes longer than receiving and writing together, so that thread does nothing else.
final class HashingSink: @unchecked Sendable {
  private let descriptor: OwnedDescriptor
  private let monitor = Monitor()
  private var free: [UnsafeMutableRawBufferPointer] = []
  private var full: [(buffer: UnsafeMutableRawBufferPointer, count: Int)] = []
  private var isClosed = false
  private var hash: HashContext?
  private var thread: Thread?
  /// Where the next bytes are written.
  var position: Int64 = 0
  private var advised: Int64 = 0
  private static let blockCount = 8
  private static let blockSize = 1 << 20

  init(_ file: borrowing OwnedDescriptor, _ algorithm: HashAlgorithm) throws {
    descriptor = try file.copy()
    hash = try HashContext(algorithm)
    for _ in 0..<Self.blockCount {
      free.append(.allocate(byteCount: Self.blockSize, alignment: 4096))
    }
  }

  deinit {
    abandon()
    for block in free { block.deallocate() }
    for block in full { block.buffer.deallocate() }
  }

  /// Hashes bytes that are in the file already. Only before the first ``take()``.
  func hash(_ bytes: UnsafeRawBufferPointer) { hash?.update(bytes) }

  /// An empty block; waits until one is free.
  func take() throws(SystemError) -> UnsafeMutableRawBufferPointer {
    if thread == nil { thread = try Thread { [unowned self] in work() } }
    monitor.lock()
    defer { monitor.unlock() }
    while free.isEmpty { monitor.wait(for: .space) }
    return free.removeLast()
  }

  /// Writes the first bytes of a block, and gives it back, to be hashed.
  func give(_ buffer: UnsafeMutableRawBufferPointer, _ count: Int) throws(SystemError) {
    var written = 0
    defer {
      monitor.lock()
      full.append((buffer, written))
      monitor.signal(.work)
      monitor.unlock()
    }
    try descriptor.write(UnsafeRawBufferPointer(rebasing: buffer[..<count]), at: position)
    written = count
    position += Int64(count)
    startWriting()
  }

  private func work() {
    while true {
      monitor.lock()
      while full.isEmpty, !isClosed { monitor.wait(for: .work) }
      guard !full.isEmpty else {
        monitor.unlock()
        return
      }
      let next = full.removeFirst()
      monitor.unlock()
      hash?.update(UnsafeRawBufferPointer(rebasing: next.buffer[..<next.count]))
      monitor.lock()
      free.append(next.buffer)
      monitor.signal(.space)
      monitor.unlock()
    }
  }

  /// Has the disk begin with what is written here, so that it has little to do at the end. Such advice starts that, and what
  /// waits for the disk stays in memory.
  private func startWriting() {
    guard position - advised >= 8 << 20 else { return }
    posix_fadvise(descriptor.rawValue, Int(advised), Int(position - advised), POSIX_FADV_DONTNEED)
    advised = position
  }

  /// Waits until everything is hashed, and ends the thread.
  func abandon() {
    monitor.lock()
    isClosed = true
    monitor.broadcast(.work)
    monitor.unlock()
    thread?.join()
    thread = nil
  }

  /// Waits until everything is hashed; returns the digest.
  func finish() -> [UInt8] {
    abandon()
    return hash.take()?.finalize() ?? []
  }
}
