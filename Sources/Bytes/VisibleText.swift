/// Text for people, from bytes that anybody may have written (spec/output.md, "Characters that are not
/// shown").
///
/// A terminal obeys control characters; other characters reverse the direction of the text or are invisible.
/// These functions return none of them.
public enum VisibleText {
  /// A line that is safe to print. Backslashes stay, so that text that was made visible before does not
  /// change.
  ///
  /// - Parameter keepsTabs: whether tabs are part of the line's form.
  public static func line(_ text: String, keepsTabs: Bool = false) -> String {
    if text.unicodeScalars.allSatisfy({ $0.isShown || keepsTabs && $0 == "\t" }) { return text }
    return text.utf8.split(separator: 0x09, omittingEmptySubsequences: false)
      .map { self.text($0, doublesBackslashes: false) }.joined(separator: keepsTabs ? "\t" : "\\t")
  }

  /// Bytes as text. Characters that are not shown become `\n`, `\t`, `\r`, `\xNN` for other control
  /// characters of ASCII and for bytes that are not UTF-8, or `\u{NNNN}`.
  ///
  /// - Parameter doublesBackslashes: whether to double backslashes, so that nothing else looks like an
  ///   escape.
  public static func text(_ bytes: some Collection<UInt8>, doublesBackslashes: Bool) -> String {
    escaped(bytes, doublesBackslashes: doublesBackslashes) { scalar, _ in
      switch scalar {
      case "\n": "\\n"
      case "\t": "\\t"
      case "\r": "\\r"
      default:
        scalar.value < 0x80
          ? "\\x" + Hexadecimal.text([UInt8(scalar.value)]) : "\\u{\(String(scalar.value, radix: 16))}"
      }
    }
  }

  /// The name of a file, in a form that identifies its bytes: those of characters that are not shown become
  /// `\xNN`, and a backslash is doubled.
  public static func name(_ bytes: some Collection<UInt8>) -> String {
    escaped(bytes, doublesBackslashes: true) { _, bytes in bytes.map(hex).joined() }
  }

  private static func hex(_ byte: UInt8) -> String { "\\x" + Hexadecimal.text([byte]) }

  private static func escaped(
    _ bytes: some Collection<UInt8>, doublesBackslashes: Bool,
    _ escape: (Unicode.Scalar, [UInt8]) -> String
  ) -> String {
    var text = String.UnicodeScalarView()
    var rest = Array(bytes)[...]
    while let first = rest.first {
      guard let (scalar, length) = scalar(rest) else {
        text.append(contentsOf: hex(first).unicodeScalars)
        rest.removeFirst()
        continue
      }
      if !scalar.isShown {
        text.append(contentsOf: escape(scalar, Array(rest.prefix(length))).unicodeScalars)
      } else {
        text.append(scalar)
        if scalar == "\\", doublesBackslashes { text.append(scalar) }
      }
      rest.removeFirst(length)
    }
    return String(text)
  }

  /// The first character of bytes, and the number of its bytes; nil if they are not UTF-8: overlong forms,
  /// surrogates, or a character that is cut off.
  private static func scalar(_ bytes: ArraySlice<UInt8>) -> (Unicode.Scalar, length: Int)? {
    guard let first = bytes.first else { return nil }
    if first < 0x80 { return (Unicode.Scalar(first), 1) }
    let (length, least): (Int, UInt32)
    switch first {
    case 0xC0..<0xE0: (length, least) = (2, 0x80)
    case 0xE0..<0xF0: (length, least) = (3, 0x800)
    case 0xF0..<0xF8: (length, least) = (4, 0x10000)
    default: return nil
    }
    let rest = bytes.dropFirst().prefix(length - 1)
    guard rest.count == length - 1, rest.allSatisfy({ $0 & 0xC0 == 0x80 }) else { return nil }
    let value = rest.reduce(UInt32(first) & (0x7F >> UInt32(length))) { $0 << 6 | UInt32($1 & 0x3F) }
    return value < least ? nil : Unicode.Scalar(value).map { ($0, length) }
  }
}

extension Collection<UInt8> {
  /// As text for a terminal; characters that could disturb one are escaped. Single backslashes stay.
  package var printable: String { VisibleText.text(self, doublesBackslashes: false) }

  /// As text that cannot disturb a terminal or a log, with backslashes doubled.
  package var escapedText: String { VisibleText.text(self, doublesBackslashes: true) }

  /// As the name of a file, in a form that identifies its bytes.
  package var escapedName: String { VisibleText.name(self) }
}

extension StringProtocol {
  /// As text for a terminal; characters that could disturb one are escaped. Single backslashes stay.
  package var printable: String { utf8.printable }
}

extension Unicode.Scalar {
  /// Whether the character is visible, and has no effect on a terminal or on other characters: Unicode knows
  /// it, and it is not a control or format character, a line or paragraph end, or invisible by nature.
  public var isShown: Bool {
    // Fast path: most text has no other characters.
    if value < 0x7F { return value >= 0x20 }
    if value < 0x34F { return value >= 0xA0 && value != 0xAD }
    switch properties.generalCategory {
    case .control, .format, .surrogate, .privateUse, .unassigned, .lineSeparator, .paragraphSeparator:
      return false
    default:
      return !properties.isDefaultIgnorableCodePoint
    }
  }
}
