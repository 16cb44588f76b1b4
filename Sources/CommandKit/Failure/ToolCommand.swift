import ArgumentParser
import Bytes

/// A command whose failures end the process with an exit code of ``ExitStatus``.
package protocol ToolCommand: ParsableCommand {
  /// Does the work.
  func execute() throws

  /// Whether the command's output is a JSON document.
  var printsJSON: Bool { get }

  /// The options that do nothing with the other options and operands of this command line.
  var idleOptions: [IdleOptions] { get }
}

extension ToolCommand {
  /// Every option does something, unless a command says otherwise.
  package var idleOptions: [IdleOptions] { [] }

  /// Text, unless a command says that it prints JSON.
  package var printsJSON: Bool { false }

  /// Does the work.
  package mutating func run() throws { try execute() }

  /// Refuses a command line that the parser accepts, but that cannot be meant.
  ///
  /// - Parameter given: the names of the options on the command line, without dashes.
  package func checkCommandLine(given: Set<String>) throws {
    for options in idleOptions { try options.check(given: given) }
    if CommandFiles.isNeeded { try CommandFiles(of: self).check() }
  }
}

/// A command that prints notes or progress besides its output.
package protocol ReportingCommand: ToolCommand {
  /// The options on notes and progress.
  var progress: ProgressOptions { get }

  /// Does the work.
  ///
  /// - Parameter reporter: prints them.
  func execute(_ reporter: Reporter) throws
}

extension ReportingCommand {
  /// Does the work, with the one reporter of the run.
  package func execute() throws { try execute(progress.reporter) }
}

/// The exit codes that scripts rely on.
package enum ExitStatus: Int32 {
  case done = 0
  /// Any failure without a code of its own; for `diff`, that there are differences.
  case failure = 1
  case notSigned = 2
  case untrusted = 3
  case tampered = 4
  /// Not a SIF image, malformed or truncated.
  case malformed = 5
  case key = 6
  /// The operating system refused or failed.
  case system = 7
  case usage = 64
  /// A program of an image that cannot be executed, and one that does not exist: as in shells.
  case notExecutable = 126
  case notFound = 127

  /// The exit code for a kind of fault.
  package init(_ kind: FaultKind) {
    self =
      switch kind {
      case .malformed: .malformed
      case .key: .key
      case .system: .system
      case .argument: .usage
      case .notSigned: .notSigned
      case .untrusted: .untrusted
      case .tampered: .tampered
      case .notExecutable: .notExecutable
      case .programNotFound: .notFound
      case .other: .failure
      }
  }
}
