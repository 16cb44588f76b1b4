/// The limits of a text that the parser accepts.
public struct JSONLimits: Sendable {
  /// The most bytes of text.
  public var bytes: Int
  /// The most levels of nested arrays and objects.
  public var depth: Int
  /// Whether repeated keys within one object are kept instead of refused. Readers disagree on which one
  /// counts, so signed text must not have any.
  public var keepsDuplicateKeys: Bool

  /// Makes limits; by default 16 MiB, 64 levels and no repeated keys.
  public init(bytes: Int = 16 << 20, depth: Int = 64, keepsDuplicateKeys: Bool = false) {
    self.bytes = bytes
    self.depth = depth
    self.keepsDuplicateKeys = keepsDuplicateKeys
  }
}

/// A parser for the grammar of RFC 8259 and nothing beyond it: no comments, no trailing commas, no byte order
/// mark, no invalid UTF-8, and only white space after the value.
public struct JSONParser: ~Escapable {
  private let bytes: Span<UInt8>
  private let limits: JSONLimits
  /// Whether elements and members are kept; otherwise the value is only checked.
  private let keepsValues: Bool
  private var offset = 0

  @_lifetime(copy bytes)
  private init(_ bytes: Span<UInt8>, _ limits: JSONLimits, keepsValues: Bool) {
    self.bytes = bytes
    self.limits = limits
    self.keepsValues = keepsValues
  }

  /// Parses a text that is one JSON value.
  ///
  /// - Throws: ``JSONError`` with the byte where the text violates the grammar or a limit.
  public static func parse(
    _ bytes: Span<UInt8>, limits: JSONLimits = JSONLimits()
  ) throws(JSONError) -> JSONValue {
    try run(bytes, limits, keepsValues: true)
  }

  /// Checks that a text is one JSON value, in memory that does not grow with the number of values in it.
  ///
  /// - Throws: ``JSONError`` with the byte where the text violates the grammar or a limit.
  public static func check(_ bytes: [UInt8], limits: JSONLimits = JSONLimits()) throws(JSONError) {
    _ = try run(bytes.span, limits, keepsValues: false)
  }

  private static func run(
    _ bytes: Span<UInt8>, _ limits: JSONLimits, keepsValues: Bool
  ) throws(JSONError) -> JSONValue {
    guard bytes.count <= limits.bytes else { throw JSONError(.tooLong, at: limits.bytes) }
    var parser = JSONParser(bytes, limits, keepsValues: keepsValues)
    parser.skipSpace()
    let value = try parser.value(depth: 0)
    parser.skipSpace()
    guard parser.offset == bytes.count else { throw JSONError(.trailingBytes, at: parser.offset) }
    return value
  }

  /// Parses a text that is one JSON value.
  ///
  /// - Throws: ``JSONError`` with the byte where the text violates the grammar or a limit.
  public static func parse(
    _ bytes: [UInt8], limits: JSONLimits = JSONLimits()
  ) throws(JSONError) -> JSONValue {
    try parse(bytes.span, limits: limits)
  }

  // MARK: Values

  private mutating func value(depth: Int) throws(JSONError) -> JSONValue {
    switch try peek() {
    case UInt8(ascii: "{"): return try object(depth: depth + 1)
    case UInt8(ascii: "["): return try array(depth: depth + 1)
    case UInt8(ascii: "\""): return .string(try string())
    case UInt8(ascii: "t"): return try word("true", .bool(true))
    case UInt8(ascii: "f"): return try word("false", .bool(false))
    case UInt8(ascii: "n"): return try word("null", .null)
    case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): return try number()
    default: throw JSONError(.unexpectedByte, at: offset)
    }
  }

  private static let fewMembers = 16

  private mutating func object(depth: Int) throws(JSONError) -> JSONValue {
    guard depth <= limits.depth else { throw JSONError(.tooDeep, at: offset) }
    offset += 1
    var members: [JSONMember] = []
    // Comparing a few members one by one is faster than starting a set.
    var keys: Set<[UInt8]> = []
    skipSpace()
    if try take(ifNext: UInt8(ascii: "}")) { return .object(members) }
    while true {
      skipSpace()
      guard try peek() == UInt8(ascii: "\"") else { throw JSONError(.unexpectedByte, at: offset) }
      let place = offset
      let key = try string()
      if !limits.keepsDuplicateKeys {
        if members.count == Self.fewMembers { keys = Set(members.map { Array($0.key.utf8) }) }
        let isRepeated =
          members.count < Self.fewMembers
          ? members.contains { $0.key.utf8.elementsEqual(key.utf8) }
          : !keys.insert(Array(key.utf8)).inserted
        guard !isRepeated else { throw JSONError(.duplicateKey, at: place) }
      }
      skipSpace()
      guard try take(ifNext: UInt8(ascii: ":")) else { throw JSONError(.unexpectedByte, at: offset) }
      skipSpace()
      let value = try value(depth: depth)
      // Keep the keys even without values, to find repeated ones.
      if keepsValues || !limits.keepsDuplicateKeys { members.append(JSONMember(key, value)) }
      skipSpace()
      if try take(ifNext: UInt8(ascii: "}")) { return .object(members) }
      guard try take(ifNext: UInt8(ascii: ",")) else { throw JSONError(.unexpectedByte, at: offset) }
    }
  }

  private mutating func array(depth: Int) throws(JSONError) -> JSONValue {
    guard depth <= limits.depth else { throw JSONError(.tooDeep, at: offset) }
    offset += 1
    var elements: [JSONValue] = []
    skipSpace()
    if try take(ifNext: UInt8(ascii: "]")) { return .array(elements) }
    while true {
      skipSpace()
      let value = try value(depth: depth)
      if keepsValues { elements.append(value) }
      skipSpace()
      if try take(ifNext: UInt8(ascii: "]")) { return .array(elements) }
      guard try take(ifNext: UInt8(ascii: ",")) else { throw JSONError(.unexpectedByte, at: offset) }
    }
  }

  private mutating func word(_ text: StaticString, _ value: JSONValue) throws(JSONError) -> JSONValue {
    for index in 0..<text.utf8CodeUnitCount {
      guard try peek() == text.utf8Start[index] else { throw JSONError(.unexpectedByte, at: offset) }
      offset += 1
    }
    return value
  }

  /// RFC 8259 section 6: an optional minus, an integer without leading zeros, a fraction, an exponent.
  private mutating func number() throws(JSONError) -> JSONValue {
    let start = offset
    var isInteger = true
    if try peek() == UInt8(ascii: "-") { offset += 1 }
    let firstDigit = offset
    let digits = skipDigits()
    guard digits > 0, digits == 1 || bytes[firstDigit] != UInt8(ascii: "0") else {
      throw JSONError(.malformedNumber, at: start)
    }
    if offset < bytes.count, bytes[offset] == UInt8(ascii: ".") {
      isInteger = false
      offset += 1
      guard skipDigits() > 0 else { throw JSONError(.malformedNumber, at: start) }
    }
    if offset < bytes.count, bytes[offset] | 0x20 == UInt8(ascii: "e") {
      isInteger = false
      offset += 1
      if offset < bytes.count, bytes[offset] == UInt8(ascii: "+") || bytes[offset] == UInt8(ascii: "-") {
        offset += 1
      }
      guard skipDigits() > 0 else { throw JSONError(.malformedNumber, at: start) }
    }
    var text = ""
    for index in start..<offset { text.unicodeScalars.append(Unicode.Scalar(bytes[index])) }
    if isInteger, text != "-0", let integer = Int64(text) { return .integer(integer) }
    return .number(text)
  }

  private mutating func skipDigits() -> Int {
    let start = offset
    while offset < bytes.count, bytes[offset] >= UInt8(ascii: "0"), bytes[offset] <= UInt8(ascii: "9") {
      offset += 1
    }
    return offset - start
  }

  // MARK: Strings

  private mutating func string() throws(JSONError) -> String {
    let start = offset
    offset += 1
    var content: [UInt8] = []
    while true {
      let byte = try peek()
      switch byte {
      case UInt8(ascii: "\""):
        offset += 1
        guard let text = String(validating: content, as: UTF8.self) else {
          throw JSONError(.malformedUTF8, at: start)
        }
        return text
      case UInt8(ascii: "\\"):
        offset += 1
        try escape(into: &content)
      case 0..<0x20:
        throw JSONError(.controlCharacter, at: offset)
      default:
        content.append(byte)
        offset += 1
      }
    }
  }

  /// Reads the part of an escape that follows the backslash (RFC 8259 section 7).
  private mutating func escape(into content: inout [UInt8]) throws(JSONError) {
    let place = offset - 1
    let byte = try peek()
    offset += 1
    switch byte {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): content.append(byte)
    case UInt8(ascii: "b"): content.append(8)
    case UInt8(ascii: "f"): content.append(12)
    case UInt8(ascii: "n"): content.append(10)
    case UInt8(ascii: "r"): content.append(13)
    case UInt8(ascii: "t"): content.append(9)
    case UInt8(ascii: "u"):
      var code = try hexadecimal(place)
      if code & 0xFC00 == 0xD800 {
        guard try take(ifNext: UInt8(ascii: "\\")), try take(ifNext: UInt8(ascii: "u")) else {
          throw JSONError(.loneSurrogate, at: place)
        }
        let low = try hexadecimal(place)
        guard low & 0xFC00 == 0xDC00 else { throw JSONError(.loneSurrogate, at: place) }
        code = 0x10000 + (code & 0x3FF) << 10 + (low & 0x3FF)
      }
      guard let scalar = Unicode.Scalar(code) else { throw JSONError(.loneSurrogate, at: place) }
      content.append(contentsOf: UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter)
    default: throw JSONError(.malformedEscape, at: place)
    }
  }

  private mutating func hexadecimal(_ place: Int) throws(JSONError) -> UInt32 {
    var code: UInt32 = 0
    for _ in 0..<4 {
      guard let digit = Character(Unicode.Scalar(try peek())).hexDigitValue else {
        throw JSONError(.malformedEscape, at: place)
      }
      code = code << 4 | UInt32(digit)
      offset += 1
    }
    return code
  }

  // MARK: Bytes

  private func peek() throws(JSONError) -> UInt8 {
    guard offset < bytes.count else { throw JSONError(.unexpectedEnd, at: offset) }
    return bytes[offset]
  }

  private mutating func take(ifNext byte: UInt8) throws(JSONError) -> Bool {
    guard try peek() == byte else { return false }
    offset += 1
    return true
  }

  private mutating func skipSpace() {
    while offset < bytes.count, [0x20, 0x0A, 0x0D, 0x09].contains(bytes[offset]) { offset += 1 }
  }
}
