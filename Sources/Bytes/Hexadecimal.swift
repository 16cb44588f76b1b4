/// Bytes as pairs of hexadecimal digits.
public enum Hexadecimal {
  private static let lowercase = Array("0123456789abcdef".utf8)
  private static let uppercase = Array("0123456789ABCDEF".utf8)

  /// The digits of bytes: lower case as in digests, or upper case as in OpenPGP fingerprints.
  public static func text(_ bytes: some Sequence<UInt8>, uppercase isUppercase: Bool = false) -> String {
    let digits = isUppercase ? uppercase : lowercase
    var text: [UInt8] = []
    for byte in bytes {
      text.append(digits[Int(byte >> 4)])
      text.append(digits[Int(byte & 15)])
    }
    return String(decoding: text, as: UTF8.self)
  }

  /// The bytes of digits in either case; nil for other characters or an odd number of digits.
  public static func bytes(_ text: some Sequence<UInt8>) -> [UInt8]? {
    var bytes: [UInt8] = []
    var high: UInt8?
    for digit in text {
      let value: UInt8
      switch digit {
      case UInt8(ascii: "0")...UInt8(ascii: "9"): value = digit - UInt8(ascii: "0")
      case UInt8(ascii: "a")...UInt8(ascii: "f"): value = digit - UInt8(ascii: "a") + 10
      case UInt8(ascii: "A")...UInt8(ascii: "F"): value = digit - UInt8(ascii: "A") + 10
      default: return nil
      }
      if let first = high {
        bytes.append(first << 4 | value)
        high = nil
      } else {
        high = value
      }
    }
    return high == nil ? bytes : nil
  }
}

extension Array<UInt8> {
  /// The bytes of a text of hexadecimal digits in either case, or nil for any other text.
  package init?(hexadecimal text: some StringProtocol) {
    guard let bytes = Hexadecimal.bytes(text.utf8) else { return nil }
    self = bytes
  }

  /// The bytes as lower-case digits, two for each byte.
  package var hexadecimal: String { Hexadecimal.text(self) }
}
