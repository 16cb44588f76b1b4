import Bytes
import CommandKit
import Glibc
import ImageBuild
import LinuxSystem
import StrictJSON
import Synchronization

/// Shows what goes on in a build, and keeps the last lines of a step.
final class BuildLog: Sendable {
  private static let mostKept = 16 << 10

  private struct State {
    var last: [UInt8] = []
    var steps: [(name: String, seconds: Double)] = []
    var step: String?
  }

  private let reporter: Reporter
  private let state = Mutex(State())

  init(_ reporter: Reporter) { self.reporter = reporter }

  /// Takes an event.
  func take(_ event: BuildEvent) {
    switch event {
    case .note(let text): reporter.note(text)
    case .began(let name):
      state.withLock { state in
        state.last = []
        state.step = name
      }
      reporter.note(name.printable)
    case .ended(let name, let seconds):
      state.withLock { state in
        state.steps.append((name, seconds))
        state.step = nil
      }
      if seconds >= 0.1 { reporter.note("\(name.printable): \(Self.text(seconds)) s") }
    case .output(let bytes):
      if reporter.isQuiet {
        state.withLock { state in
          state.last += bytes
          if state.last.count > Self.mostKept { state.last.removeFirst(state.last.count - Self.mostKept) }
        }
      } else {
        try? SystemError.writeAll(bytes.span.bytes, to: STDERR_FILENO)
      }
    }
  }

  /// Does something as a step.
  func step<Result>(_ name: String, _ body: () throws -> Result) rethrows -> Result {
    take(.began(name))
    let start = Self.now
    let result = try body()
    take(.ended(name, seconds: Self.now - start))
    return result
  }

  private static var now: Double {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
  }

  private static func text(_ seconds: Double) -> String {
    let tenths = Int((min(seconds, 1e9) * 10).rounded())
    return "\(tenths / 10).\(tenths % 10)"
  }

  /// The steps with their times.
  var steps: JSONValue {
    .array(
      state.withLock { $0.steps }.map { step in
        [
          "step": .string(step.name.printable),
          "milliseconds": .integer(Int64((min(step.seconds, 1e9) * 1000).rounded())),
        ]
      })
  }

  /// Prints the last lines of the step that failed, if they were not shown.
  func showEnd() {
    let last = state.withLock { $0.last }
    for line in last.split(separator: 0x0A).suffix(20) { Console.say(Array(line).printable, .note) }
  }
}
