public import Bytes
import Glibc
public import LinuxSystem
public import SIF
public import SystemPackage

/// An image opened as evidence: for reading alone, without a lock, and with its access time left as it is where
/// the kernel permits that.
///
/// Without a lock nobody has to wait, neither this reader for whoever holds one nor anybody for this reader;
/// an image that is being changed meanwhile is read as the file happens to be.
public final class EvidenceStorage: Storage {
  private let file: FileStorage
  /// Whether reading leaves the access time as it is: so for the owner and for root.
  public let keepsAccessTime: Bool

  /// Opens a regular file or a block device.
  public init(opening path: FilePath) throws(SIFError) {
    file = try FileStorage(opening: path)
    keepsAccessTime = file.withDescriptor { $0.keepAccessTime() }
  }

  /// Takes over a descriptor that is open for reading.
  public init(adopting descriptor: consuming OwnedDescriptor) {
    file = FileStorage(adopting: descriptor)
    keepsAccessTime = file.withDescriptor { $0.keepAccessTime() }
  }

  /// The path that the file was opened by.
  public var path: FilePath { file.path }

  /// The descriptor of the open file.
  public func withDescriptor<Result, Failure: Error>(
    _ body: (borrowing OwnedDescriptor) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    try file.withDescriptor(body)
  }

  /// The bytes that the file takes on its disk: its length without holes. A block device takes all of its own.
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

  /// Refused: evidence is not written to.
  public func write(_ bytes: UnsafeRawBufferPointer, at offset: Int64) throws(StorageFault) {
    throw Self.refusal
  }

  /// Refused: evidence is not written to.
  public func truncate(to length: Int64) throws(StorageFault) { throw Self.refusal }

  /// Nothing was written.
  public func synchronize() {}

  /// The first offset at or after `offset` that is not in a hole of the file.
  public func nextData(from offset: Int64) throws(StorageFault) -> Int64? {
    try file.nextData(from: offset)
  }

  static var refusal: StorageFault { StorageFault(.invalidArgument, "evidence is not written to") }
}
