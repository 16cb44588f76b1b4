public import Bytes
public import LinuxSystem

/// The reason why the files of an accelerator cannot be had.
public struct AcceleratorError: Fault, Equatable, Sendable {
  /// The kind of failure. The raw value is stable and appears in JSON.
  public enum Code: String, Sendable {
    /// A device's name is not of the form VENDOR/CLASS=NAME.
    case invalidName = "invalid-device-name"
    /// No specification describes the device.
    case unknownDevice = "unknown-device"
    /// A specification says something that it may not.
    case malformed = "malformed-device-specification"
    /// A specification that others than root can change, and root is to use it.
    case untrusted = "untrusted-device-specification"
    /// The host lacks a program that was asked for.
    case missingProgram = "missing-driver-program"
    /// The operating system refused; ``AcceleratorError/system`` says why.
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

  /// A stable word for scripts.
  public var identifier: String { code.rawValue }

  /// Whose fault it is.
  public var kind: FaultKind {
    switch code {
    case .invalidName: .argument
    case .unknownDevice, .untrusted, .missingProgram: .other
    case .malformed: .malformed
    case .system: .system
    }
  }

  /// The system call that failed.
  public var underlying: (any Fault)? { system }

  /// One sentence without a final stop.
  public var description: String { message }
}
