public import LinuxSystem

/// The reason why an image could not be mounted, or a program in it could not be started.
public struct RuntimeError: Error, Equatable, Sendable, CustomStringConvertible {
  /// The kind of failure. The raw value is stable and appears in JSON.
  public enum Code: String, Sendable {
    /// The kernel, or this user's rights, do not allow it; the message says what is missing and what to do instead.
    case unavailable
    /// A path, name or combination that makes no sense.
    case invalidArgument = "invalid-argument"
    /// The path that was named is not a mount of an image.
    case notMounted = "not-mounted"
    /// The partition's file system is of a type that is never mounted.
    case unsupportedFileSystem = "unsupported-file-system"
    /// The program, or something that it needs, does not exist.
    case notFound = "program-not-found"
    /// The program exists but cannot be executed.
    case notExecutable = "program-not-executable"
    /// The operating system refused; ``RuntimeError/system`` says why.
    case system
  }

  /// The kind of failure.
  public let code: Code
  /// A clause that says what happened, without a final stop.
  public let message: String
  /// The system call that failed, if one did.
  public let system: SystemError?

  /// Makes a failure.
  public init(_ code: Code, _ message: String, system: SystemError? = nil) {
    self.code = code
    self.message = message
    self.system = system
  }

  /// Makes the failure of a system call.
  public init(_ error: SystemError) { self.init(.system, error.description, system: error) }

  /// One sentence without a final stop.
  public var description: String { message }
}

/// Runs a body and turns a failed system call into an error of the runtime.
@discardableResult
func translating<Result: ~Copyable>(
  _ body: () throws(SystemError) -> Result
) throws(RuntimeError) -> Result {
  do { return try body() } catch { throw RuntimeError(error) }
}
