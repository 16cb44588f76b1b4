import CommandKit

/// What the commands of `siftool` do, for a front end with a command line of its own.
package protocol ToolOperations {
  /// The options of `siftool`'s commands.
  static var options: OptionTable { get }

  /// Runs a command, and prints what failed in the words of ``FrontEnd/current``.
  static func run(_ line: CommandLineGrammar.Line) -> ExitStatus

  /// The same with a command line of `siftool`.
  static func run(_ arguments: [String]) -> ExitStatus
}
