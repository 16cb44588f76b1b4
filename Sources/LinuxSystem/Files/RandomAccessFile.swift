public import Bytes
import Glibc
import SystemPackage

/// An open file whose bytes are read and written at any offset.
public final class RandomAccessFile: RandomAccess, RandomWritable {
  /// The open file, for calls that need it: mapping, copying between files.
  public let descriptor: OwnedDescriptor

  /// Opens a file for reading.
  public convenience init(opening path: String) throws(SystemError) {
    self.init(adopting: try OwnedDescriptor(opening: FilePath(path), flags: O_RDONLY | O_NOCTTY))
  }

  /// Takes over a descriptor of a regular file or a block device.
  public init(adopting descriptor: consuming OwnedDescriptor) { self.descriptor = descriptor }

  /// The number of bytes that the file has now.
  public var byteCount: Int64 {
    get throws(StorageFault) {
      do { return try descriptor.byteCount() } catch { throw StorageFault(.system, causedBy: error) }
    }
  }

  /// Reads at an offset until the buffer is full or the file ends.
  public func read(
    into buffer: UnsafeMutableRawBufferPointer, at offset: Int64
  ) throws(StorageFault) -> Int {
    do { return try descriptor.read(into: buffer, at: offset) } catch {
      throw StorageFault(.system, causedBy: error)
    }
  }

  /// Writes all bytes at an offset.
  public func write(_ bytes: UnsafeRawBufferPointer, at offset: Int64) throws(StorageFault) {
    do { try descriptor.write(bytes, at: offset) } catch { throw StorageFault(.system, causedBy: error) }
  }

  /// Sets the length of the file.
  public func truncate(to length: Int64) throws(StorageFault) {
    do { try descriptor.truncate(to: length) } catch { throw StorageFault(.system, causedBy: error) }
  }

  /// Returns once everything written so far is on stable storage.
  public func synchronize() throws(StorageFault) {
    do { try descriptor.synchronize() } catch { throw StorageFault(.system, causedBy: error) }
  }

  /// The first offset at or after `offset` that is not in a hole of the file; nil at or after its end.
  public func nextData(from offset: Int64) throws(StorageFault) -> Int64? {
    guard offset < (try byteCount) else { return nil }
    do { return try descriptor.nextData(from: offset) } catch {
      throw StorageFault(.system, causedBy: error)
    }
  }
}
