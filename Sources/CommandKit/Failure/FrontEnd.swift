import Bytes

/// How one tool speaks: the form of its messages, and its options that help after a fault.
///
/// A process is one tool, by the name that it was called with. It sets this once, before anything can fail.
package struct FrontEnd: Sendable {
  /// The kind of a message.
  package enum Severity: Sendable {
    case note
    case warning
    case failure
  }

  /// A message as a line.
  package let line: @Sendable (Severity, String) -> String
  /// The end of the sentence about a fault: an option or command that helps; nil if there is none.
  package let remedy: @Sendable (any Fault) -> String?

  /// A tool's form of messages, and its remedies.
  package init(
    line: @escaping @Sendable (Severity, String) -> String, remedy: @escaping @Sendable (any Fault) -> String?
  ) {
    self.line = line
    self.remedy = remedy
  }

  /// The tool that this process is. Until it is set, messages are printed as they are.
  ///
  /// Set once, before there is a second thread: a lock would cost every command a system call.
  nonisolated(unsafe) package static var current = FrontEnd(line: { $1 }, remedy: { _ in nil })
}
