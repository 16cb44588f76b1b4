/// One line of a configuration file.
struct ConfigurationDirective {
  let name: String
  let value: String

  /// Nil if there is no `=` with a name before it.
  init?(_ line: Substring) {
    guard let equals = line.utf8.firstIndex(of: 0x3D) else { return nil }
    name = String(line[..<equals].trimmed)
    value = String(line[line.utf8.index(after: equals)...].trimmed)
    if name.isEmpty { return nil }
  }

  /// Reads a configuration file: one `name = value` a line, and comments that start with `#` at the beginning
  /// of a line.
  ///
  /// - Returns: whether there was a directive.
  /// - Throws: ``PolicySyntaxError`` with the line.
  static func forEach(
    in bytes: [UInt8], _ body: (ConfigurationDirective) throws(PolicySyntaxError) -> Void
  ) throws(PolicySyntaxError) -> Bool {
    guard let text = String(validating: bytes, as: UTF8.self), !bytes.contains(0) else {
      throw PolicySyntaxError("it is not a text in UTF-8")
    }
    var isEmpty = true
    for (index, line) in text.utf8.split(separator: 0x0A, omittingEmptySubsequences: false).enumerated() {
      let content = Substring(line).trimmed
      if content.isEmpty || content.utf8.first == 0x23 { continue }
      guard let directive = ConfigurationDirective(content) else {
        throw PolicySyntaxError("it is neither a comment nor a directive", line: index + 1)
      }
      isEmpty = false
      do throws(PolicySyntaxError) { try body(directive) } catch {
        throw PolicySyntaxError(error.reason, line: index + 1)
      }
    }
    return !isEmpty
  }

  /// Whether the name looks like a directive that limits containers, whatever its spelling.
  var isAboutContainers: Bool {
    let letters = name.lowercased().filter(\.isLetter)
    return letters.hasPrefix("limitcontainer") || letters.hasPrefix("allowcontainer")
  }

  /// `yes` or `no`; nil for an empty value, which counts as no directive.
  func answer() throws(PolicySyntaxError) -> Bool? {
    switch value {
    case "": return nil
    case "yes": return true
    case "no": return false
    default: throw PolicySyntaxError("\"\(name)\" is \"yes\" or \"no\", not \"\(value)\"")
    }
  }

  /// Names that are separated by commas. An empty value and `NULL` count as no directive.
  func list() throws(PolicySyntaxError) -> [String] {
    if value.isEmpty || value == "NULL" { return [] }
    var names: [String] = []
    for entry in value.split(separator: ",", omittingEmptySubsequences: false) {
      let name = entry.trimmed
      guard !name.isEmpty else { throw PolicySyntaxError("\"\(self.name)\" has an empty entry") }
      names.append(String(name))
    }
    return names
  }
}

extension Substring {
  /// The text without blanks, tabs, carriage returns and form feeds at its ends.
  var trimmed: Substring {
    func isBlank(_ byte: UInt8) -> Bool { byte == 0x20 || (0x09...0x0D).contains(byte) }
    let utf8 = self.utf8
    guard let first = utf8.firstIndex(where: { !isBlank($0) }),
      let last = utf8.lastIndex(where: { !isBlank($0) })
    else { return "" }
    return self[first...last]
  }
}
