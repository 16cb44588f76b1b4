import Bytes

/// One line of a definition file.
public struct DefinitionLine: Equatable, Sendable {
  /// Its number, from 1.
  public let number: Int
  /// Its bytes, without the end of the line and a carriage return before that.
  public let bytes: [UInt8]

  /// A line.
  public init(_ number: Int, _ bytes: [UInt8]) {
    self.number = number
    self.bytes = bytes
  }

  /// The bytes without blanks at both ends.
  var trimmed: ArraySlice<UInt8> { bytes[...].trimmed }

  /// The lines of a text that is not a definition file, such as labels that a script wrote.
  public static func lines(_ text: [UInt8]) -> [DefinitionLine] { lines(of: text[...]) }

  /// The lines of a text. The last end of a line begins no further one.
  static func lines(of text: ArraySlice<UInt8>) -> [DefinitionLine] {
    var lines: [DefinitionLine] = []
    var rest = text
    while !rest.isEmpty {
      let end = rest.firstIndex(of: 0x0A) ?? rest.endIndex
      var line = rest[..<end]
      if line.last == 0x0D { line.removeLast() }
      lines.append(DefinitionLine(lines.count + 1, Array(line)))
      rest = rest[end...].dropFirst()
    }
    return lines
  }
}

extension ArraySlice<UInt8> {
  /// The bytes without blanks at both ends.
  var trimmed: Self {
    var bytes = drop(while: \.isBlank)
    while bytes.last?.isBlank ?? false { bytes.removeLast() }
    return bytes
  }

  /// The words between blanks.
  var words: [Self] { split(whereSeparator: \.isBlank) }

  /// As text for a message.
  var shown: String { Array(prefix(80)).printable }

  /// As text.
  var text: String { String(decoding: self, as: UTF8.self) }
}

extension UInt8 {
  /// Whether it is a space, a tab, or what else separates words.
  var isBlank: Bool { self == 0x20 || (0x09...0x0D).contains(self) }
}
