import ArgumentParser
import LinuxSystem

/// `--threads`.
package struct ThreadOptions: ParsableArguments {
  /// The most threads that a command starts.
  private static let most = 256

  /// The number that was asked for.
  @Option(help: ArgumentHelp("The number of threads, 1 to 256 (default: one per processor).", valueName: "n"))
  package var threads: Int?

  /// Options with nothing given.
  package init() {}

  /// Refuses numbers outside the range.
  package func validate() throws {
    guard threads.map({ (1...Self.most).contains($0) }) ?? true else {
      throw ValidationError("--threads must be between 1 and \(Self.most)")
    }
  }

  /// The number of threads to start.
  package var count: Int { threads ?? Workers.processors(limit: Self.most) }
}
