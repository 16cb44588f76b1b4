public import Bytes

/// The reason why an administrator's change was not made.
public struct AdministrationError: Fault, Equatable, Sendable {
  /// The kind of failure. The raw value is stable.
  public enum Code: String, Sendable {
    /// Only root may do it.
    case notRoot = "not-root"
    /// There is no such user or group.
    case unknownName = "unknown-name"
    /// There is nothing to change.
    case noEntry = "no-entry"
    /// There is no room for a further range.
    case noRoom = "no-room"
    /// A file cannot be changed: another process has it locked, or the system refuses.
    case system
  }

  /// The kind of failure.
  public let code: Code
  /// A clause that says what happened, without a final stop.
  public let message: String
  /// The fault that caused this one.
  public let underlying: (any Fault)?

  init(_ code: Code, _ message: String, underlying: (any Fault)? = nil) {
    self.code = code
    self.message = message
    self.underlying = underlying
  }

  /// A stable word for scripts.
  public var identifier: String { code.rawValue }

  /// Whose fault it is.
  public var kind: FaultKind {
    switch code {
    case .notRoot, .system: .system
    case .unknownName: .argument
    case .noEntry, .noRoom: .other
    }
  }

  /// One sentence without a final stop.
  public var description: String { message }

  /// Equal in what they say.
  public static func == (left: AdministrationError, right: AdministrationError) -> Bool {
    left.code == right.code && left.message == right.message
  }
}
