public import Bytes
public import LinuxSystem

/// The reason why something could not be done with an instance.
public struct InstanceError: Fault, Equatable, Sendable {
  /// The kind of failure. The raw value is stable and appears in JSON.
  public enum Code: String, Sendable {
    /// The text is not the name of an instance.
    case invalidName = "invalid-instance-name"
    /// An instance of that name runs, or is just being started.
    case exists = "instance-exists"
    /// No instance of that name runs.
    case notFound = "instance-not-found"
    /// The file that describes an instance is not what this program writes.
    case malformed = "malformed-instance-file"
    /// The instance has no control group, so the kernel counts nothing for it.
    case noStatistics = "no-statistics"
    /// The operating system refused; ``InstanceError/system`` says why.
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
  init(_ error: SystemError) { self.init(.system, error.description, system: error) }

  /// A stable word for scripts.
  public var identifier: String { code.rawValue }

  /// Whose fault it is.
  public var kind: FaultKind {
    switch code {
    case .invalidName: .argument
    case .exists, .notFound, .noStatistics: .other
    case .malformed: .malformed
    case .system: .system
    }
  }

  /// The system call that failed.
  public var underlying: (any Fault)? { system }

  /// One sentence without a final stop.
  public var description: String { message }
}

/// Runs a body and turns a failed system call into an error of instances.
func translating<Result: ~Copyable>(
  _ body: () throws(SystemError) -> Result
) throws(InstanceError) -> Result {
  do { return try body() } catch { throw InstanceError(error) }
}
