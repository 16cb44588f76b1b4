public import StrictJSON

/// Labels of an image or of an app.
struct BuildLabels {
  private(set) var values: [String: String] = [:]

  /// No labels.
  init() {}

  /// The labels in a document; nil if it is none.
  init?(reading text: [UInt8]) {
    guard let value = try? JSONParser.parse(text) else { return nil }
    if case .null = value { return }
    guard let members = value.members else { return nil }
    for member in members {
      guard let text = member.value.text else { return nil }
      values[member.key] = text
    }
  }

  /// Sets a label.
  mutating func set(_ name: String, _ value: String) { values[name] = value }

  /// Sorted by the bytes of the names.
  var members: [JSONMember] {
    values.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }.map {
      JSONMember($0.key, .string($0.value))
    }
  }

  /// As the runtimes write the file.
  var document: [UInt8] { RuntimeJSON.indented(.object(members)) }
}

/// JSON in the bytes that the runtimes write: with tabs, or without white space, and with escapes for what is special in HTML.
public struct RuntimeJSON {
  private var output: [UInt8] = []
  private let indent: [UInt8]?

  /// Without white space.
  static func compact(_ value: JSONValue) -> [UInt8] {
    var writer = RuntimeJSON(indent: nil)
    writer.write(value, 0)
    return writer.output
  }

  /// Each member on a line.
  ///
  /// - Parameter indent: what stands before it for each level.
  public static func indented(_ value: JSONValue, by indent: String = "\t") -> [UInt8] {
    var writer = RuntimeJSON(indent: Array(indent.utf8))
    writer.write(value, 0)
    return writer.output
  }

  private init(indent: [UInt8]?) { self.indent = indent }

  private mutating func write(_ value: JSONValue, _ depth: Int) {
    switch value {
    case .object(let members):
      list("{", "}", members, depth) { writer, member in
        writer.write(member.key)
        writer.output += Array((writer.indent == nil ? ":" : ": ").utf8)
        writer.write(member.value, depth + 1)
      }
    case .array(let elements):
      list("[", "]", elements, depth) { writer, element in writer.write(element, depth + 1) }
    case .string(let text): write(text)
    default: output += JSONWriter.compact(value)
    }
  }

  private mutating func list<Element>(
    _ open: String, _ close: String, _ elements: [Element], _ depth: Int,
    _ body: (inout RuntimeJSON, Element) -> Void
  ) {
    output += Array(open.utf8)
    for (index, element) in elements.enumerated() {
      if index > 0 { output.append(0x2C) }
      newline(depth + 1)
      body(&self, element)
    }
    if !elements.isEmpty { newline(depth) }
    output += Array(close.utf8)
  }

  private mutating func newline(_ depth: Int) {
    guard let indent else { return }
    output.append(0x0A)
    for _ in 0..<depth { output += indent }
  }

  private mutating func write(_ text: String) {
    output.append(0x22)
    for scalar in text.unicodeScalars {
      switch scalar.value {
      case 0x22, 0x5C: output += [0x5C, UInt8(scalar.value)]
      case 0x08: output += Array("\\b".utf8)
      case 0x09: output += Array("\\t".utf8)
      case 0x0A: output += Array("\\n".utf8)
      case 0x0C: output += Array("\\f".utf8)
      case 0x0D: output += Array("\\r".utf8)
      case 0..<0x20, 0x3C, 0x3E, 0x26, 0x2028, 0x2029:
        let digits = String(scalar.value, radix: 16)
        output += Array("\\u\(String(repeating: "0", count: 4 - digits.utf8.count))\(digits)".utf8)
      default: output += Array(UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter)
      }
    }
    output.append(0x22)
  }
}
