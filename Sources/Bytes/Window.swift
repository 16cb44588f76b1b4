/// A range of other bytes, shown as if it were a whole file: reading ends at its end.
public struct Window: RandomAccess {
  private let base: any RandomAccess
  /// The offset of the window in the bytes beneath.
  public let start: Int64
  /// The number of bytes that it shows. The bytes beneath may end sooner.
  public let byteCount: Int64

  /// A window over `byteCount` bytes from `start` on.
  public init(_ base: any RandomAccess, start: Int64, byteCount: Int64) {
    self.base = base
    self.start = start
    self.byteCount = byteCount
  }

  /// A window over a range.
  public init(_ base: any RandomAccess, _ range: Range<Int64>) {
    let (byteCount, overflow) = range.upperBound.subtractingReportingOverflow(range.lowerBound)
    self.init(base, start: range.lowerBound, byteCount: overflow ? .max : byteCount)
  }

  /// The place of the window in the file.
  public var origin: Int64? {
    guard let (origin, overflow) = base.origin?.addingReportingOverflow(start), !overflow else { return nil }
    return origin
  }

  /// Reads at an offset of the window until the buffer is full, or the window or the bytes beneath end.
  public func read(
    into buffer: UnsafeMutableRawBufferPointer, at offset: Int64
  ) throws(StorageFault) -> Int {
    guard offset >= 0, offset < byteCount else { return 0 }
    let (position, overflow) = start.addingReportingOverflow(offset)
    // No file has bytes at such an offset.
    guard !overflow else { return 0 }
    let count = Int(min(Int64(buffer.count), byteCount - offset))
    do {
      return try base.read(into: UnsafeMutableRawBufferPointer(rebasing: buffer[..<count]), at: position)
    } catch {
      throw error.rebased(by: start)
    }
  }
}

/// A window that can also be written, even beyond its end.
public struct WritableWindow: RandomAccess, RandomWritable {
  private let base: any RandomAccess & RandomWritable
  private let window: Window

  /// A window over `byteCount` bytes from `start` on.
  public init(_ base: any RandomAccess & RandomWritable, start: Int64, byteCount: Int64) {
    self.base = base
    window = Window(base, start: start, byteCount: byteCount)
  }

  /// The number of bytes that it shows.
  public var byteCount: Int64 { window.byteCount }

  /// The place of the window in the file.
  public var origin: Int64? { window.origin }

  /// Reads at an offset of the window until the buffer is full, or the window or the bytes beneath end.
  public func read(
    into buffer: UnsafeMutableRawBufferPointer, at offset: Int64
  ) throws(StorageFault) -> Int {
    try window.read(into: buffer, at: offset)
  }

  /// Writes all bytes at an offset of the window.
  public func write(_ bytes: UnsafeRawBufferPointer, at offset: Int64) throws(StorageFault) {
    let (position, overflow) = window.start.addingReportingOverflow(offset)
    guard offset >= 0, !overflow else {
      throw StorageFault(.invalidArgument, "cannot write at byte \(offset)")
    }
    do { try base.write(bytes, at: position) } catch { throw error.rebased(by: window.start) }
  }
}

/// Bytes in memory.
public struct MemoryReader: RandomAccess {
  /// The bytes.
  public let bytes: [UInt8]

  /// A reader of bytes.
  public init(_ bytes: [UInt8]) { self.bytes = bytes }

  /// The number of bytes.
  public var byteCount: Int64 { Int64(bytes.count) }

  /// Reads at an offset until the buffer is full or the bytes end.
  public func read(into buffer: UnsafeMutableRawBufferPointer, at offset: Int64) -> Int {
    guard offset >= 0, offset < bytes.count else { return 0 }
    let part = bytes[Int(offset)...].prefix(buffer.count)
    buffer.copyBytes(from: part)
    return part.count
  }
}
