import Bytes
import StrictJSON

/// JSON, written as it comes: one document around a list, or one value per line. Only this code composes such
/// documents.
package final class JSONStream {
  private let key: String
  private let members: [JSONMember]
  private let isDocument: Bool
  private let write: ([UInt8]) throws(ToolFailure) -> Void
  private var isOpen = false
  private var count = 0

  /// A stream.
  ///
  /// - Parameters:
  ///   - key: the list's name.
  ///   - members: the members that are known before the list; the version of the schema is added.
  ///   - isDocument: whether to write one document, instead of one line per element.
  ///   - write: takes the bytes.
  package init(
    list key: String, around members: [JSONMember] = [], isDocument: Bool = true,
    write: @escaping ([UInt8]) throws(ToolFailure) -> Void
  ) {
    self.key = key
    self.members = members + [JSONMember("schemaVersion", 1)]
    self.isDocument = isDocument
    self.write = write
  }

  /// Adds an element.
  package func add(_ members: [JSONMember]) throws(ToolFailure) {
    try add(.object(members.sorted { Self.isBefore($0.key, $1.key) }))
  }

  /// Adds an element whose members are in order.
  package func add(_ value: JSONValue) throws(ToolFailure) {
    guard isDocument else { return try write(JSONWriter.compact(value) + [0x0A]) }
    try open()
    var bytes = Array((count == 0 ? "\n    " : ",\n    ").utf8)
    count += 1
    for byte in JSONWriter.pretty(value) {
      bytes.append(byte)
      if byte == 0x0A { bytes += Array("    ".utf8) }
    }
    try write(bytes)
  }

  /// Begins the document unless it has begun: the members before the list, and the list's name.
  private func open() throws(ToolFailure) {
    guard !isOpen else { return }
    isOpen = true
    let before = members.filter { Self.isBefore($0.key, key) }
    // Without the bracket that ends the list, and the brace that ends the document.
    try write(JSONWriter.pretty(.object(before + [JSONMember(key, [])])).dropLast(3))
  }

  /// Ends the document with the members after the list. Lines need no end.
  ///
  /// - Parameter rest: the members that are known only now; their names come after the list's.
  package func end(_ rest: [JSONMember] = []) throws(ToolFailure) {
    guard isDocument else { return }
    try open()
    let after = members.filter { !Self.isBefore($0.key, key) } + rest
    // Without the brace that is open already.
    let text = JSONWriter.pretty(.object(after)).drop { $0 != 0x0A }
    try write(Array((count == 0 ? "]" : "\n  ]").utf8) + (after.isEmpty ? [] : [0x2C]) + text + [0x0A])
  }

  private static func isBefore(_ first: String, _ second: String) -> Bool {
    first.utf8.lexicographicallyPrecedes(second.utf8)
  }
}
