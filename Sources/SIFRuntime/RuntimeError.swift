public import Bytes
public import LinuxSystem

/// Why an image could not be mounted, or a program in it not be started.
public struct RuntimeError: Fault, Equatable, Sendable {
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
  /// The thing that this system lacks, where the caller can choose a way without it.
  public let lacking: Need?

  /// Something that some ways to mount and run need and others do not. A front end knows which of its options help.
  public enum Need: Sendable {
    /// Namespaces without a user namespace: root without CAP_SYS_ADMIN cannot make them.
    case privilegedNamespaces
    /// A user namespace.
    case userNamespace
    /// The kernel's overlay file system.
    case overlay
    /// The device `/dev/fuse`.
    case fuseDevice
    /// The set-user-id program that mounts through FUSE.
    case fuseHelper
    /// A control group that this user may divide.
    case ownControlGroup
  }

  /// A failure with what is known about it.
  public init(_ code: Code, _ message: String, system: SystemError? = nil, lacking: Need? = nil) {
    self.code = code
    self.message = message
    self.system = system
    self.lacking = lacking
  }

  /// A failed system call.
  public init(_ error: SystemError) { self.init(.system, error.description, system: error) }

  /// A stable word for scripts.
  public var identifier: String { code.rawValue }

  /// Whose fault it is.
  public var kind: FaultKind {
    switch code {
    case .unavailable, .system, .notMounted: .system
    case .invalidArgument: .argument
    case .unsupportedFileSystem: .other
    case .notExecutable: .notExecutable
    case .notFound: .programNotFound
    }
  }

  /// The system call that failed.
  public var underlying: (any Fault)? { system }

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

/// The same for one expression. An autoclosure keeps the type of what is thrown, a plain closure needs it written.
@discardableResult
func translating<Result: ~Copyable>(
  _ call: @autoclosure () throws(SystemError) -> Result
) throws(RuntimeError) -> Result {
  do { return try call() } catch { throw RuntimeError(error) }
}
