import Bytes

/// How one tool speaks: the form of its messages, its words, and its exit codes.
///
/// A process is one tool, by the name that it was called with. It sets this before anything can fail.
package struct FrontEnd: Sendable {
  /// The kind of a message, the least severe first.
  package enum Severity: Int, Sendable {
    case note
    case warning
    case failure
  }

  /// A note that other programs look for, so that each tool has words of its own for it.
  package enum Notice: Sendable {
    case instanceStarted(name: String, process: Int32)
    case instanceStopping(name: String, image: String, process: Int32)
    /// Signatures were added to an image.
    case signed(image: String, objects: String, count: Int)

    /// The words of `siftool`.
    fileprivate var sentence: String {
      switch self {
      case .instanceStarted(let name, let process): "instance \(name) started (process \(process))"
      case .instanceStopping(let name, let image, let process):
        "stopping \(name), an instance of \(image) (process \(process))"
      case .signed(_, let objects, let count): "signed: object\(count == 1 ? "" : "s") \(objects)"
      }
    }
  }

  /// What stands before a message.
  package var prefix: @Sendable (Severity) -> String
  /// The end of the sentence about a fault: an option or command that helps; nil if there is none.
  package let remedy: @Sendable (any Fault) -> String?
  /// The program that images name which it builds, and its version.
  package var program = (name: "siftool", version: ToolVersion.number)
  /// The whole sentence about a fault, where others than its own are expected; nil for its own.
  package var sentence: @Sendable (any Fault) -> String? = { _ in nil }
  /// The words of a notice; nil for those of `siftool`.
  package var notice: @Sendable (Notice) -> String? = { _ in nil }
  /// The exit code of the process.
  package var code: @Sendable (ExitStatus) -> UInt8 = { UInt8(clamping: $0.rawValue) }
  /// The line about the help that exists, after a wrong command line; nil for none.
  package var helpLine: @Sendable (_ command: [String]) -> String? = { _ in nil }
  /// The colour of the prefix on a terminal, as the parameter of the escape that sets it; nil for none.
  package var colour: @Sendable (Severity) -> Int? = { _ in nil }
  /// The least severe messages that are printed.
  package var least = Severity.note

  /// A tool's form of messages, and its remedies.
  package init(
    prefix: @escaping @Sendable (Severity) -> String, remedy: @escaping @Sendable (any Fault) -> String?
  ) {
    self.prefix = prefix
    self.remedy = remedy
  }

  /// Whether messages of a kind are printed.
  package func shows(_ severity: Severity) -> Bool { severity.rawValue >= least.rawValue }

  /// The words of a notice.
  package func text(of notice: Notice) -> String { self.notice(notice) ?? notice.sentence }

  /// The tool that this process is. Until it is set, messages are printed as they are.
  ///
  /// Set before there is a second thread: a lock would cost every command a system call.
  nonisolated(unsafe) package static var current = FrontEnd(prefix: { _ in "" }, remedy: { _ in nil })
}
