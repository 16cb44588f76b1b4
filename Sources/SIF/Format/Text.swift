extension Array<UInt8> {
  /// The bytes of a text of hexadecimal digits in either case, or nil for any other text.
  public init?(hexadecimal text: some StringProtocol) {
    let digits = text.utf8.map { byte -> UInt8? in
      switch byte {
      case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
      case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
      case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
      default: nil
      }
    }
    guard digits.count % 2 == 0 else { return nil }
    self = []
    for index in stride(from: 0, to: digits.count, by: 2) {
      guard let high = digits[index], let low = digits[index + 1] else { return nil }
      append(high << 4 | low)
    }
  }

  /// Two lower-case hexadecimal digits a byte.
  public var hexadecimal: String {
    let digits = Array("0123456789abcdef".utf8)
    return String(decoding: flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
  }

  /// The bytes as text that cannot disturb a terminal or a log.
  ///
  /// Printable characters stay. Control characters, the backslash, bytes that are not UTF-8, and the
  /// invisible or direction-changing characters of Unicode become `\n`, `\t`, `\\`, `\xNN` or `\u{NNNN}`.
  public var escapedText: String {
    var text = ""
    var rest = self[...]
    while !rest.isEmpty {
      var decoder = UTF8()
      var iterator = rest.makeIterator()
      guard case .scalarValue(let scalar) = decoder.decode(&iterator), scalar.isStrictUTF8(at: rest) else {
        text += "\\x" + [rest[rest.startIndex]].hexadecimal
        rest = rest.dropFirst()
        continue
      }
      text += scalar.escaped
      rest = rest.dropFirst(UTF8.width(scalar))
    }
    return text
  }
}

extension Unicode.Scalar {
  fileprivate func isStrictUTF8(at bytes: ArraySlice<UInt8>) -> Bool {
    UTF8.encode(self).map { bytes.starts(with: $0) } ?? false
  }

  /// The scalar itself when it is visible and harmless, otherwise an escape.
  fileprivate var escaped: String {
    switch self {
    case "\n": return "\\n"
    case "\t": return "\\t"
    case "\r": return "\\r"
    case "\\": return "\\\\"
    default: break
    }
    switch properties.generalCategory {
    case .control where value < 0x80:
      return "\\x" + [UInt8(value)].hexadecimal
    case .control, .format, .surrogate, .privateUse, .unassigned, .lineSeparator, .paragraphSeparator:
      return "\\u{" + String(value, radix: 16) + "}"
    default:
      return String(self)
    }
  }
}
