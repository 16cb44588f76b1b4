/// A bounds-checked reader of big-endian fields, in the order of the bytes.
struct ByteCursor: ~Escapable {
  private let bytes: Span<UInt8>
  /// The offset of the next byte to read.
  private(set) var offset = 0
  /// The offset of the bytes in the whole data, which is added to offsets in errors.
  private let origin: Int

  @_lifetime(copy bytes)
  init(_ bytes: Span<UInt8>, origin: Int = 0) {
    self.bytes = bytes
    self.origin = origin
  }

  var remaining: Int { bytes.count - offset }

  func fail(_ code: OpenPGPError.Code, _ what: String) -> OpenPGPError {
    OpenPGPError(code, what, at: origin + offset)
  }

  /// Skips bytes and returns their range.
  mutating func skip(_ count: Int) throws(OpenPGPError) -> Range<Int> {
    guard count >= 0, count <= remaining else { throw fail(.truncated, "the data ends too early") }
    let start = offset
    offset += count
    return start..<offset
  }

  mutating func byte() throws(OpenPGPError) -> UInt8 {
    bytes[try skip(1).lowerBound]
  }

  /// An unsigned integer of one to four bytes.
  mutating func integer(_ count: Int) throws(OpenPGPError) -> Int {
    var value = 0
    for index in try skip(count) { value = value << 8 | Int(bytes[index]) }
    return value
  }

  mutating func array(_ count: Int) throws(OpenPGPError) -> [UInt8] {
    array(in: try skip(count))
  }

  /// A copy of bytes that were skipped before.
  func array(in range: Range<Int>) -> [UInt8] {
    var result: [UInt8] = []
    result.reserveCapacity(range.count)
    for index in range.clamped(to: 0..<bytes.count) { result.append(bytes[index]) }
    return result
  }

  /// Skips a multiprecision integer (RFC 9580 section 3.2) and returns the range of its value. Its length may
  /// count leading zero bits: old programs wrote such numbers into signatures that must still verify.
  mutating func skipMPI() throws(OpenPGPError) -> Range<Int> {
    let bits = try integer(2)
    guard bits <= 16384 else { throw fail(.tooLarge, "a number of \(bits) bits") }
    return try skip((bits + 7) / 8)
  }

  /// A multiprecision integer's value, without leading zero bytes.
  mutating func mpi() throws(OpenPGPError) -> [UInt8] {
    Array(array(in: try skipMPI()).drop { $0 == 0 })
  }

  /// Part of the bytes.
  @_lifetime(copy self)
  func extracting(_ range: Range<Int>) -> Span<UInt8> {
    bytes.extracting(range.clamped(to: 0..<bytes.count))
  }
}

/// Numbers as OpenPGP writes them: big-endian.
enum BigEndian {
  static func bytes<Value: FixedWidthInteger>(_ value: Value) -> [UInt8] {
    withUnsafeBytes(of: value.bigEndian) { Array($0) }
  }

  /// A multiprecision integer (RFC 9580 section 3.2).
  static func mpi(_ number: [UInt8]) -> [UInt8] {
    let digits = Array(number.drop { $0 == 0 })
    guard let first = digits.first else { return [0, 0] }
    return bytes(UInt16(truncatingIfNeeded: digits.count * 8 - first.leadingZeroBitCount)) + digits
  }

  /// The number, with zero bytes added at the front up to a length.
  static func padded(_ number: [UInt8], _ count: Int) -> [UInt8] {
    [UInt8](repeating: 0, count: max(0, count - number.count)) + number
  }

  /// The value of the first eight bytes.
  static func integer64(_ bytes: some Sequence<UInt8>) -> UInt64 {
    bytes.prefix(8).reduce(0) { $0 << 8 | UInt64($1) }
  }
}
