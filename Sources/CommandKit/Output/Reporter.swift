import ArgumentParser
import Glibc

/// Says what is not output: notes and warnings on standard error, and how far the work has come. Made once per run.
package struct Reporter: Sendable {
  /// Whether notes and warnings are left out.
  package let isQuiet: Bool
  /// Whether progress is drawn.
  package let showsProgress: Bool

  /// A reporter; by default, of everything but progress.
  package init(isQuiet: Bool = false, showsProgress: Bool = false) {
    self.isQuiet = isQuiet
    self.showsProgress = showsProgress
  }

  /// Says something in one line, unless quiet is asked for.
  package func note(_ text: String) {
    if !isQuiet { Console.say(text, .note) }
  }

  /// Warns in one line, unless quiet is asked for.
  package func warn(_ text: String) {
    if !isQuiet { Console.say(text, .warning) }
  }

  /// A bar for work on so many bytes; 0 where their number is not known.
  package func bar(total: Int64) -> ProgressBar { ProgressBar(total: total, shown: showsProgress) }
}

/// What long-running commands take.
package struct ProgressOptions: ParsableArguments {
  /// Whether notes and warnings are left out.
  @Flag(name: [.short, .long], help: "Print nothing but errors to standard error.")
  package var quiet = false

  /// Whether no progress is drawn.
  @Flag(name: .long, help: "Draw no progress bar.")
  package var noProgress = false

  /// Options with nothing given.
  package init() {}

  /// What speaks as these options have it.
  package var reporter: Reporter {
    Reporter(isQuiet: quiet, showsProgress: !quiet && !noProgress && Console.isTerminal(STDERR_FILENO))
  }
}
