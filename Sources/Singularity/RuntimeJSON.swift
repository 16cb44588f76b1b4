import StrictJSON

/// JSON as the runtimes print it: members in their order, with the escapes of Go, which also hide `<`, `>` and `&`.
enum RuntimeJSON {
  /// A document, without a final line end.
  ///
  /// - Parameter indent: what one level is indented by.
  static func text(_ value: JSONValue, indent: String) -> String {
    var text = ""
    write(value, indent, "\n", &text)
    return text
  }

  private static func write(_ value: JSONValue, _ indent: String, _ start: String, _ text: inout String) {
    switch value {
    case .object(let members): list(members.map { ($0.key, $0.value) }, "{", "}", indent, start, &text)
    case .array(let elements): list(elements.map { (nil, $0) }, "[", "]", indent, start, &text)
    case .string(let string): quote(string, &text)
    default: text += String(decoding: JSONWriter.compact(value), as: UTF8.self)
    }
  }

  private static func list(
    _ elements: [(key: String?, value: JSONValue)], _ open: String, _ close: String, _ indent: String,
    _ start: String, _ text: inout String
  ) {
    text += open
    for (index, element) in elements.enumerated() {
      text += (index == 0 ? "" : ",") + start + indent
      if let key = element.key {
        quote(key, &text)
        text += ": "
      }
      write(element.value, indent, start + indent, &text)
    }
    text += (elements.isEmpty ? "" : start) + close
  }

  private static func quote(_ string: String, _ text: inout String) {
    text += "\""
    for scalar in string.unicodeScalars {
      switch scalar {
      case "\"": text += "\\\""
      case "\\": text += "\\\\"
      case "\n": text += "\\n"
      case "\r": text += "\\r"
      case "\t": text += "\\t"
      case "<", ">", "&", "\u{2028}", "\u{2029}", "\u{0}"..<" ", "\u{7F}"..<"\u{A0}":
        let digits = String(scalar.value, radix: 16)
        text += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
      default: text.unicodeScalars.append(scalar)
      }
    }
    text += "\""
  }
}
