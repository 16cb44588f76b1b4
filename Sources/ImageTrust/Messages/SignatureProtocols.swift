public import SIF

/// What makes the messages that signature objects hold. It knows nothing of images: it signs a text.
public protocol MessageSigner: ~Copyable {
  /// The message: the text and the signatures over it.
  ///
  /// - Parameter time: when the message shall say that it was signed, where its format says that at all.
  func sign(_ text: [UInt8], at time: Timestamp) throws(IntegrityError) -> SignedMessage
}

/// A message for a signature object to hold.
public struct SignedMessage: Sendable {
  /// The text and the signatures over it.
  public var bytes: [UInt8]
  /// What the descriptor says of them: known for certain only when they are made, as another program may have
  /// chosen the hash.
  public var metadata: SignatureMetadata

  /// A message and what the descriptor says of it.
  public init(_ bytes: [UInt8], _ metadata: SignatureMetadata) {
    self.bytes = bytes
    self.metadata = metadata
  }
}

/// What opens the messages that signature objects hold. It knows nothing of images.
public protocol MessageVerifier: Sendable {
  /// The name of the format in reports: `openpgp`, `dsse`.
  var format: String { get }
  /// Whether it has any key. Where no verifier has one, the verdict on signatures is that no key was at hand.
  var hasKeys: Bool { get }
  /// Whether the message looks like one of this format; it may still be a faulty one.
  func recognizes(_ message: [UInt8]) -> Bool
  /// Judges the message. Never fails: what is wrong is part of the answer.
  func open(_ message: [UInt8]) -> OpenedMessage
  /// Whether the bytes of a message are the only ones that say the same: nothing in them is left open by its text
  /// and its signatures, such as white space, comments and hints.
  func isCanonical(_ message: [UInt8]) -> Bool
}

/// A message of a signature object, opened.
public struct OpenedMessage: Sendable {
  /// The text that the signatures are over: the very bytes that were hashed. Nil where the message cannot be read.
  public var text: [UInt8]?
  /// What is wrong with the message as a whole, if anything.
  public var fault: SignerFault?
  /// What each signature in it is worth.
  public var signers: [SignerVerdict]

  /// An opened message.
  public init(text: [UInt8]?, fault: SignerFault?, signers: [SignerVerdict]) {
    self.text = text
    self.fault = fault
    self.signers = signers
  }

  /// Why the message does not count: the fault of the whole, else the worst of its signatures; nil where at least
  /// one signature is valid and the others are at worst of unknown keys.
  public var verdict: SignerFault? {
    if let fault { return fault }
    let faults = signers.compactMap(\.fault)
    if let damage = faults.first(where: { $0.kind == .damage }) { return damage }
    if signers.contains(where: { $0.fault == nil }) {
      return faults.first { $0.code != SignerFault.unknownKeyCode }
    }
    return faults.first ?? SignerFault(.damage, code: "malformed", "it holds no signature")
  }
}

/// Why a signature does not count.
public struct SignerFault: Hashable, Sendable {
  /// What kind of reason.
  public enum Kind: Sendable {
    /// The signature or the text is not what was signed, or not a signature that may be relied on.
    case damage
    /// The signature may be right, but its key is not one to be trusted with it.
    case trust
    /// The signature is right, but leaves something out that it should cover.
    case coverage
  }

  /// The code of a signature whose key is not at hand.
  public static let unknownKeyCode = "unknown-key"

  /// The kind of reason.
  public let kind: Kind
  /// A stable code, such as `key-revoked`.
  public let code: String
  /// The reason as a sentence without its subject: "its key was revoked".
  public let explanation: String

  /// A fault.
  public init(_ kind: Kind, code: String, _ explanation: String) {
    self.kind = kind
    self.code = code
    self.explanation = explanation
  }
}

/// What one signature in a message is worth, and whose it is.
public struct SignerVerdict: Sendable {
  /// Why it does not count; nil where it does.
  public var fault: SignerFault?
  /// The fingerprint of the key that signed as its format writes it; where there is a fault, perhaps only what
  /// the signature claims.
  public var fingerprint: String?
  /// The fingerprint that the signer is known by: of the primary key, where the format has such.
  public var identity: String?
  /// The 20 bytes of the identity that the descriptor of the signature must hold; nil where it need not.
  public var entity: [UInt8]?
  /// The hash of the signature, which the descriptor should state; nil where the format of images has no number
  /// for it.
  public var hash: HashType?
  /// The short name of the key.
  public var keyID: String?
  /// The names of the key's owner, not escaped.
  public var userIDs: [String]
  /// When it says it was signed.
  public var signedAt: Timestamp?
  /// When the key expired, for a signature that counts because it was made before.
  public var keyExpiredAt: Timestamp?
  /// Something to know about a signature that counts: that its key has expired since.
  public var remark: String? {
    keyExpiredAt.map { "its key expired on \($0.iso8601), after signing" }
  }

  /// A verdict.
  public init(
    fault: SignerFault?, fingerprint: String?, identity: String?, entity: [UInt8]? = nil,
    hash: HashType? = nil, keyID: String? = nil, userIDs: [String] = [], signedAt: Timestamp? = nil,
    keyExpiredAt: Timestamp? = nil
  ) {
    self.fault = fault
    self.fingerprint = fingerprint
    self.identity = identity
    self.entity = entity
    self.hash = hash
    self.keyID = keyID
    self.userIDs = userIDs
    self.signedAt = signedAt
    self.keyExpiredAt = keyExpiredAt
  }

  /// Whether a name that the user gave (a fingerprint of the key or of its primary key, or as many digits of a
  /// key ID as there are) means this signer.
  func isNamed(_ name: String) -> Bool {
    let wanted = Self.normalized(name)
    return [fingerprint, identity].contains { $0.map(Self.normalized) == wanted }
  }

  /// Hexadecimal in upper case without blanks or `0x`; anything else, such as `SHA256:…`, as it is.
  private static func normalized(_ name: String) -> String {
    var digits = name.filter { $0 != " " }
    if digits.hasPrefix("0x") || digits.hasPrefix("0X") { digits = String(digits.dropFirst(2)) }
    return digits.allSatisfy(\.isHexDigit) ? digits.uppercased() : digits
  }
}
