import Bytes

extension Array<UInt8> {
  /// The bytes of a text of hexadecimal digits in either case, or nil for any other text.
  public init?(hexadecimal text: some StringProtocol) {
    guard let bytes = Hexadecimal.bytes(text.utf8) else { return nil }
    self = bytes
  }

  /// Two lower-case hexadecimal digits a byte.
  public var hexadecimal: String { Hexadecimal.text(self) }

  /// The bytes as text that cannot disturb a terminal or a log, with backslashes doubled
  /// (spec/output.md, "Characters that are not shown").
  public var escapedText: String { VisibleText.text(self, doublesBackslashes: true) }
}
