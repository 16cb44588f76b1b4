import Bytes
import StrictJSON

/// One fact, as text for people and as a JSON member.
package struct Field {
  /// The label of the text; nil for a fact that only JSON shows.
  package let label: String?
  /// The text; nil if there is nothing to show.
  package let text: String?
  /// The member; nil for a fact that only text shows.
  package let member: JSONMember?

  /// A fact.
  package init(_ label: String?, _ text: String?, json member: JSONMember? = nil) {
    self.label = label
    self.text = text
    self.member = member
  }
}

/// Facts about one thing: rendered as lines with aligned values, or as the members of a JSON object.
package struct FieldTable {
  /// The facts, in order.
  package var fields: [Field]

  /// A table of facts.
  package init(fields: [Field]) { self.fields = fields }

  /// Lines for people, one per field: the label and a colon, padded so that all values begin in one column.
  ///
  /// - Parameters:
  ///   - indent: spaces before each line.
  ///   - gap: spaces between the longest label and the values.
  package func lines(indent: Int = 0, gap: Int = 1) -> [String] {
    let shown = fields.compactMap { field in
      field.label.flatMap { label in field.text.map { (label + ":", $0) } }
    }
    let width = (shown.map { $0.0.unicodeScalars.count }.max() ?? 0) + gap
    return shown.map { label, text in
      String(repeating: " ", count: indent) + label.padded(to: width) + text
    }
  }

  /// The members of the JSON object.
  package var members: [JSONMember] { fields.compactMap(\.member) }
}
