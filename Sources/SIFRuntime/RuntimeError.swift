public import LinuxSystem

/// Why an image could not be mounted, or a program in it not be started.
public struct RuntimeError: Error, Equatable, Sendable, CustomStringConvertible {
  /// What kind of failure this is. The raw value is stable and appears in JSON.
  public enum Code: String, Sendable {
    /// The kernel, or this user's rights, do not allow what is needed; the message says what and what else to do.
    case unavailable
    /// A path, name or combination that makes no sense.
    case invalidArgument = "invalid-argument"
    /// What was named is not a mount of an image.
    case notMounted = "not-mounted"
    /// The file system of the partition is none that is ever mounted.
    case unsupportedFileSystem = "unsupported-file-system"
    /// The program is not there, or cannot be executed.
    case notFound = "program-not-found"
    /// The program is there but cannot be executed.
    case notExecutable = "program-not-executable"
    /// The operating system refused; ``RuntimeError/system`` says why.
    case system
  }

  /// What kind of failure.
  public let code: Code
  /// What happened, as a clause without a final stop.
  public let message: String
  /// The system call that failed.
  public let system: SystemError?

  /// A failure with what is known about it.
  public init(_ code: Code, _ message: String, system: SystemError? = nil) {
    self.code = code
    self.message = message
    self.system = system
  }

  /// A failed system call.
  public init(_ error: SystemError) { self.init(.system, error.description, system: error) }

  /// One sentence without a final stop.
  public var description: String { message }
}

/// Runs a body, and turns failed system calls into errors of the runtime.
@discardableResult
func translating<Result: ~Copyable>(
  _ body: () throws(SystemError) -> Result
) throws(RuntimeError) -> Result {
  do { return try body() } catch { throw RuntimeError(error) }
}
