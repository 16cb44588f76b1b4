/// What every command of a tool takes: its options, and what each of them is followed by.
///
/// Made of one line a command, such as `key list: secret keyring= q/quiet json`. A name is a flag; with `=` it takes one
/// value, with `=+` it may be given again and names a list, and with `!` its value may begin with a dash. A letter and a
/// slash before the name are its short form. The name of the command ends with `...` where everything after its first
/// operand belongs to a program. The tool itself is the line without a name.
package struct OptionTable: Sendable {
  /// One option of a command.
  package struct Option: Sendable, Equatable {
    /// What follows an option.
    package enum Value: Sendable {
      case none
      case one
      case list
    }

    /// The name with two dashes.
    package var name: String
    /// The letter with one dash.
    package var letter: Unicode.Scalar?
    /// What follows it.
    package var value = Value.none
    /// Whether the value may begin with a dash also where it is an argument of its own.
    package var takesAnything = false
  }

  /// What one command takes.
  package struct Command: Sendable {
    /// Its name, after those of the commands that it belongs to.
    package let path: [String]
    /// Its options, but for help.
    package let options: [Option]
    /// Whether everything after the first operand belongs to a program.
    package let startsProgram: Bool

    /// The option of a name.
    package func option(named name: String) -> Option? { options.first { $0.name == name } }

    /// The option of a letter.
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

  /// The command at a path; nil where there is none. Only its own line is read.
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

  /// A line without the names that it begins with; nil where it begins with others.
  private static func rest(of line: String, after path: [String]) -> Substring.UTF8View? {
    var rest = line[...].utf8
    for (index, name) in path.enumerated() {
      if index > 0 {
        guard rest.popFirst() == UInt8(ascii: " ") else { return nil }
      }
      guard rest.starts(with: name.utf8) else { return nil }
      rest = rest.dropFirst(name.utf8.count)
    }
    return rest
  }

  private static func option(_ word: Substring) -> Option {
    var name = word
    var option = Option(name: "")
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
    option.name = String(name)
    return option
  }
}
