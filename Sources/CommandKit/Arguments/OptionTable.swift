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
    let name = path.joined(separator: " ")
    for line in lines {
      let text = line
      guard let colon = text.utf8.firstIndex(of: UInt8(ascii: ":")) else { continue }
      let startsProgram = text[..<colon].hasSuffix("...")
      guard text[..<colon].dropLast(startsProgram ? 3 : 0) == name else { continue }
      let words = text[colon...].dropFirst().split(separator: " ")
      return Command(path: path, options: words.map(Self.option), startsProgram: startsProgram)
    }
    return nil
  }

  /// Whether a command has commands of its own.
  package func hasCommands(beneath path: [String]) -> Bool {
    let prefix = path.map { $0 + " " }.joined()
    return path.isEmpty || lines.contains { $0.hasPrefix(prefix) }
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
