import Glibc

/// Reads a structure's fields one by one, in disk order, never past its end.
///
/// All integers of the format are little-endian and unaligned (spec/format.md, "Conventions").
struct LittleEndianReader: ~Escapable {
  private let bytes: RawSpan
  /// The offset of the next field within the structure.
  private(set) var position = 0

  @_lifetime(copy bytes)
  init(_ bytes: RawSpan) { self.bytes = bytes }

  /// The next integer. A structure that is shorter than its fields reads as if zeros followed.
  mutating func integer<Value: FixedWidthInteger>(_ type: Value.Type = Value.self) -> Value {
    var value: Value = 0
    for index in 0..<MemoryLayout<Value>.size where position + index < bytes.byteCount {
      value |=
        Value(truncatingIfNeeded: bytes.unsafeLoad(fromByteOffset: position + index, as: UInt8.self))
        << (8 * index)
    }
    position += MemoryLayout<Value>.size
    return value
  }

  /// The next `count` bytes; zeros where the structure has ended.
  mutating func field(_ count: Int) -> [UInt8] {
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

  /// The `count` bytes at an offset; zeros where the structure has ended.
  static func field(of bytes: RawSpan, at offset: Int, count: Int) -> [UInt8] {
    var reader = LittleEndianReader(bytes)
    reader.position = offset
    return reader.field(count)
  }

  /// The next `count` bytes without the NULs that pad them at the end.
  mutating func paddedField(_ count: Int) -> [UInt8] {
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
struct LittleEndianWriter {
  private(set) var bytes: [UInt8] = []

  init(capacity: Int) { bytes.reserveCapacity(capacity) }

  mutating func append(_ value: some FixedWidthInteger) {
    withUnsafeBytes(of: value.littleEndian) { bytes.append(contentsOf: $0) }
  }

  /// Appends a byte array, cut or NUL-padded to `count` bytes.
  mutating func append(_ field: [UInt8], count: Int) {
    bytes.append(contentsOf: field.prefix(count))
    bytes.append(contentsOf: repeatElement(0, count: count - min(field.count, count)))
  }
}

extension RawSpan {
  /// Whether every byte is zero.
  package var isZero: Bool {
    withUnsafeBytes { bytes in
      guard let first = bytes.baseAddress, !bytes.isEmpty else { return true }
      guard bytes[0] == 0 else { return false }
      // Equal to itself one byte further on: every byte is the first one.
      return memcmp(first, first + 1, bytes.count - 1) == 0
    }
  }
}

extension Array<UInt8> {
  /// The bytes without the NULs at the end.
  public var withoutTrailingNULs: [UInt8] {
    Array(prefix((lastIndex { $0 != 0 } ?? -1) + 1))
  }
}
