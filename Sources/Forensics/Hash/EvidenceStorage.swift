public import Bytes
import Glibc
public import LinuxSystem
public import SIF
public import SystemPackage

/// An image opened as evidence: read-only, without a lock, and with its access time unchanged if the kernel
/// permits that.
///
/// Without a lock, this reader waits for nobody and nobody waits for it; an image that is being changed
/// meanwhile is read in whatever state the file has.
public final class EvidenceStorage: Storage {
  private let file: FileStorage
  /// Whether reading keeps the access time unchanged; true for the owner and for root.
  public let keepsAccessTime: Bool

  /// Opens a regular file or a block device.
  public init(opening path: FilePath) throws(SIFError) {
    file = try FileStorage(opening: path)
    keepsAccessTime = file.withDescriptor { $0.keepAccessTime() }
  }

  /// Opens a regular file or a block device whose path is text.
  public convenience init(opening path: String) throws(SIFError) { try self.init(opening: FilePath(path)) }

  /// Takes over a descriptor that is open for reading.
  public init(adopting descriptor: consuming OwnedDescriptor) {
    file = FileStorage(adopting: descriptor)
    keepsAccessTime = file.withDescriptor { $0.keepAccessTime() }
  }

  /// The path through which the file was opened.
  public var path: FilePath { file.path }

  /// The descriptor of the open file.
  public func withDescriptor<Result, Failure: Error>(
    _ body: (borrowing OwnedDescriptor) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    try file.withDescriptor(body)
  }

  /// The number of bytes that the file takes on disk: its length without holes. A block device takes its
  /// whole size.
  public func bytesOnDisk() throws(SIFError) -> Int64 {
    do throws(SystemError) {
      let status = try file.withDescriptor { (descriptor) throws(SystemError) in try descriptor.status() }
      if status.st_mode & S_IFMT == S_IFREG { return Int64(status.st_blocks) * 512 }
    } catch { throw SIFError(error) }
    do { return try byteCount } catch { throw SIFError(error) }
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

  /// Refused: evidence is read-only.
  public func write(_ bytes: UnsafeRawBufferPointer, at offset: Int64) throws(StorageFault) {
    throw Self.refusal
  }

  /// Refused: evidence is read-only.
  public func truncate(to length: Int64) throws(StorageFault) { throw Self.refusal }

  /// Does nothing, since nothing was written.
  public func synchronize() {}

  /// The first offset at or after `offset` that is not in a hole of the file.
  public func nextData(from offset: Int64) throws(StorageFault) -> Int64? {
    try file.nextData(from: offset)
  }

  static var refusal: StorageFault { StorageFault(.invalidArgument, "evidence is read-only") }
}
