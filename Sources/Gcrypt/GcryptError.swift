import CGcrypt

/// A failure that libgcrypt reported.
public struct GcryptError: Error, Equatable, Sendable, CustomStringConvertible {
  /// libgcrypt's status (`gcry_error_t`): source and code together.
  public let status: UInt32
  /// What was being done, as a verb phrase: "open a sha256 digest".
  public let operation: String

  /// The error with its status and what was being done.
  public init(status: UInt32, operation: String) {
    self.status = status
    self.operation = operation
  }

  /// One sentence: what failed, and libgcrypt's own words for why.
  public var description: String {
    "cannot \(operation): \(String(cString: gcry_strerror(status)))"
  }

  /// Turns a status other than success into a thrown error.
  static func check(_ status: gcry_error_t, _ operation: @autoclosure () -> String) throws(GcryptError) {
    guard status == 0 else { throw GcryptError(status: status, operation: operation()) }
  }
}
