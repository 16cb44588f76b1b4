import Glibc
import LinuxSystem
public import SystemPackage

/// The source of a new object's bytes, read once and in order.
public protocol ByteSource: ~Copyable {
  /// Reads the next bytes into a buffer that is not empty; returns their number, 0 at the end.
  mutating func read(into buffer: UnsafeMutableRawBufferPointer) throws(SIFError) -> Int
}

/// Bytes in memory.
public struct BytesSource: ByteSource {
  private var rest: ArraySlice<UInt8>

  /// All of `bytes`.
  public init(_ bytes: [UInt8]) { rest = bytes[...] }

  /// The next bytes.
  public mutating func read(into buffer: UnsafeMutableRawBufferPointer) -> Int {
    let next = rest.prefix(buffer.count)
    buffer.copyBytes(from: next)
    rest = rest.dropFirst(next.count)
    return next.count
  }
}

/// The contents of a file, a pipe or a device, read once from its current position.
public struct FileSource: ByteSource, ~Copyable {
  private let descriptor: OwnedDescriptor

  /// Opens a file for reading.
  public init(opening path: FilePath) throws(SIFError) {
    descriptor = try translating(
      try OwnedDescriptor(opening: path, flags: O_RDONLY | O_NOCTTY))
    // The kernel may read ahead in large steps. This is only advice; a pipe refuses it.
    _ = posix_fadvise(descriptor.rawValue, 0, 0, POSIX_FADV_SEQUENTIAL)
  }

  /// Opens a file for reading.
  public init(opening path: String) throws(SIFError) { try self.init(opening: FilePath(path)) }

  /// Whether a path leads to the same file. Copying a file into itself would never end.
  public func isSameFile(as path: FilePath) -> Bool {
    var other = stat()
    guard let mine = try? descriptor.status(), path.withPlatformString({ stat($0, &other) }) == 0 else {
      return false
    }
    return mine.st_mode & S_IFMT == S_IFREG && (mine.st_dev, mine.st_ino) == (other.st_dev, other.st_ino)
  }

  /// The length in bytes if it is known in advance: of a regular file, but not of a pipe.
  public var byteCount: Int64? {
    guard let status = try? descriptor.status(), status.st_mode & S_IFMT == S_IFREG else { return nil }
    return Int64(status.st_size)
  }

  /// The next bytes.
  ///
  /// - Throws: ``SIFError`` if they cannot be read, and within ``EndingSignals/deferred(_:)`` if a signal has come.
  public mutating func read(into buffer: UnsafeMutableRawBufferPointer) throws(SIFError) -> Int {
    try translating { () throws(SystemError) in
      try EndingSignals.wait(toRead: descriptor)
      return try SystemError.check("read", descriptor.path) {
        Glibc.read(descriptor.rawValue, buffer.baseAddress, buffer.count)
      }
    }
  }
}
