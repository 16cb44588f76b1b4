import ArgumentParser
import LinuxSystem

/// `--threads`.
package struct ThreadOptions: ParsableArguments {
  /// As many as any command starts.
  private static let most = 256

  /// The number that was asked for.
  @Option(help: ArgumentHelp("Threads, 1 to 256; otherwise one a processor.", valueName: "n"))
  package var threads: Int?

  /// Options with nothing given.
  package init() {}

  /// Refuses numbers that no command works with.
  package func validate() throws {
    guard threads.map({ (1...Self.most).contains($0) }) ?? true else {
      throw ValidationError("--threads must be between 1 and \(Self.most)")
    }
  }

  /// How many to start.
  package var count: Int { threads ?? Workers.processors(limit: Self.most) }
}
