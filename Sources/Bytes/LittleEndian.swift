/// Reads a structure's fields one by one, in disk order, never past its end. All integers are little-endian and
/// unaligned.
package struct LittleEndianReader: ~Escapable {
  private let bytes: RawSpan
  /// The offset of the next field within the structure.
  package private(set) var position: Int

  /// A reader at an offset of a structure.
  @_lifetime(copy bytes)
  package init(_ bytes: RawSpan, at position: Int = 0) {
    self.bytes = bytes
    self.position = position
  }

  /// The next integer. A structure that is shorter than its fields reads as if zeros followed.
  package mutating func integer() -> UInt8 { next() }
  /// The next integer.
  package mutating func integer() -> UInt16 { next() }
  /// The next integer.
  package mutating func integer() -> UInt32 { next() }
  /// The next integer.
  package mutating func integer() -> UInt64 { next() }
  /// The next integer.
  package mutating func integer() -> Int32 { next() }
  /// The next integer.
  package mutating func integer() -> Int64 { next() }

  // Only this private function is generic: the compiler does not specialise a generic function that another
  // module calls.
  private mutating func next<Value: FixedWidthInteger>() -> Value {
    var value: Value = 0
    for index in 0..<MemoryLayout<Value>.size where position + index < bytes.byteCount {
      value |=
        Value(truncatingIfNeeded: bytes.unsafeLoad(fromByteOffset: position + index, as: UInt8.self))
        << (8 * index)
    }
    position += MemoryLayout<Value>.size
    return value
  }

  /// The next `count` bytes; zeros after the end of the structure.
  package mutating func field(_ count: Int) -> [UInt8] {
    let start = position
    position += count
    return [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
      for index in 0..<count {
        let at = start + index
        buffer[index] = at < bytes.byteCount ? bytes.unsafeLoad(fromByteOffset: at, as: UInt8.self) : 0
      }
      initialized = count
    }
  }

  /// The next `count` bytes without the NULs that pad them at the end.
  package mutating func paddedField(_ count: Int) -> [UInt8] {
    let end = min(position + count, bytes.byteCount)
    var length = max(end - position, 0)
    while length > 0, bytes.unsafeLoad(fromByteOffset: position + length - 1, as: UInt8.self) == 0 {
      length -= 1
    }
    let value = field(length)
    position += count - length
    return value
  }
}

/// Builds a structure field by field, in disk order.
package struct LittleEndianWriter {
  /// The structure as far as it is built.
  package private(set) var bytes: [UInt8] = []

  /// An empty structure with room for `capacity` bytes.
  package init(capacity: Int) { bytes.reserveCapacity(capacity) }

  /// Appends an integer.
  package mutating func append(_ value: UInt8) { bytes.append(value) }
  /// Appends an integer.
  package mutating func append(_ value: UInt16) { bytes.append(littleEndian: value) }
  /// Appends an integer.
  package mutating func append(_ value: UInt32) { bytes.append(littleEndian: value) }
  /// Appends an integer.
  package mutating func append(_ value: UInt64) { bytes.append(littleEndian: value) }
  /// Appends an integer.
  package mutating func append(_ value: Int32) { bytes.append(littleEndian: value) }
  /// Appends an integer.
  package mutating func append(_ value: Int64) { bytes.append(littleEndian: value) }

  /// Appends a byte array, cut or NUL-padded to `count` bytes.
  package mutating func append(_ field: [UInt8], count: Int) {
    bytes.append(contentsOf: field.prefix(count))
    bytes.append(contentsOf: repeatElement(0, count: count - min(field.count, count)))
  }
}

extension [UInt8] {
  /// Appends an integer in little-endian order.
  @inlinable package mutating func append<Value: FixedWidthInteger>(littleEndian value: Value) {
    Swift.withUnsafeBytes(of: value.littleEndian) { append(contentsOf: $0) }
  }

  /// Overwrites the bytes at an offset with an integer in little-endian order. The caller has checked that it
  /// fits.
  package mutating func put<Value: FixedWidthInteger>(littleEndian value: Value, at offset: Int) {
    Swift.withUnsafeBytes(of: value.littleEndian) {
      replaceSubrange(offset..<offset + MemoryLayout<Value>.size, with: $0)
    }
  }

  /// The bytes without the NULs at the end.
  package var withoutTrailingNULs: [UInt8] {
    Array(prefix((lastIndex { $0 != 0 } ?? -1) + 1))
  }
}

/// Little-endian fields, read from memory whose bounds the caller has checked.
extension UnsafeRawPointer {
  /// The unsigned 16-bit field at a byte offset.
  @inlinable @inline(__always) package func u16(_ offset: Int) -> UInt16 {
    UInt16(littleEndian: loadUnaligned(fromByteOffset: offset, as: UInt16.self))
  }
  /// The unsigned 32-bit field at a byte offset.
  @inlinable @inline(__always) package func u32(_ offset: Int) -> UInt32 {
    UInt32(littleEndian: loadUnaligned(fromByteOffset: offset, as: UInt32.self))
  }
  /// The unsigned 64-bit field at a byte offset.
  @inlinable @inline(__always) package func u64(_ offset: Int) -> UInt64 {
    UInt64(littleEndian: loadUnaligned(fromByteOffset: offset, as: UInt64.self))
  }
}
