public import Bytes
import Gcrypt

/// Why a PEM file gave no key.
public struct PEMError: Fault, Equatable, Sendable {
  /// The kind of fault; its raw value is stable.
  public enum Code: String, Sendable {
    /// No PEM block, or none with a key.
    case noKey = "no-key"
    /// A block that is not framed or encoded as RFC 7468 has it.
    case malformedPEM = "malformed-pem"
    /// DER that is not what the block's label promises.
    case malformedKey = "malformed-key"
    /// An algorithm, a curve or a protection that this module does not implement.
    case unsupported
    /// Larger or costlier than a key ever is.
    case tooLarge = "too-large"
    /// The private key is encrypted and no passphrase was given.
    case passphraseNeeded = "passphrase-needed"
    /// The passphrase does not open the private key.
    case wrongPassphrase = "wrong-passphrase"
    /// The key is too weak, or its numbers do not belong together.
    case unusableKey = "unusable-key"
    /// libgcrypt failed.
    case library
  }

  /// The kind of fault.
  public let code: Code
  /// What it was, as a phrase.
  public let what: String

  /// An error of its kind.
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
