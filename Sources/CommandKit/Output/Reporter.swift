import ArgumentParser
import Glibc

/// Prints notes, warnings and progress to standard error. Made once per run.
package struct Reporter: Sendable {
  /// Whether notes and warnings are left out.
  package let isQuiet: Bool
  /// Whether progress is drawn.
  package let showsProgress: Bool

  /// A reporter; by default, for everything but progress.
  package init(isQuiet: Bool = false, showsProgress: Bool = false) {
    self.isQuiet = isQuiet
    self.showsProgress = showsProgress
  }

  /// Prints a note of one line, unless quiet is asked for.
  package func note(_ text: String) {
    if !isQuiet { Console.say(text, .note) }
  }

  /// Prints a notice in this tool's words, unless quiet is asked for.
  package func note(_ notice: FrontEnd.Notice) { note(FrontEnd.current.text(of: notice)) }

  /// Prints a warning of one line, unless quiet is asked for.
  package func warn(_ text: String) {
    if !isQuiet { Console.say(text, .warning) }
  }

  /// A bar for work on so many bytes; 0 if their number is not known.
  package func bar(total: Int64) -> ProgressBar { ProgressBar(total: total, shown: showsProgress) }
}

/// The options of long-running commands.
package struct ProgressOptions: ParsableArguments {
  /// Whether notes and warnings are left out.
  @Flag(name: [.short, .long], help: "Print nothing but errors to standard error.")
  package var quiet = false

  /// Whether no progress is drawn.
  @Flag(name: .long, help: "Show no progress bar.")
  package var noProgress = false

  /// Options with nothing given.
  package init() {}

  /// A reporter that follows these options.
  package var reporter: Reporter {
    Reporter(isQuiet: quiet, showsProgress: !quiet && !noProgress && Console.isTerminal(STDERR_FILENO))
  }
}
