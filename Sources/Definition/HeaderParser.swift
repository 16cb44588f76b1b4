/// Reads the lines of a header: `keyword: value`.
struct HeaderParser {
  /// The words that headers have. A number may follow `otherurl`.
  private static let keywords: Set<String> = [
    "bootstrap", "from", "stage", "library", "registry", "namespace", "fingerprints", "includecmd",
    "mirrorurl", "updateurl", "osversion", "include", "setopt", "product", "user", "regcode", "productpgp",
    "registerurl", "modules", "confurl", "target", "frontend", "filename", "buildargs",
  ]

  private(set) var values: [String: DefinitionFile.Value] = [:]
  private(set) var findings: [DefinitionFinding] = []
  /// The keyword whose value goes on in the next line.
  private var continued: String?

  mutating func parse(_ lines: [DefinitionLine]) {
    for line in lines { take(line) }
    if let continued, let value = values[continued] {
      findings.note(value.line, "the value of \(continued) ends in a backslash, and no line follows")
    }
  }

  private mutating func take(_ line: DefinitionLine) {
    let text = withoutComment(line)
    guard !text.isEmpty else {
      if continued != nil {
        findings.note(
          line.number, "an empty line or a comment is within a value that goes on; the runtimes crash here")
      }
      return
    }
    if let keyword = continued { return append(text, to: keyword) }
    guard let colon = text.firstIndex(of: 0x3A) else {
      return findings.add(
        .header, line.number, "\"\(text.shown)\" has no colon: a line of a header is KEYWORD: VALUE")
    }
    let keyword = text[..<colon].trimmed.text.lowercased()
    let digits = keyword.dropFirst("otherurl".count)
    guard
      Self.keywords.contains(keyword)
        || keyword.hasPrefix("otherurl") && !digits.isEmpty
          && digits.utf8.allSatisfy({ (0x30...0x39).contains($0) })
    else {
      return findings.add(.keyword, line.number, "no header has the word \"\(text[..<colon].trimmed.shown)\"")
    }
    if let old = values[keyword] {
      findings.note(line.number, "\(keyword) is given in line \(old.line), too; this one counts")
    }
    values[keyword] = DefinitionFile.Value(line: line.number, bytes: [])
    append(text[text.index(after: colon)...].trimmed, to: keyword)
  }

  /// Adds to a value, and finds out whether it goes on.
  private mutating func append(_ text: ArraySlice<UInt8>, to keyword: String) {
    continued = text.last == 0x5C ? keyword : nil
    var text = text
    if continued != nil {
      // `\n\` at the end stands for a line's end.
      if text.dropLast().suffix(2).elementsEqual("\\n".utf8) {
        text = text.dropLast(3) + [0x0A]
      } else {
        text.removeLast()
      }
    }
    values[keyword]?.bytes += text
    if continued == nil, let value = values[keyword] {
      values[keyword]?.bytes = Array(value.bytes[...].trimmed)
    }
  }

  /// The line without blanks at its ends and without a comment, which begins with `#` at the start of a word.
  private mutating func withoutComment(_ line: DefinitionLine) -> ArraySlice<UInt8> {
    let text = line.trimmed
    var before: UInt8 = 0x20
    for index in text.indices {
      if text[index] == 0x23 {
        if before.isBlank { return text[..<index].trimmed }
        findings.note(
          line.number, "the \"#\" in \"\(text.shown)\" belongs to the value; the runtimes cut the line there")
      }
      before = text[index]
    }
    return text
  }
}
