/// The options of every command of a tool, and the values that they take.
///
/// It has one line per command, such as `key list: secret keyring= q/quiet json`. A name is a flag; with `=` it takes
/// one value, with `=+` it may be repeated and gives a list, and with `!` its value may begin with a dash. A letter and
/// a slash before the name are its short form; more names may follow the first one after a bar. The name of the command ends with `...` if everything after its first
/// operand belongs to a program. The line without a name is that of the tool itself.
package struct OptionTable: Sendable {
  /// One option of a command.
  package struct Option: Sendable, Equatable {
    /// The number of values.
    package enum Value: Sendable {
      case none
      case one
      case list
    }

    /// The name after two dashes.
    package var name: String
    /// Its other names.
    package var otherNames: [String] = []
    /// The letter after one dash.
    package var letter: Unicode.Scalar?
    /// The values that it takes.
    package var value = Value.none
    /// Whether the value may begin with a dash, even as a separate argument.
    package var takesAnything = false

    /// An option by its name.
    package init(_ name: String, value: Value = .none) {
      self.name = name
      self.value = value
    }
  }

  /// The options of one command.
  package struct Command: Sendable {
    /// Its name, after those of the commands that it belongs to.
    package let path: [String]
    /// Its options, except help.
    package let options: [Option]
    /// Whether everything after the first operand belongs to a program.
    package let startsProgram: Bool

    /// The option with a name.
    package func option(named name: String) -> Option? {
      options.first { $0.name == name || $0.otherNames.contains(name) }
    }

    /// The option with a letter.
    package func option(of letter: Unicode.Scalar) -> Option? { options.first { $0.letter == letter } }
  }

  /// The name of the tool.
  package let tool: String
  private let lines: [String]

  /// A table.
  package init(tool: String, lines: [String]) {
    self.tool = tool
    self.lines = lines
  }

  /// The command at a path; nil if there is none. Only its own line is read.
  package func command(at path: [String]) -> Command? {
    for line in lines {
      guard let rest = Self.rest(of: line, after: path) else { continue }
      let startsProgram = rest.starts(with: "...:".utf8)
      guard startsProgram || rest.first == UInt8(ascii: ":") else { continue }
      let words = rest.dropFirst(startsProgram ? 4 : 1).split(separator: UInt8(ascii: " "))
      return Command(
        path: path, options: words.map { Self.option(Substring($0)) }, startsProgram: startsProgram)
    }
    return nil
  }

  /// Whether a command has commands of its own.
  package func hasCommands(beneath path: [String]) -> Bool {
    path.isEmpty || lines.contains { Self.rest(of: $0, after: path)?.first == UInt8(ascii: " ") }
  }

  /// A line without the names that it begins with; nil if it begins with other names.
  private static func rest(of line: String, after path: [String]) -> Substring.UTF8View? {
    var rest = line[...].utf8
    for (index, name) in path.enumerated() {
      if index > 0 {
        guard rest.popFirst() == UInt8(ascii: " ") else { return nil }
      }
      guard !name.isEmpty, rest.starts(with: name.utf8) else { return nil }
      rest = rest.dropFirst(name.utf8.count)
    }
    return rest
  }

  private static func option(_ word: Substring) -> Option {
    var name = word
    var option = Option("")
    for (mark, value) in [("=+", Option.Value.list), ("=", .one), ("!", .one)] where name.hasSuffix(mark) {
      option.value = value
      option.takesAnything = mark == "!"
      name = name.dropLast(mark.count)
      break
    }
    if let slash = name.firstIndex(of: "/") {
      option.letter = name.unicodeScalars.first
      name = name[slash...].dropFirst()
    }
    let names = name.split(separator: "|")
    option.name = names.first.map(String.init) ?? ""
    option.otherNames = names.dropFirst().map(String.init)
    return option
  }
}
