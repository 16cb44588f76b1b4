import ArgumentParser
import CommandKit

extension CompletionShell: @retroactive ExpressibleByArgument {}

struct CompletionCommand: ToolCommand {
  static let configuration = CommandConfiguration(
    subcommand: "completion", abstract: "Print the completion script for a shell: bash, zsh or fish.")

  @Argument(help: "The shell.") var shell: CompletionShell

  func execute() throws {
    try Console.write(raw: Array((SiftoolCommand.completionScript(for: shell) + "\n").utf8))
  }
}
