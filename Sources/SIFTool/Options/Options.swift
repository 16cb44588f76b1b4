import ArgumentParser
import Bytes
import Glibc
import SIF

/// `--json`.
struct JSONOption: ParsableArguments {
  @Flag(name: .long, help: "Print one JSON document instead of text.")
  var json = false
}

/// What every command that writes an image takes.
struct WriteOptions: ParsableArguments {
  @Flag(
    name: .long,
    help: ArgumentHelp(
      "Leave no trace of the clock: no times and no random id.",
      discussion: "SOURCE_DATE_EPOCH in the environment sets the times instead, and a new image gets no id."))
  var deterministic = false

  /// Where the times of the edit come from.
  func clock() throws -> EditClock {
    if deterministic { return .fixed(.none) }
    return try Self.sourceDateEpoch().map { .fixed($0) } ?? .automatic
  }

  /// The time in `SOURCE_DATE_EPOCH`, or nil when it is not set.
  static func sourceDateEpoch() throws -> Timestamp? {
    guard let value = getenv("SOURCE_DATE_EPOCH") else { return nil }
    let text = String(cString: value)
    if text.isEmpty { return nil }
    guard let seconds = Int64(text), text.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else {
      throw ToolFailure.usage(
        "SOURCE_DATE_EPOCH is \"\(text.printable)\", not a number of seconds")
    }
    return Timestamp(seconds: seconds)
  }
}

/// What long-running commands take.
struct ProgressOptions: ParsableArguments {
  @Flag(name: [.short, .long], help: "Print nothing but errors to standard error.")
  var quiet = false

  @Flag(name: .long, help: "Draw no progress bar.")
  var noProgress = false

  /// Whether a progress bar is wanted and can be drawn.
  var showsProgress: Bool { !quiet && !noProgress && Console.isTerminal(STDERR_FILENO) }

  /// Writes a message for people, unless they asked for quiet.
  func note(_ line: String) {
    if !quiet { Console.note(line) }
  }
}

/// The id of an object: a decimal number.
struct ObjectID: ExpressibleByArgument {
  let value: UInt32

  init?(argument: String) {
    guard !argument.isEmpty, argument.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
    guard let value = UInt32(argument) else { return nil }
    self.value = value
  }
}
