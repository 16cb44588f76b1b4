import StrictJSON

/// JSON written as it comes: one object a line, or one document around a list.
final class JSONStream {
  private let output: OutputBuffer
  private let before: [JSONMember]
  private let key: String
  private let isDocument: Bool
  private var isOpen = false
  private var count = 0

  /// A stream.
  ///
  /// - Parameters:
  ///   - before: members of the document whose names sort before the list's.
  ///   - key: the list's name.
  init(_ output: OutputBuffer, before: [JSONMember], list key: String, isDocument: Bool) {
    self.output = output
    self.before = before
    self.key = key
    self.isDocument = isDocument
  }

  /// Adds an element.
  func add(_ members: [JSONMember]) throws {
    let value = JSONValue.object(members.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) })
    guard isDocument else {
      try output.append(JSONWriter.compact(value))
      return try output.append("\n")
    }
    try open()
    try output.append(count == 0 ? "\n    " : ",\n    ")
    count += 1
    try output.append(
      Array(JSONWriter.pretty(value).split(separator: 0x0A).joined(separator: Array("\n    ".utf8))))
  }

  private func open() throws {
    guard !isOpen else { return }
    isOpen = true
    try output.append("{\n")
    for member in before {
      try output.append("  ")
      try output.append(JSONWriter.compact(.string(member.key)))
      try output.append(": ")
      try output.append(JSONWriter.compact(member.value))
      try output.append(",\n")
    }
    try output.append("  \"\(key)\": [")
  }

  /// Ends the document with the members whose names sort behind the list's. Lines have no end.
  func end(_ rest: [JSONMember]) throws {
    if isDocument {
      try open()
      try output.append(count == 0 ? "],\n" : "\n  ],\n")
      // The other members follow in order, without the brace that is open already.
      let text = JSONWriter.pretty(.object(rest + [JSONMember("schemaVersion", 1)]))
      try output.append(text.drop { $0 != 0x0A }.dropFirst())
      try output.append("\n")
    }
    try output.flush()
  }
}
