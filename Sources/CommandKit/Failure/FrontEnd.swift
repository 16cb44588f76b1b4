import Bytes

/// How one tool speaks: what stands before its messages, and which of its options helps against a fault.
///
/// A process is one tool, by the name that it was called by: it says so once, before anything can fail.
package struct FrontEnd: Sendable {
  /// What kind of message a line is.
  package enum Severity: Sendable {
    case note
    case warning
    case failure
  }

  /// A message as a line.
  package let line: @Sendable (Severity, String) -> String
  /// The end of the sentence about a fault: an option or command that does without what is missing; nil where there is
  /// none.
  package let remedy: @Sendable (any Fault) -> String?

  /// A tool's way to speak.
  package init(
    line: @escaping @Sendable (Severity, String) -> String, remedy: @escaping @Sendable (any Fault) -> String?
  ) {
    self.line = line
    self.remedy = remedy
  }

  /// The tool that this process is. Without one, messages stand alone.
  ///
  /// Set once, before there is a second thread: a lock would cost every command a system call.
  nonisolated(unsafe) package static var current = FrontEnd(line: { $1 }, remedy: { _ in nil })
}
