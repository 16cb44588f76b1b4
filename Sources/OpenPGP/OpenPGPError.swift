public import Bytes
import Gcrypt

/// Why OpenPGP data was not understood, or a key not used.
public struct OpenPGPError: Fault, Equatable, Sendable {
  /// The kind of fault; its raw value is stable.
  public enum Code: String, Sendable {
    /// The data ends within a packet, or a length points beyond its packet.
    case truncated
    /// A packet or one of its fields that RFC 9580 does not allow.
    case malformedPacket = "malformed-packet"
    /// ASCII armor (RFC 9580 section 6) with a fault.
    case malformedArmor = "malformed-armor"
    /// A cleartext signed message (RFC 9580 section 7) with a fault.
    case malformedMessage = "malformed-message"
    /// A GnuPG keybox with a fault.
    case malformedKeybox = "malformed-keybox"
    /// A version, algorithm or protection that this module does not implement.
    case unsupported
    /// Data larger, deeper or costlier than a key or signature ever is.
    case tooLarge = "too-large"
    /// No key in the data.
    case noKey = "no-key"
    /// The secret key is protected and no passphrase was given.
    case passphraseNeeded = "passphrase-needed"
    /// The passphrase does not open the secret key.
    case wrongPassphrase = "wrong-passphrase"
    /// The key must not, or cannot, sign.
    case unusableKey = "unusable-key"
    /// The `gpg` program cannot be run, or does not sign.
    case gnuPG = "gnupg"
    /// libgcrypt failed.
    case library
  }

  /// The kind of fault.
  public let code: Code
  /// What it was, as a phrase.
  public let what: String
  /// The byte of the data at which it was found, where there is one.
  public let position: Int?

  /// An error of its kind, with what and where.
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

  /// One sentence: what is wrong and at which byte.
  public var description: String {
    "OpenPGP: \(what)" + (position.map { " (at byte \($0))" } ?? "")
  }
}

/// Runs a step of libgcrypt's, with its errors turned into this module's.
func gcrypt<Result: ~Copyable>(
  _ body: () throws(GcryptError) -> Result
) throws(OpenPGPError) -> Result {
  do { return try body() } catch { throw OpenPGPError(error) }
}
