/// Comma-separated values (RFC 4180, as the package encoding/csv of Go reads it), as people write them in options: a field in double quotes may hold commas, and two quotes
/// in it stand for one.
enum CommaSeparated {
  /// A quote that does not open a field, is not closed, or has something behind it.
  struct MisplacedQuote: Error {}

  /// Reads records.
  ///
  /// - Parameter isMultiline: whether an end of line outside of quotes ends a record; empty lines are then left out.
  static func records(of text: [UInt8], isMultiline: Bool) throws(MisplacedQuote) -> [[[UInt8]]] {
    var records: [[[UInt8]]] = []
    var record: [[UInt8]] = []
    var rest = text[...]
    while true {
      let isQuoted = rest.first == 0x22
      record.append(try field(&rest, isMultiline))
      switch rest.popFirst() {
      case 0x2C: continue
      case let end:
        if !isMultiline || isQuoted || record != [[]] { records.append(record) }
        record = []
        guard end != nil else { return records }
      }
    }
  }

  /// Takes a field, up to the comma or the end of line behind it.
  private static func field(
    _ rest: inout ArraySlice<UInt8>, _ isMultiline: Bool
  ) throws(MisplacedQuote) -> [UInt8] {
    func isEnd(_ byte: UInt8) -> Bool { isMultiline && byte == 0x0A }
    guard rest.first == 0x22 else {
      var field = Array(rest.prefix { $0 != 0x2C && !isEnd($0) })
      rest = rest.dropFirst(field.count)
      guard !field.contains(0x22) else { throw MisplacedQuote() }
      if field.last == 0x0D, rest.first.map(isEnd) ?? isMultiline { field.removeLast() }
      return field
    }
    rest.removeFirst()
    var field: [UInt8] = []
    while true {
      guard let byte = rest.popFirst() else { throw MisplacedQuote() }
      if byte == 0x22 {
        guard rest.first == 0x22 else { break }
        rest.removeFirst()
      }
      // An end of line is one byte.
      if byte != 0x0D || !isMultiline || rest.first != 0x0A { field.append(byte) }
    }
    if rest.first == 0x0D, rest.dropFirst().first.map(isEnd) ?? isMultiline { rest.removeFirst() }
    guard rest.first.map({ $0 == 0x2C || isEnd($0) }) ?? true else { throw MisplacedQuote() }
    return field
  }
}
