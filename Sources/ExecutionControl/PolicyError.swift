public import Bytes

/// Why an image may not be mounted or run.
public struct PolicyError: Fault, Equatable, Sendable {
  /// What kind of refusal this is. The raw value is stable and appears in JSON.
  public enum Code: String, Sendable {
    /// The policy itself cannot be relied on: everything is denied until it is mended.
    case unusable = "execution-policy"
    /// A rule denies the image for what or where it is.
    case denied = "execution-denied"
    /// A rule denies the image for who has signed it, or has not.
    case signers = "execution-signers"
  }

  /// What kind of refusal.
  public let code: Code
  /// What happened, as a clause without a final stop. It may hold bytes of the policy: escape it for a terminal.
  public let message: String

  /// A refusal with its reason.
  public init(_ code: Code, _ message: String) {
    self.code = code
    self.message = message
  }

  /// A policy that cannot be relied on.
  static func unusable(_ file: String, _ reason: String) -> PolicyError {
    PolicyError(
      .unusable, "\(file) \(reason): until that is mended, its policy denies every image")
  }

  /// A stable word for scripts.
  public var identifier: String { code.rawValue }

  /// Whose fault it is.
  public var kind: FaultKind { code == .signers ? .untrusted : .system }

  /// One sentence without a final stop.
  public var description: String { message }
}

/// Why a file of a policy cannot be understood, and where.
public struct PolicySyntaxError: Fault, Equatable, Sendable {
  /// The line, counted from 1; 0 where the whole file is meant.
  public let line: Int
  /// What is wrong, as a clause.
  public let reason: String

  init(_ reason: String, line: Int = 0) {
    self.line = line
    self.reason = reason
  }

  /// The same word for every fault of a policy.
  public var identifier: String { PolicyError.Code.unusable.rawValue }

  /// The operating system's: the file is the administrators'.
  public var kind: FaultKind { .system }

  /// The clause, with the line where there is one.
  public var description: String { line == 0 ? reason : "line \(line): \(reason)" }
}
