public import Bytes

/// Why a remote or its file cannot be used.
public struct RemoteError: Fault, Equatable {
  /// The kind of error; its raw value is stable.
  public enum Code: String, Sendable {
    /// A file that is not a `remote.yaml`, or the answer of a site that is not a list of services.
    case malformed = "malformed-remotes"
    /// A name or address that makes no sense.
    case argument = "remote"
    /// There is no such remote, key server or login.
    case unknown = "no-remote"
    /// No remote is in use.
    case noneActive = "no-active-remote"
    /// A remote or key server with that name exists.
    case exists = "remote-exists"
    /// The administrator allows only one remote, or only the administrator may change this.
    case forbidden = "remote-forbidden"
    /// The remote does not have a service.
    case noService = "no-service"
    /// A token was refused, or there is none.
    case notLoggedIn = "login"
    /// The operating system refused or failed.
    case system
  }

  /// The kind of error.
  public let code: Code
  /// One sentence.
  public let description: String

  init(_ code: Code, _ description: String) {
    self.code = code
    self.description = description
  }

  /// A stable word for scripts.
  public var identifier: String { code.rawValue }

  /// Whose fault it is.
  public var kind: FaultKind {
    switch code {
    case .malformed: .malformed
    case .argument: .argument
    case .notLoggedIn: .key
    case .forbidden, .system: .system
    case .unknown, .noneActive, .exists, .noService: .other
    }
  }

  /// The same error, with the file that it is about.
  func naming(_ file: String) -> RemoteError { RemoteError(code, "\(file.printable): \(description)") }
}
