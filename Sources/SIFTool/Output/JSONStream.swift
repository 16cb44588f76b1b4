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
      return try output.append(raw: JSONWriter.compact(value) + [0x0A])
    }
    try open()
    try output.append(raw: (count == 0 ? "\n    " : ",\n    ").utf8)
    count += 1
    try output.append(
      raw: Array(JSONWriter.pretty(value).split(separator: 0x0A).joined(separator: Array("\n    ".utf8))))
  }

  private func open() throws {
    guard !isOpen else { return }
    isOpen = true
    try output.append(raw: "{\n".utf8)
    for member in before {
      try output.append(
        raw: Array("  ".utf8) + JSONWriter.compact(.string(member.key)) + Array(": ".utf8)
          + JSONWriter.compact(member.value) + Array(",\n".utf8))
    }
    try output.append(raw: "  \"\(key)\": [".utf8)
  }

  /// Ends the document with the members whose names sort behind the list's. Lines have no end.
  func end(_ rest: [JSONMember]) throws {
    if isDocument {
      try open()
      try output.append(raw: (count == 0 ? "],\n" : "\n  ],\n").utf8)
      // The other members follow in order, without the brace that is open already.
      let text = JSONWriter.pretty(.object(rest + [JSONMember("schemaVersion", 1)]))
      try output.append(raw: text.drop { $0 != 0x0A }.dropFirst())
      try output.append(raw: "\n".utf8)
    }
    try output.flush()
  }
}
