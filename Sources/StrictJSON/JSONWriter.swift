import Bytes

/// Writes JSON values as text.
///
/// Characters that are not shown (spec/output.md), such as control characters and marks that reorder text,
/// are written as escapes. So the text is safe to show on a terminal, whatever the source of the strings.
public struct JSONWriter: Sendable {
  private var output: [UInt8] = []
  private let isPretty: Bool

  private init(isPretty: Bool) {
    self.isPretty = isPretty
  }

  /// Writes the value without white space, with the members in their own order.
  public static func compact(_ value: JSONValue) -> [UInt8] {
    var writer = JSONWriter(isPretty: false)
    writer.write(value, indent: 0)
    return writer.output
  }

  /// Writes the value for people: one element on each line, indented by two spaces. There is no final newline.
  ///
  /// The members are sorted by the bytes of their names, whatever their order in the value, so that documents with the
  /// same content are the same bytes. ``compact(_:)`` keeps the value's order.
  public static func pretty(_ value: JSONValue) -> [UInt8] {
    var writer = JSONWriter(isPretty: true)
    writer.write(value, indent: 0)
    return writer.output
  }

  private mutating func write(_ value: JSONValue, indent: Int) {
    switch value {
    case .object(let members):
      let ordered =
        isPretty ? members.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) } : members
      list("{", "}", ordered, indent) { writer, member in
        writer.write(member.key)
        writer.append(writer.isPretty ? ": " : ":")
        writer.write(member.value, indent: indent + 1)
      }
    case .array(let elements):
      list("[", "]", elements, indent) { writer, element in writer.write(element, indent: indent + 1) }
    case .string(let text): write(text)
    case .integer(let number): append(String(number))
    case .number(let text): append(text)
    case .bool(let value): append(value ? "true" : "false")
    case .null: append("null")
    }
  }

  private mutating func list<Element>(
    _ open: String, _ close: String, _ elements: [Element], _ indent: Int,
    _ body: (inout JSONWriter, Element) -> Void
  ) {
    append(open)
    for (index, element) in elements.enumerated() {
      if index > 0 { append(",") }
      newline(indent + 1)
      body(&self, element)
    }
    if !elements.isEmpty { newline(indent) }
    append(close)
  }

  private mutating func newline(_ indent: Int) {
    guard isPretty else { return }
    append("\n")
    output.append(contentsOf: repeatElement(UInt8(ascii: " "), count: 2 * indent))
  }

  private mutating func append(_ text: String) {
    output.append(contentsOf: text.utf8)
  }

  private mutating func write(_ text: String) {
    append("\"")
    for scalar in text.unicodeScalars {
      switch scalar.value {
      case 0x22: append("\\\"")
      case 0x5C: append("\\\\")
      case 8: append("\\b")
      case 9: append("\\t")
      case 10: append("\\n")
      case 12: append("\\f")
      case 13: append("\\r")
      case _ where !scalar.isShown:
        // A character beyond 16 bits needs two escapes.
        for unit in UTF16.encode(scalar) ?? UTF16.encodedReplacementCharacter {
          let digits = String(unit, radix: 16)
          append("\\u" + String(repeating: "0", count: 4 - digits.utf8.count) + digits)
        }
      default: output.append(contentsOf: UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter)
      }
    }
    append("\"")
  }
}
