import Encodings

extension Array<UInt8> {
  /// The bytes of a text of hexadecimal digits in either case, or nil for any other text.
  public init?(hexadecimal text: some StringProtocol) {
    guard let bytes = Hexadecimal.bytes(text.utf8) else { return nil }
    self = bytes
  }

  /// Two lower-case hexadecimal digits a byte.
  public var hexadecimal: String { Hexadecimal.text(self) }

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
    case " "..."~": return String(self)
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
