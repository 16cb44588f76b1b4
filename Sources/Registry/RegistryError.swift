public import Bytes

/// The reason why a registry was not asked, or not believed.
public struct RegistryError: Fault, Equatable {
  /// The kind of failure; the raw value is stable.
  public enum Code: String, Sendable, CaseIterable {
    /// A file of credentials is not what it should be.
    case credentialFile = "bad-credential-file"
    /// A program that keeps credentials failed.
    case credentialHelper = "credential-helper"
    /// The registry needs a login, and there is none.
    case needsLogin = "needs-login"
    /// The registry, or its token service, refused the login.
    case wrongLogin = "wrong-login"
    /// The registry asks for credentials in a way that is not known or not allowed.
    case challenge = "bad-challenge"
    /// What is there is no SIF image.
    case notSIF = "not-a-sif-artifact"
  }

  /// The kind of failure.
  public let code: Code
  /// One sentence, without a final stop.
  public let description: String
  /// The fault that caused this one.
  public let underlying: (any Fault)?

  /// An error of a kind.
  public init(_ code: Code, _ description: String, causedBy fault: (any Fault)? = nil) {
    self.code = code
    self.description = description
    underlying = fault
  }

  /// Whether kind and sentence are equal.
  public static func == (left: RegistryError, right: RegistryError) -> Bool {
    left.code == right.code && left.description == right.description
  }

  /// A stable word for scripts.
  public var identifier: String { code.rawValue }

  /// The cause.
  public var kind: FaultKind {
    switch code {
    case .credentialFile, .notSIF: .malformed
    case .credentialHelper, .challenge, .needsLogin, .wrongLogin: .system
    }
  }
}
