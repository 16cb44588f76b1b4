import ArgumentParser

extension CommandConfiguration {
  /// The configuration of a command that the tool's name precedes.
  ///
  /// When such a command is parsed alone, the parser does not look for its own option `--generate-completion-script`,
  /// which only the tool itself has. That search took half of the time of parsing.
  package init(
    subcommand name: String, abstract: String, discussion: String = "",
    subcommands: [any ParsableCommand.Type] = []
  ) {
    self.init(
      commandName: name, _superCommandName: "siftool", abstract: abstract, discussion: discussion,
      subcommands: subcommands)
  }
}
