public import Bytes
import CGcrypt

/// A failure that libgcrypt reported.
public struct GcryptError: Fault, Equatable, Sendable {
  /// libgcrypt's status (`gcry_error_t`): source and code together.
  public let status: UInt32
  /// The operation that failed, as a verb phrase: "open a sha256 digest".
  public let operation: String

  /// Makes an error from a status and an operation.
  public init(status: UInt32, operation: String) {
    self.status = status
    self.operation = operation
  }

  /// Statuses that this module itself reports, or that callers distinguish.
  public enum Condition: Sendable {
    /// A failure about which libgcrypt says nothing more.
    case general
    /// No memory, or no secure memory, is left.
    case outOfMemory
    /// A key that is malformed, inconsistent or too weak.
    case badKey
    /// A value outside the range that the operation accepts.
    case badValue
    /// A value of more bytes than the library can hold.
    case tooLarge

    var code: gpg_err_code_t {
      switch self {
      case .general: GPG_ERR_GENERAL
      case .outOfMemory: GPG_ERR_ENOMEM
      case .badKey: GPG_ERR_BAD_PUBKEY
      case .badValue: GPG_ERR_INV_VALUE
      case .tooLarge: GPG_ERR_TOO_LARGE
      }
    }
  }

  /// Makes an error that this module itself found.
  init(_ condition: Condition, _ operation: String) {
    self.init(status: UInt32(condition.code.rawValue), operation: operation)
  }

  /// Whether the failure is of that kind, whichever layer of libgcrypt reported it.
  public func isCondition(_ condition: Condition) -> Bool {
    gcry_err_code(status) == condition.code
  }

  /// A stable word for scripts.
  public var identifier: String { "library" }

  /// Whose fault it is.
  public var kind: FaultKind { .other }

  /// One sentence: the operation, and libgcrypt's own words for the reason.
  public var description: String {
    "cannot \(operation): \(String(cString: gcry_strerror(status)))"
  }

  /// Throws an error for a status other than success.
  static func check(_ status: gcry_error_t, _ operation: @autoclosure () -> String) throws(GcryptError) {
    guard status == 0 else { throw GcryptError(status: status, operation: operation()) }
  }
}
