import StrictJSON

/// A value of a configuration file and its place, so that an error can name the place.
struct Setting {
  let value: JSONValue
  /// The file, as the user named it.
  let file: String
  /// The path to the value, such as `syscalls[3].args[0].op`; empty for the whole file.
  var place = ""
  /// What the user calls values, by their places, if they come from options instead of a file.
  var names: [String: String] = [:]

  /// What messages call the value.
  var origin: String {
    // An element of a list has the name of the list.
    names[String(place.prefix { $0 != "[" })] ?? (place.isEmpty ? file : "\(file): \(place)")
  }

  /// Makes an error about this value. The text follows the place.
  func fault(_ what: String) -> RuntimeError {
    RuntimeError(.invalidArgument, "\(origin): \(what)")
  }

  private func part(_ value: JSONValue, _ place: String) -> Setting {
    Setting(value: value, file: file, place: place, names: names)
  }

  /// The members of a table, without those that are null. The table must not have other names.
  func table(of names: [String]) throws(RuntimeError) -> [String: Setting] {
    let table = try table()
    // Take the first in order, so that the error is the same each time.
    guard let unknown = table.keys.filter({ !names.contains($0) }).min() else { return table }
    throw table[unknown, default: self].fault("there is no such setting")
  }

  /// The members of a table with any names, without those that are null.
  func table() throws(RuntimeError) -> [String: Setting] {
    guard case .object(let members) = value else { throw fault("this has to be a table") }
    var table: [String: Setting] = [:]
    for member in members where member.value != .null {
      table[member.key] = part(member.value, place.isEmpty ? member.key : "\(place).\(member.key)")
    }
    return table
  }

  /// The elements of a list.
  func list() throws(RuntimeError) -> [Setting] {
    guard case .array(let elements) = value else { throw fault("this has to be a list") }
    return elements.enumerated().map { part($1, "\(place)[\($0)]") }
  }

  /// A text.
  func text() throws(RuntimeError) -> String {
    guard case .string(let text) = value else { throw fault("this has to be a text") }
    return text
  }

  /// The texts of a list.
  func texts() throws(RuntimeError) -> [String] {
    var texts: [String] = []
    for element in try list() { texts.append(try element.text()) }
    return texts
  }

  /// A truth value.
  func bool() throws(RuntimeError) -> Bool {
    guard case .bool(let value) = value else { throw fault("this has to be true or false") }
    return value
  }

  /// A whole number within a range.
  func integer(in range: ClosedRange<Int64>) throws(RuntimeError) -> Int64 {
    guard case .integer(let number) = value, range.contains(number) else {
      throw fault("this has to be a whole number from \(range.lowerBound) to \(range.upperBound)")
    }
    return number
  }

  /// A whole number of 64 bits without a sign.
  func unsigned() throws(RuntimeError) -> UInt64 {
    switch value {
    case .integer(let number) where number >= 0: return UInt64(number)
    case .number(let text):
      if let number = UInt64(text) { return number }
    default: break
    }
    throw fault("this has to be a whole number from 0 to \(UInt64.max)")
  }
}
