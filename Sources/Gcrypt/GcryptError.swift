public import Bytes
import CGcrypt

/// A failure that libgcrypt reported.
public struct GcryptError: Fault, Equatable, Sendable {
  /// libgcrypt's status (`gcry_error_t`): source and code together.
  public let status: UInt32
  /// What was being done, as a verb phrase: "open a sha256 digest".
  public let operation: String

  /// The error with its status and what was being done.
  public init(status: UInt32, operation: String) {
    self.status = status
    self.operation = operation
  }

  /// Statuses that this module itself reports or that callers tell apart.
  public enum Condition: Sendable {
    /// Something that libgcrypt does not say more about.
    case general
    /// No memory, or no secure memory, was left.
    case outOfMemory
    /// A key that is malformed, inconsistent or too weak.
    case badKey
    /// A value out of the range that the operation takes.
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

  /// An error of this module's own finding.
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

  /// One sentence: what failed, and libgcrypt's own words for why.
  public var description: String {
    "cannot \(operation): \(String(cString: gcry_strerror(status)))"
  }

  /// Turns a status other than success into a thrown error.
  static func check(_ status: gcry_error_t, _ operation: @autoclosure () -> String) throws(GcryptError) {
    guard status == 0 else { throw GcryptError(status: status, operation: operation()) }
  }
}
