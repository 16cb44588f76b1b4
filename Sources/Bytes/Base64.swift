/// Base64 (RFC 4648 section 4), strictly: only its alphabet, full groups, padding where it belongs and zeros
/// in unused bits, so that two texts never mean the same bytes.
public enum Base64 {
  private static let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

  /// The text of bytes, padded.
  public static func encode(_ bytes: Span<UInt8>) -> [UInt8] {
    var text: [UInt8] = []
    text.reserveCapacity((bytes.count + 2) / 3 * 4)
    encode(bytes) { text.append($0) }
    return text
  }

  /// Passes the padded text of bytes to a closure, so that secret bytes need not pass through the heap.
  public static func encode(_ bytes: Span<UInt8>, _ sink: (UInt8) -> Void) {
    var index = 0
    while index < bytes.count {
      let count = min(3, bytes.count - index)
      var group = UInt32(bytes[index]) << 16
      if count > 1 { group |= UInt32(bytes[index + 1]) << 8 }
      if count > 2 { group |= UInt32(bytes[index + 2]) }
      for place in 0..<4 {
        let digit = Int(group >> (18 - 6 * UInt32(place)) & 63)
        sink(place <= count ? alphabet[digit] : UInt8(ascii: "="))
      }
      index += count
    }
  }

  /// The text of bytes, padded.
  public static func encode(_ bytes: [UInt8]) -> [UInt8] { encode(bytes.span) }

  /// The bytes of a text; nil if it is not base64.
  public static func decode(_ text: Span<UInt8>) -> [UInt8]? {
    var decoder = Decoder()
    var bytes: [UInt8] = []
    bytes.reserveCapacity(text.count / 4 * 3)
    for index in text.indices {
      guard decoder.take(text[index], { bytes.append($0) }) else { return nil }
    }
    return decoder.isComplete ? bytes : nil
  }

  /// The bytes of a text; nil if it is not base64.
  public static func decode(_ text: [UInt8]) -> [UInt8]? { decode(text.span) }

  /// A decoder that takes one digit after another and passes on the bytes, so that secret bytes need not pass
  /// through the heap.
  public struct Decoder: Sendable {
    private var group: UInt32 = 0
    private var digits = 0
    private var padding = 0

    /// A decoder at the start of a text.
    public init() {}

    /// Whether the text may end here.
    public var isComplete: Bool { digits == 0 }

    /// Takes a digit or a padding sign.
    ///
    /// - Returns: false if the text is not base64.
    public mutating func take(_ byte: UInt8, _ sink: (UInt8) -> Void) -> Bool {
      if byte == UInt8(ascii: "=") {
        padding += 1
        guard digits >= 2, padding <= 2 else { return false }
        group <<= 6
      } else {
        guard padding == 0, let value = Self.value(byte) else { return false }
        group = group << 6 | value
      }
      digits += 1
      guard digits == 4 else { return true }
      guard padding == 0 || group & (padding == 1 ? 0xFF : 0xFFFF) == 0 else { return false }
      for place in 0..<(3 - padding) { sink(UInt8(truncatingIfNeeded: group >> (16 - 8 * UInt32(place)))) }
      group = 0
      digits = 0
      return true
    }

    private static func value(_ byte: UInt8) -> UInt32? {
      switch byte {
      case UInt8(ascii: "A")...UInt8(ascii: "Z"): UInt32(byte - UInt8(ascii: "A"))
      case UInt8(ascii: "a")...UInt8(ascii: "z"): UInt32(byte - UInt8(ascii: "a")) + 26
      case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt32(byte - UInt8(ascii: "0")) + 52
      case UInt8(ascii: "+"): 62
      case UInt8(ascii: "/"): 63
      default: nil
      }
    }
  }
}
