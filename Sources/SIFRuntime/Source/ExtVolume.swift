import Bytes
import Glibc
import LinuxSystem
public import SIF
import SystemPackage

/// An ext3 file system in a file. The program `fuse2fs` serves it: the kernel's driver trusts what it reads, so it never
/// gets one (spec/runtime.md "Ext3 file systems").
public final class ExtVolume: Sendable {
  /// The open file.
  let storage: FileStorage
  /// The first byte of the file system in the file.
  let offset: Int64
  /// Whether it may be written.
  public let isWritable: Bool

  /// Checks that a range of a file is a whole ext3 file system, and locks it: for one writer, or for readers.
  ///
  /// - Parameters:
  ///   - storage: the file, open for writing if the file system is to be written.
  ///   - isWritable: whether it is.
  /// - Throws: ``RuntimeError`` if it is another file system, cut off, or in use.
  public init(
    _ storage: FileStorage, offset: Int64, byteCount: Int64, isWritable: Bool
  ) throws(RuntimeError) {
    self.storage = storage
    self.offset = offset
    self.isWritable = isWritable
    let path = storage.path.string
    let head: [UInt8]
    do {
      head = try Window(storage, start: offset, byteCount: byteCount).read(
        ExtSuperblock.byteCount, at: ExtSuperblock.offset)
    } catch { throw RuntimeError(.system, "\(path): \(error.description)") }
    let superblock = ExtSuperblock(decoding: head.span.bytes)
    guard superblock.isExt3, let length = superblock.length else {
      throw RuntimeError(
        .unsupportedFileSystem,
        "\(path) holds no ext3 file system"
          + (superblock.hasMagic ? ", but ext2 or ext4, whose features are not used here" : ""))
    }
    guard length <= byteCount else {
      throw RuntimeError(
        .malformed, "the ext3 file system of \(path) is cut off: \(byteCount) of \(length) bytes are present")
    }
    try lock(length)
  }

  /// The number of the open file's descriptor.
  var descriptorNumber: Int32 { storage.withDescriptor { $0.rawValue } }

  /// Seconds to wait for the lock: after a program's end, the server may still be writing.
  private static let patience = 3.0

  /// Locks the range as the runtimes do. Every process that has this open file holds the lock: `fuse2fs`, too.
  private func lock(_ length: Int64) throws(RuntimeError) {
    do {
      try storage.withDescriptor { (file) throws(SystemError) in
        try file.lock(exclusive: isWritable, start: offset, length: length, patience: Self.patience)
      }
    } catch {
      switch error.errno {
      case .resourceTemporarilyUnavailable, .permissionDenied:
        throw RuntimeError(
          .unavailable,
          isWritable
            ? "\(storage.path.string) cannot be written: another process uses its ext3 file system"
            : "\(storage.path.string) cannot be read: another process writes its ext3 file system")
      // Some network file systems have no locks.
      case .noLocks, .notSupported, .invalidArgument, .noFunction: return
      default: throw RuntimeError(error)
      }
    }
  }
}
