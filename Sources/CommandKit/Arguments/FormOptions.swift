import ArgumentParser

/// `--json`.
package struct JSONOption: ParsableArguments {
  /// Whether it was given.
  @Flag(help: "Print one JSON document instead of text.") package var json = false

  /// Options with nothing given.
  package init() {}
}

/// `--json` or `--ndjson`.
package struct JSONLinesOption: ParsableArguments {
  /// Whether to print one document.
  @Flag(help: "Print one JSON document instead of text.") package var json = false
  /// Whether to print one line per object.
  @Flag(help: "Print one JSON object per line.") package var ndjson = false

  /// Options with nothing given.
  package init() {}

  /// Refuses two forms at once.
  package func validate() throws {
    guard !json || !ndjson else { throw ValidationError("--json and --ndjson exclude each other") }
  }

  /// Whether the output is JSON.
  package var isGiven: Bool { json || ndjson }
}
