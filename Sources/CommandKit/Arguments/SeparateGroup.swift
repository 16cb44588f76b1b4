import ArgumentParser

/// A command that can read its arguments with less work than the parser.
package protocol LineCommand: ToolCommand {
  /// What the command does with a line that is not the parser's own. Files in roles that have to be compared send the line
  /// to the parser afterwards (``CommandFiles/isNeeded``).
  ///
  /// - Returns: nil if the parser has to read the line, for example because it cannot be meant and the parser says why.
  static func action(of line: CommandLineGrammar.Line) -> (() throws -> Void)?
}

/// A command that shows an image, as text or with `--json`. Lines without other options are read without the parser.
package protocol ShowingCommand: LineCommand {
  /// Shows an image.
  static func show(_ image: PathArgument, json: Bool) throws
}

extension ShowingCommand {
  /// Shows the image that is the only operand.
  package static func action(of line: CommandLineGrammar.Line) -> (() throws -> Void)? {
    guard line.options.allSatisfy({ $0.name == "json" }), line.operands.count == 1,
      let image = PathArgument(argument: line.operands[0])
    else { return nil }
    return { try show(image, json: line.wantsJSON) }
  }
}

/// A group of options that can be parsed without the others of its command.
///
/// The parser looks at every option that a command has, given or not, so a command with a hundred of them parses only the
/// groups that it needs.
package protocol SeparateGroup: ParsableArguments {
  /// Whether an option belongs to the group.
  ///
  /// - Parameter property: the name of the property that holds it.
  static func has(_ property: String) -> Bool
}

extension SeparateGroup {
  /// Reads the options of this group, and takes them from a list.
  ///
  /// - Returns: whether that went well: a group with an option that cannot be meant goes to the parser with the others.
  package static func take(from options: inout [CommandLineGrammar.Line.Option], _ group: inout Self?) -> Bool
  {
    let own = options.filter { has($0.property) }
    guard !own.isEmpty else { return true }
    options.removeAll { has($0.property) }
    group = (try? Alone<Self>.parseAsRoot(own.flatMap(\.words)) as? Alone<Self>)?.group
    return group != nil
  }
}

/// The command that has only a group.
private struct Alone<Group: SeparateGroup>: ParsableCommand {
  static var configuration: CommandConfiguration { CommandConfiguration(subcommand: "options", abstract: "") }

  @OptionGroup var group: Group
}

extension CommandLineGrammar.Line.Option {
  /// The name of the property that holds it: `noHome` for `no-home`.
  fileprivate var property: String {
    let parts = name.split(separator: "-")
    return parts.dropFirst().reduce(parts.first.map(String.init) ?? "") {
      $0 + $1.prefix(1).uppercased() + $1.dropFirst()
    }
  }
}
