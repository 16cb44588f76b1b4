public import Bytes
import Glibc
public import LinuxSystem
public import SystemPackage

/// An image in a file or on a block device.
public final class FileStorage: Storage {
  private let file: RandomAccessFile
  /// Whether the file was opened for writing.
  public let isWritable: Bool
  /// Whether reading keeps the file's access time unchanged.
  public let preservesAccessTime: Bool

  /// Opens an image.
  ///
  /// Anything other than a regular file or a block device is refused without waiting: a FIFO, a directory, a
  /// terminal.
  ///
  /// - Parameters:
  ///   - path: the file.
  ///   - writable: whether to open it for writing too.
  ///   - preservesAccessTime: whether reading should keep the file's access time unchanged. The kernel grants
  ///     that to the owner and the superuser; ``preservesAccessTime`` says whether it did.
  public init(
    opening path: FilePath, writable: Bool = false, preservesAccessTime: Bool = false
  ) throws(SIFError) {
    // A FIFO would block without O_NONBLOCK; a terminal could become the controlling one without O_NOCTTY.
    let flags = (writable ? O_RDWR : O_RDONLY) | O_NONBLOCK | O_NOCTTY
    do {
      if preservesAccessTime, let quiet = try Self.openQuietly(path, flags) {
        file = RandomAccessFile(adopting: quiet)
        self.preservesAccessTime = true
      } else {
        file = RandomAccessFile(adopting: try OwnedDescriptor(opening: path, flags: flags))
        self.preservesAccessTime = false
      }
    } catch  where error.errno == .isDirectory {
      throw SIFError(.notSIF, "not a SIF image: it is a directory", path: path)
    } catch {
      throw SIFError(error)
    }
    isWritable = writable
    let mode =
      try translating { () throws(SystemError) in try file.descriptor.status().st_mode } & S_IFMT
    guard mode == S_IFREG || mode == S_IFBLK else {
      throw SIFError(.notSIF, "not a SIF image: it is \(FileKind.name(mode))", path: path)
    }
  }

  /// Opens an image whose path is text.
  public convenience init(
    opening path: String, writable: Bool = false, preservesAccessTime: Bool = false
  ) throws(SIFError) {
    try self.init(opening: FilePath(path), writable: writable, preservesAccessTime: preservesAccessTime)
  }

  /// Takes over a descriptor that is open for reading and writing, such as that of a new file.
  public init(adopting descriptor: consuming OwnedDescriptor) {
    file = RandomAccessFile(adopting: descriptor)
    isWritable = true
    preservesAccessTime = false
  }

  /// Opens with `O_NOATIME`; returns nil if the kernel does not grant it.
  private static func openQuietly(_ path: FilePath, _ flags: Int32) throws(SystemError) -> OwnedDescriptor? {
    do {
      return try OwnedDescriptor(opening: path, flags: flags | OwnedDescriptor.keepsAccessTime)
    } catch {
      guard error.errno == .notPermitted else { throw error }
      return nil
    }
  }

  /// The path through which the file was opened.
  public var path: FilePath { file.descriptor.path }

  /// The descriptor of the open file, for calls that need one: mapping, copying between files.
  public func withDescriptor<Result: ~Copyable, Failure: Error>(
    _ body: (borrowing OwnedDescriptor) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    try body(file.descriptor)
  }

  /// Whether the path now leads to another file: this one was replaced or removed.
  func hasLostItsName() throws(SIFError) -> Bool {
    try translating { () throws(SystemError) in
      let mine = try file.descriptor.status()
      var named = stat()
      try SystemError.check("examine", path) { path.withPlatformString { stat($0, &named) } }
      return (mine.st_dev, mine.st_ino) != (named.st_dev, named.st_ino)
    }
  }

  /// The number of bytes in the file.
  public var byteCount: Int64 {
    get throws(StorageFault) { try file.byteCount }
  }

  /// Reads at an offset until the buffer is full or the file ends.
  public func read(
    into buffer: UnsafeMutableRawBufferPointer, at offset: Int64
  ) throws(StorageFault) -> Int {
    try file.read(into: buffer, at: offset)
  }

  /// Writes all bytes at an offset.
  public func write(_ bytes: UnsafeRawBufferPointer, at offset: Int64) throws(StorageFault) {
    try file.write(bytes, at: offset)
  }

  /// Sets the length of the file.
  public func truncate(to length: Int64) throws(StorageFault) { try file.truncate(to: length) }

  /// Returns once everything written so far is on stable storage.
  public func synchronize() throws(StorageFault) { try file.synchronize() }

  /// The first offset at or after `offset` that is not in a hole of the file.
  public func nextData(from offset: Int64) throws(StorageFault) -> Int64? {
    try file.nextData(from: offset)
  }

  /// The time to wait for a lock, in seconds.
  private static let patience: Double = 30

  /// Takes a lock on one byte far beyond every image, where it disturbs nobody's lock on the image's own
  /// bytes.
  ///
  /// Readers go on without a lock on a file system that has none; writers refuse.
  public func lock(_ lock: StorageLock) throws(SIFError) {
    do {
      try file.descriptor.lock(
        exclusive: lock != .loading, start: lock.position, length: 1, patience: Self.patience)
    } catch  where error.errno == .resourceTemporarilyUnavailable || error.errno == .permissionDenied {
      let other = lock == .loading ? "a writer" : "another program"
      throw SIFError(
        .locked, "\(other) has held a lock on the image for \(Int(Self.patience)) seconds", path: path)
    } catch {
      if lock != .loading { throw SIFError(error) }
    }
  }

  /// Releases a lock.
  public func unlock(_ lock: StorageLock) {
    // A failure is harmless: the last close releases every lock.
    try? file.descriptor.unlock(start: lock.position, length: 1)
  }
}

extension StorageLock {
  /// The byte that stands for the lock. Two locks on the same byte exclude each other.
  fileprivate var position: Int64 {
    switch self {
    case .writing: Int64.max - 2
    case .publishing, .loading: Int64.max - 1
    }
  }
}
