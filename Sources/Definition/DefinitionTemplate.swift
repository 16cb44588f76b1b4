import Bytes

/// The templates `{{ name }}` in a definition file, which values of a build take the place of.
public struct DefinitionTemplate: Sendable {
  /// The values of the command line and of its files, by their names.
  public let values: [String: [UInt8]]

  /// Templates with the values that a build is given.
  public init(_ values: [String: [UInt8]]) { self.values = values }

  /// What became of the templates.
  public struct Result: Equatable, Sendable {
    /// The file with values in the place of templates.
    public let file: DefinitionFile
    /// The names of the values that no template uses, sorted.
    public let unused: [String]
    /// Where values are missing.
    public let findings: [DefinitionFinding]
  }

  /// Puts the values into a file. Each stage has those of its own `%arguments` besides; a value that the build is given counts more.
  ///
  /// A value may hold templates itself, but those are not looked at again. In a line that is a comment, a template without a
  /// value stays as it is.
  public func apply(to file: DefinitionFile) -> Result {
    var output: [UInt8] = []
    var used: Set<String> = []
    var findings: [DefinitionFinding] = []
    let lines = Self.rawLines(file.bytes)
    // A template may reach over the ends of lines, so a stage is one text.
    let starts = file.stages.map(\.line)
    var first = 0
    for (index, stage) in file.stages.enumerated() {
      let end = index + 1 < starts.count ? max(first, starts[index + 1] - 1) : lines.count
      var all = values
      for argument in stage.arguments where values[argument.name] == nil {
        all[argument.name] = argument.value
      }
      Self.substitute(
        Array(lines[first..<min(end, lines.count)].joined()), from: first + 1, all, &output, &used, &findings)
      first = min(end, lines.count)
    }
    output += lines[first...].joined()
    return Result(
      file: DefinitionFile(reading: output), unused: values.keys.filter { !used.contains($0) }.sorted(),
      findings: findings)
  }

  /// The lines with their ends.
  private static func rawLines(_ bytes: [UInt8]) -> [ArraySlice<UInt8>] {
    var lines: [ArraySlice<UInt8>] = []
    var rest = bytes[...]
    while !rest.isEmpty {
      let end = rest.firstIndex(of: 0x0A).map { rest.index(after: $0) } ?? rest.endIndex
      lines.append(rest[..<end])
      rest = rest[end...]
    }
    return lines
  }

  private static func substitute(
    _ text: [UInt8], from first: Int, _ values: [String: [UInt8]], _ output: inout [UInt8],
    _ used: inout Set<String>, _ findings: inout [DefinitionFinding]
  ) {
    var line = first
    var isComment = false
    var isLineStart = true
    var rest = text[...]
    while let byte = rest.popFirst() {
      if byte == 0x0A {
        line += 1
        (isComment, isLineStart) = (false, true)
      } else if isLineStart, !byte.isBlank {
        isComment = byte == 0x23 && rest.first != 0x21
        isLineStart = false
      }
      guard byte == 0x7B, rest.first == 0x7B, let end = end(of: rest.dropFirst()) else {
        output.append(byte)
        continue
      }
      let name = rest[..<end].dropFirst().dropLast(2).trimmed.text
      used.insert(name)
      if let value = values[name] {
        output += value
      } else {
        output.append(byte)
        output += rest[..<end]
        if !isComment {
          findings.append(
            DefinitionFinding(
              code: .argument, line: line,
              message:
                "the template {{ \(name) }} has no value: neither the build nor %arguments of its stage gives one",
              isError: true))
        }
      }
      line += rest[..<end].count { $0 == 0x0A }
      rest = rest[end...]
    }
  }

  /// The end of a template that has begun: after blanks, a name, blanks and two braces. nil if it is something else.
  static func end(of text: ArraySlice<UInt8>) -> Int? {
    let start = text.drop(while: \.isBlank)
    let after = start.drop { byte in
      (0x30...0x39).contains(byte) || (0x61...0x7A).contains(byte | 0x20) || byte == 0x5F
    }
    guard after.startIndex > start.startIndex else { return nil }
    let close = after.drop(while: \.isBlank)
    guard close.starts(with: [0x7D, 0x7D]) else { return nil }
    return close.startIndex + 2
  }

  /// `name=value` in its parts, without blanks at their ends; nil without a name or an equals sign.
  public static func assignment(_ text: ArraySlice<UInt8>) -> (name: String, value: [UInt8])? {
    guard let equals = text.firstIndex(of: 0x3D) else { return nil }
    let name = text[..<equals].trimmed
    guard !name.isEmpty else { return nil }
    return (name.text, Array(text[(equals + 1)...].trimmed))
  }
}
