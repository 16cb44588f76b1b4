public import Bytes
public import LinuxSystem

/// The reason why an image could not be mounted, or a program in it could not be started.
public struct RuntimeError: Fault, Equatable, Sendable {
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
    /// A file system that contradicts itself, or ends too early.
    case malformed
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
  /// The thing that this system lacks, where the caller can choose a way without it.
  public let lacking: Need?

  /// The program that does not run, where a front end has words of its own for that.
  public let program: ProgramFault?

  /// What is wrong with a program.
  public enum ProgramFault: Equatable, Sendable {
    /// No directory of the image's PATH has it.
    case notInPath(String)
    /// It is for another processor; both by the names of `uname -m`.
    case foreign(there: String, here: String)
  }

  /// Something that some ways to mount and run need and others do not. A front end knows which of its options help.
  public enum Need: Sendable {
    /// Namespaces without a user namespace: root without CAP_SYS_ADMIN cannot make them.
    case privilegedNamespaces
    /// A user namespace.
    case userNamespace
    /// Capabilities that the container around this process was started without.
    case outerCapabilities
    /// The kernel's overlay file system.
    case overlay
    /// The device `/dev/fuse`.
    case fuseDevice
    /// The set-user-id program that mounts through FUSE.
    case fuseHelper
    /// The program `fuse2fs` or `fuse-overlayfs`.
    case fileSystemProgram
    /// An overlay whose files belong to the user who is root inside.
    case overlayOfRoot
    /// A program that keeps every capability.
    case everyCapability
    /// A control group that this user may divide.
    case ownControlGroup
  }

  /// Makes a failure.
  public init(
    _ code: Code, _ message: String, system: SystemError? = nil, lacking: Need? = nil,
    program: ProgramFault? = nil
  ) {
    self.code = code
    self.message = message
    self.system = system
    self.lacking = lacking
    self.program = program
  }

  /// Makes the failure of a system call.
  public init(_ error: SystemError) { self.init(.system, error.description, system: error) }

  /// A stable word for scripts.
  public var identifier: String { code.rawValue }

  /// Whose fault it is.
  public var kind: FaultKind {
    switch code {
    case .unavailable, .system, .notMounted: .system
    case .invalidArgument: .argument
    case .unsupportedFileSystem: .other
    case .malformed: .malformed
    case .notExecutable: .notExecutable
    case .notFound: .programNotFound
    }
  }

  /// The system call that failed.
  public var underlying: (any Fault)? { system }

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

/// The same for one expression. An autoclosure keeps the type of what is thrown, a plain closure needs it written.
@discardableResult
func translating<Result: ~Copyable>(
  _ call: @autoclosure () throws(SystemError) -> Result
) throws(RuntimeError) -> Result {
  do { return try call() } catch { throw RuntimeError(error) }
}

extension RuntimeError {
  /// A failure for another process of ours: the code, a NUL, and the message.
  package var bytes: [UInt8] { Array(code.rawValue.utf8) + [0] + Array(message.utf8) }

  /// Reads a failure that another process of ours sent.
  package init?(bytes: [UInt8]) {
    guard let end = bytes.firstIndex(of: 0), end > 0 else { return nil }
    self.init(
      Code(rawValue: String(decoding: bytes[..<end], as: UTF8.self)) ?? .system,
      String(decoding: bytes[(end + 1)...], as: UTF8.self))
  }

  /// Any failure, as one of the runtime.
  package init(any error: any Error) {
    switch error {
    case let error as RuntimeError: self = error
    case let error as SystemError: self.init(error)
    default: self.init(.system, "\(error)")
    }
  }
}
