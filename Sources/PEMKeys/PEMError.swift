public import Bytes
import Gcrypt

/// The reason why a PEM file gave no key.
public struct PEMError: Fault, Equatable, Sendable {
  /// The kind of error; its raw value is stable.
  public enum Code: String, Sendable {
    /// No PEM block, or none with a key.
    case noKey = "no-key"
    /// A block whose frame or encoding does not follow RFC 7468.
    case malformedPEM = "malformed-pem"
    /// DER that does not match the block's label.
    case malformedKey = "malformed-key"
    /// An algorithm, a curve or a protection that this module does not implement.
    case unsupported
    /// Larger or more expensive than a key ever is.
    case tooLarge = "too-large"
    /// The private key is encrypted, but there is no passphrase.
    case passphraseNeeded = "passphrase-needed"
    /// The passphrase does not open the private key.
    case wrongPassphrase = "wrong-passphrase"
    /// The key is too weak, or its numbers do not belong together.
    case unusableKey = "unusable-key"
    /// libgcrypt failed.
    case library
  }

  /// The kind of error.
  public let code: Code
  /// A phrase that names the error.
  public let what: String

  /// Makes an error of that kind.
  public init(_ code: Code, _ what: String) {
    self.code = code
    self.what = what
  }

  init(_ error: GcryptError) {
    self.init(error.isCondition(.badKey) ? .unusableKey : .library, error.description)
  }

  /// A stable word for scripts.
  public var identifier: String { code.rawValue }

  /// Whose fault it is.
  public var kind: FaultKind { .key }

  /// One sentence.
  public var description: String { "PEM: \(what)" }
}
