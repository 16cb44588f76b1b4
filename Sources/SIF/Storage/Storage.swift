/// Where an image's bytes are: a file, or memory.
///
/// All access is positional, so that several threads may read at once. Offsets and lengths are in bytes.
public protocol Storage: AnyObject, Sendable {
  /// The number of bytes that are there.
  func byteCount() throws(SIFError) -> Int64

  /// Reads at an offset until the buffer is full or the bytes end; returns how many were read.
  func read(into buffer: UnsafeMutableRawBufferPointer, at offset: Int64) throws(SIFError) -> Int

  /// Writes all bytes at an offset, extending the storage (with zeros in between) where needed.
  func write(_ bytes: RawSpan, at offset: Int64) throws(SIFError)

  /// Sets the number of bytes; what is added reads as zeros.
  func truncate(to length: Int64) throws(SIFError)

  /// Returns once everything written so far will survive a power cut. Later writes are not reordered before it.
  func synchronize() throws(SIFError)

  /// The first offset at or after `offset` that may hold anything but zeros, or nil when there is none.
  func nextData(from offset: Int64) throws(SIFError) -> Int64?

  /// Takes a lock, waiting a bounded time for others.
  func lock(_ lock: StorageLock) throws(SIFError)

  /// Releases a lock.
  func unlock(_ lock: StorageLock)
}

/// The locks by which users of one image keep out of each other's way.
public enum StorageLock: Sendable {
  /// Held by a writer for the whole of an edit: two writers never interleave.
  case writing
  /// Held by a writer only while it changes the descriptor table and the header.
  case publishing
  /// Held by a reader while it reads the header and the descriptor table: it sees one state of both.
  case loading
}

extension Storage {
  /// Storage without holes.
  public func nextData(from offset: Int64) throws(SIFError) -> Int64? {
    offset < (try byteCount()) ? offset : nil
  }

  /// Storage that nobody else can reach needs no locks.
  public func lock(_ lock: StorageLock) throws(SIFError) {}

  /// Storage that nobody else can reach needs no locks.
  public func unlock(_ lock: StorageLock) {}

  /// The bytes from `offset` on, at most `count` of them; fewer where the storage ends.
  ///
  /// The caller bounds `count`: it is allocated.
  public func read(_ count: Int, at offset: Int64) throws(SIFError) -> [UInt8] {
    var failure: SIFError?
    let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
      do throws(SIFError) {
        initialized = try read(into: UnsafeMutableRawBufferPointer(buffer), at: offset)
      } catch {
        failure = error
      }
    }
    if let failure { throw failure }
    return bytes
  }

  /// Reads at a position of a window, until the buffer is full or the window or the storage ends.
  ///
  /// - Parameters:
  ///   - position: counted from the window's start; nothing is there before 0 and from `byteCount` on.
  ///   - start: where the window begins in the storage.
  ///   - byteCount: how long the window is.
  /// - Returns: the number of bytes read.
  public func read(
    into buffer: UnsafeMutableRawBufferPointer, at position: Int64, ofWindowAt start: Int64, byteCount: Int64
  ) throws(SIFError) -> Int {
    guard position >= 0, position < byteCount else { return 0 }
    let count = Int(min(Int64(buffer.count), byteCount - position))
    return try read(into: UnsafeMutableRawBufferPointer(rebasing: buffer[..<count]), at: start + position)
  }

  /// Runs a body while a lock is held.
  func withLock<Result>(
    _ kind: StorageLock, _ body: () throws(SIFError) -> Result
  ) throws(SIFError) -> Result {
    try lock(kind)
    defer { unlock(kind) }
    return try body()
  }
}
