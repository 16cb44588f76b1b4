public import Bytes

/// The place of an image's bytes: a file, or memory.
///
/// All access is positional, so that several threads can read at once. Offsets and lengths are in bytes.
public protocol Storage: AnyObject, RandomAccess, RandomWritable {
  /// Sets the number of bytes; added bytes read as zeros.
  func truncate(to length: Int64) throws(StorageFault)

  /// Returns once everything written so far will survive a power cut. Later writes reach the disk after it.
  func synchronize() throws(StorageFault)

  /// The first offset at or after `offset` that may hold anything but zeros, or nil if there is none.
  func nextData(from offset: Int64) throws(StorageFault) -> Int64?

  /// Takes a lock, waiting a bounded time for others.
  func lock(_ lock: StorageLock) throws(SIFError)

  /// Releases a lock.
  func unlock(_ lock: StorageLock)
}

/// The locks that keep users of one image from disturbing each other.
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
  public func nextData(from offset: Int64) throws(StorageFault) -> Int64? {
    offset < (try byteCount) ? offset : nil
  }

  /// Storage that nobody else can reach needs no locks.
  public func lock(_ lock: StorageLock) throws(SIFError) {}

  /// Storage that nobody else can reach needs no locks.
  public func unlock(_ lock: StorageLock) {}

  /// Runs a body while a lock is held.
  func withLock<Result>(
    _ kind: StorageLock, _ body: () throws(SIFError) -> Result
  ) throws(SIFError) -> Result {
    try lock(kind)
    defer { unlock(kind) }
    return try body()
  }
}
