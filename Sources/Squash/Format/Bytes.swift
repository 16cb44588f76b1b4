/// Little-endian fields of squashfs, read from memory whose bounds the caller has checked.
extension UnsafeRawPointer {
  /// The unsigned 16-bit field at a byte offset.
  @inline(__always) func u16(_ offset: Int) -> UInt16 {
    UInt16(littleEndian: loadUnaligned(fromByteOffset: offset, as: UInt16.self))
  }
  /// The unsigned 32-bit field at a byte offset.
  @inline(__always) func u32(_ offset: Int) -> UInt32 {
    UInt32(littleEndian: loadUnaligned(fromByteOffset: offset, as: UInt32.self))
  }
  /// The unsigned 64-bit field at a byte offset.
  @inline(__always) func u64(_ offset: Int) -> UInt64 {
    UInt64(littleEndian: loadUnaligned(fromByteOffset: offset, as: UInt64.self))
  }
}

extension [UInt8] {
  /// Appends an integer in little-endian order.
  mutating func append<Value: FixedWidthInteger>(littleEndian value: Value) {
    Swift.withUnsafeBytes(of: value.littleEndian) { append(contentsOf: $0) }
  }
}

/// A fixed buffer of raw memory with one owner.
struct RawBuffer: ~Copyable {
  let start: UnsafeMutableRawPointer
  let count: Int

  init(count: Int) {
    start = UnsafeMutableRawPointer.allocate(byteCount: max(count, 1), alignment: 64)
    self.count = count
  }

  deinit { start.deallocate() }

  var bytes: UnsafeMutableRawBufferPointer { UnsafeMutableRawBufferPointer(start: start, count: count) }
}
