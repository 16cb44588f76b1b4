public import LinuxSystem

/// Bytes that can be read at any offset, from any thread: a file, a window of one, or a decrypting view.
public protocol RandomAccessReader: Sendable {
  /// How many bytes there are.
  var byteCount: Int64 { get }
  /// Reads at an offset until the buffer is full or the bytes end. Safe to call from several threads at once.
  ///
  /// - Returns: the number of bytes read; fewer than the buffer holds only at the end.
  func read(into buffer: UnsafeMutableRawBufferPointer, at offset: Int64) throws(SquashError) -> Int
}

/// A place that bytes can be written to at any offset.
public protocol RandomAccessWriter: Sendable {
  /// Writes all bytes at an offset, beyond what was written before or over it.
  func write(_ bytes: UnsafeRawBufferPointer, at offset: Int64) throws(SquashError)
}

/// An open file, or a window of it, as a reader and writer of squashfs.
public final class FileWindow: RandomAccessReader, RandomAccessWriter {
  private let descriptor: OwnedDescriptor
  private let start: Int64
  /// How many bytes the window shows; a writer may go beyond.
  public let byteCount: Int64

  /// A window over `byteCount` bytes from `start`, or to the end of the file.
  ///
  /// - Throws: ``SquashError/Code/truncated`` when the window reaches beyond the file.
  public init(
    _ descriptor: consuming OwnedDescriptor, start: Int64 = 0, byteCount: Int64? = nil
  ) throws(SquashError) {
    let size: Int64
    do { size = try descriptor.byteCount() } catch { throw .system(error) }
    guard start >= 0, start <= size, (byteCount ?? 0) >= 0, (byteCount ?? 0) <= size - start else {
      throw SquashError(.truncated, "the window reaches beyond the file's \(size) bytes")
    }
    self.descriptor = descriptor
    self.start = start
    self.byteCount = byteCount ?? (size - start)
  }

  /// Reads at an offset of the window.
  public func read(
    into buffer: UnsafeMutableRawBufferPointer, at offset: Int64
  ) throws(SquashError) -> Int {
    guard offset >= 0, offset < byteCount else { return 0 }
    let count = Int(min(Int64(buffer.count), byteCount - offset))
    do {
      return try descriptor.read(
        into: UnsafeMutableRawBufferPointer(rebasing: buffer[..<count]), at: start + offset)
    } catch { throw .system(error) }
  }

  /// Writes at an offset of the window.
  public func write(_ bytes: UnsafeRawBufferPointer, at offset: Int64) throws(SquashError) {
    let (position, overflow) = start.addingReportingOverflow(offset)
    guard offset >= 0, !overflow else { throw SquashError(.invalidArgument, "a negative offset") }
    do { try descriptor.write(bytes, at: position) } catch { throw .system(error) }
  }

  /// Sets the length of the file so that the window ends after `byteCount` bytes.
  public func truncate(to byteCount: Int64) throws(SquashError) {
    do { try descriptor.truncate(to: start + byteCount) } catch { throw .system(error) }
  }
}

/// Bytes in memory, for small images and tests.
public struct MemoryReader: RandomAccessReader {
  /// The bytes.
  public let bytes: [UInt8]

  /// A reader of bytes.
  public init(_ bytes: [UInt8]) { self.bytes = bytes }

  /// How many bytes there are.
  public var byteCount: Int64 { Int64(bytes.count) }

  /// Reads at an offset.
  public func read(
    into buffer: UnsafeMutableRawBufferPointer, at offset: Int64
  ) throws(SquashError) -> Int {
    guard offset >= 0, offset < bytes.count else { return 0 }
    let part = bytes[Int(offset)...].prefix(buffer.count)
    buffer.copyBytes(from: part)
    return part.count
  }
}

extension RandomAccessReader {
  /// Reads exactly `count` bytes, or reports that the image ends too early.
  func readExactly(
    _ destination: UnsafeMutableRawPointer, _ count: Int, at offset: Int64
  ) throws(SquashError) {
    let buffer = UnsafeMutableRawBufferPointer(start: destination, count: count)
    guard try read(into: buffer, at: offset) == count else {
      throw SquashError(.truncated, "the image ends inside a structure of \(count) bytes", offset: offset)
    }
  }
}
