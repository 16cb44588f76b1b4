public import Bytes
import Gcrypt

/// The reason why OpenPGP data was not understood, or a key was not used.
public struct OpenPGPError: Fault, Equatable, Sendable {
  /// The kind of error; its raw value is stable.
  public enum Code: String, Sendable {
    /// The data ends within a packet, or a length points beyond its packet.
    case truncated
    /// A packet or one of its fields that RFC 9580 does not allow.
    case malformedPacket = "malformed-packet"
    /// Malformed ASCII armor (RFC 9580 section 6).
    case malformedArmor = "malformed-armor"
    /// A malformed cleartext signed message (RFC 9580 section 7).
    case malformedMessage = "malformed-message"
    /// A malformed GnuPG keybox.
    case malformedKeybox = "malformed-keybox"
    /// A version, algorithm or protection that this module does not implement.
    case unsupported
    /// Data that is larger, deeper or more expensive than a key or signature ever is.
    case tooLarge = "too-large"
    /// No key in the data.
    case noKey = "no-key"
    /// The secret key is locked, but there is no passphrase.
    case passphraseNeeded = "passphrase-needed"
    /// The passphrase does not open the secret key.
    case wrongPassphrase = "wrong-passphrase"
    /// The key must not sign, or cannot.
    case unusableKey = "unusable-key"
    /// The `gpg` program cannot be run, or fails to sign.
    case gnuPG = "gnupg"
    /// libgcrypt failed.
    case library
  }

  /// The kind of error.
  public let code: Code
  /// A phrase that names the error.
  public let what: String
  /// The byte of the data at which it was found, where there is one.
  public let position: Int?

  /// Makes an error of that kind, with a phrase and a place.
  public init(_ code: Code, _ what: String, at offset: Int? = nil) {
    self.code = code
    self.what = what
    position = offset
  }

  init(_ error: GcryptError) {
    self.init(error.isCondition(.badKey) ? .unusableKey : .library, error.description)
  }

  /// A stable word for scripts.
  public var identifier: String { code.rawValue }

  /// Whose fault it is.
  public var kind: FaultKind { .key }

  /// One sentence that says what is wrong, and at which byte.
  public var description: String {
    "OpenPGP: \(what)" + (position.map { " (at byte \($0))" } ?? "")
  }
}

/// Runs a step that uses libgcrypt, and turns its errors into this module's.
func gcrypt<Result: ~Copyable>(
  _ body: () throws(GcryptError) -> Result
) throws(OpenPGPError) -> Result {
  do { return try body() } catch { throw OpenPGPError(error) }
}
