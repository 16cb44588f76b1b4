public import Bytes

/// The reason why an image may not be mounted or run.
public struct PolicyError: Fault, Equatable, Sendable {
  /// The kind of refusal. The raw value is stable and appears in JSON.
  public enum Code: String, Sendable {
    /// The policy itself is unusable. It denies everything until it is repaired.
    case unusable = "execution-policy"
    /// A rule denies the image because of its kind or its place.
    case denied = "execution-denied"
    /// A rule denies the image because of its signers, or because it has none.
    case signers = "execution-signers"
  }

  /// The kind of refusal.
  public let code: Code
  /// A clause that says what happened, without a final stop. It may contain bytes of the policy: escape it
  /// for a terminal.
  public let message: String

  /// Makes a refusal with its reason.
  public init(_ code: Code, _ message: String) {
    self.code = code
    self.message = message
  }

  /// Makes the refusal of an unusable policy.
  static func unusable(
    _ file: String, _ reason: String,
    _ consequence: String = "until that is repaired, its policy denies every image"
  ) -> PolicyError {
    PolicyError(.unusable, "\(file) \(reason): \(consequence)")
  }

  /// A stable word for scripts.
  public var identifier: String { code.rawValue }

  /// Whose fault it is.
  public var kind: FaultKind { code == .signers ? .untrusted : .system }

  /// One sentence without a final stop.
  public var description: String { message }
}

/// The reason why a policy's file cannot be understood, and its place.
public struct PolicySyntaxError: Fault, Equatable, Sendable {
  /// The line, counted from 1; 0 for the whole file.
  public let line: Int
  /// A clause that says what is wrong.
  public let reason: String

  init(_ reason: String, line: Int = 0) {
    self.line = line
    self.reason = reason
  }

  /// The same word for every fault of a policy.
  public var identifier: String { PolicyError.Code.unusable.rawValue }

  /// The operating system's: the file is the administrators'.
  public var kind: FaultKind { .system }

  /// The clause, with the line if there is one.
  public var description: String { line == 0 ? reason : "line \(line): \(reason)" }
}
