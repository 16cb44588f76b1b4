import ArgumentParser
import Bytes
import CommandKit
import Glibc
import SIF

/// The options of every command that writes an image.
struct WriteOptions: ParsableArguments {
  @Flag(
    name: .long,
    help: ArgumentHelp(
      "Write no times and no random id, so that the result depends on the input alone.",
      discussion:
        "With SOURCE_DATE_EPOCH in the environment, times are set to it, and a new image gets no id."))
  var deterministic = false

  /// The clock that gives an edit its times.
  func clock() throws -> EditClock {
    if deterministic { return .fixed(.none) }
    return try Self.sourceDateEpoch().map { .fixed($0) } ?? .automatic
  }

  /// The time in `SOURCE_DATE_EPOCH`; nil if it is not set.
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

/// The id of an object: a decimal number.
struct ObjectID: ExpressibleByArgument {
  let value: UInt32

  init?(argument: String) {
    guard !argument.isEmpty, argument.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
    guard let value = UInt32(argument) else { return nil }
    self.value = value
  }
}
