public import SIF

/// Makes the messages that signature objects hold. It knows nothing about images: it signs a text.
public protocol MessageSigner: ~Copyable {
  /// The message: the text and the signatures over it.
  ///
  /// - Parameter time: the time of signing that the message states, if its format states one.
  func sign(_ text: [UInt8], at time: Timestamp) throws(IntegrityError) -> SignedMessage
}

/// A message for a signature object to hold.
public struct SignedMessage: Sendable {
  /// The text and the signatures over it.
  public var bytes: [UInt8]
  /// The descriptor's facts about them. They are certain only after signing, as another program may choose the hash.
  public var metadata: SignatureMetadata

  /// A message and the descriptor's facts about it.
  public init(_ bytes: [UInt8], _ metadata: SignatureMetadata) {
    self.bytes = bytes
    self.metadata = metadata
  }
}

/// Opens the messages that signature objects hold. It knows nothing about images.
public protocol MessageVerifier: Sendable {
  /// The name of the format in reports: `openpgp`, `dsse`.
  var format: String { get }
  /// Whether it has any key. If no verifier has one, the verdict on signatures is that no key was available.
  var hasKeys: Bool { get }
  /// Whether the message looks like one of this format; it may still be a faulty one.
  func recognizes(_ message: [UInt8]) -> Bool
  /// Judges the message. It never fails: faults are part of the result.
  func open(_ message: [UInt8]) -> OpenedMessage
  /// Whether the text and the signatures of a message determine all of its bytes, so that there is no room for white
  /// space, comments and hints.
  func isCanonical(_ message: [UInt8]) -> Bool
}

/// A message of a signature object, opened.
public struct OpenedMessage: Sendable {
  /// The text that the signatures are over: exactly the bytes that were hashed. Nil if the message cannot be read.
  public var text: [UInt8]?
  /// The fault of the message as a whole, if it has one.
  public var fault: SignerFault?
  /// The verdict on each signature in it.
  public var signers: [SignerVerdict]

  /// An opened message.
  public init(text: [UInt8]?, fault: SignerFault?, signers: [SignerVerdict]) {
    self.text = text
    self.fault = fault
    self.signers = signers
  }

  /// The reason why the message does not count: the fault of the whole, or else the worst of its signatures; nil if at
  /// least one signature is valid and the others are at worst by unknown keys.
  public var verdict: SignerFault? {
    if let fault { return fault }
    let faults = signers.compactMap(\.fault)
    if let damage = faults.first(where: { $0.kind == .damage }) { return damage }
    if signers.contains(where: { $0.fault == nil }) {
      return faults.first { !$0.isOfUnknownSigner }
    }
    return faults.first ?? SignerFault(.damage, code: "malformed", "it holds no signature")
  }
}

/// The reason why a signature does not count.
public struct SignerFault: Hashable, Sendable, CustomStringConvertible {
  /// The kinds of reasons.
  public enum Kind: Sendable {
    /// The signature or the text was altered, or the signature is of a kind that cannot be relied on.
    case damage
    /// The signature may be right, but its key is not trusted for it.
    case trust
    /// The signature is right, but does not cover everything that it should.
    case coverage
  }

  /// The code of a signature whose key is not available.
  public static let unknownKeyCode = "unknown-key"
  /// The code of a signature whose key is known only from a key server.
  public static let serverKeyCode = "key-from-server"

  /// Whether nobody that counts vouches for the key, whatever it signed.
  var isOfUnknownSigner: Bool { code == Self.unknownKeyCode || code == Self.serverKeyCode }

  /// The kind of reason.
  public let kind: Kind
  /// A stable code, such as `key-revoked`.
  public let code: String
  /// The reason as a sentence without its subject: "its key was revoked".
  public let explanation: String

  /// The reason, as ``explanation`` says it.
  public var description: String { explanation }

  /// A fault.
  public init(_ kind: Kind, code: String, _ explanation: String) {
    self.kind = kind
    self.code = code
    self.explanation = explanation
  }
}

/// The verdict on one signature in a message, with its signer.
public struct SignerVerdict: Sendable {
  /// The reason why it does not count; nil if it does.
  public var fault: SignerFault?
  /// The fingerprint of the key that signed, as its format writes it; if there is a fault, perhaps only a claim of the
  /// signature.
  public var fingerprint: String?
  /// The fingerprint that the signer is known by: that of the primary key, if the format has one.
  public var identity: String?
  /// The 20 bytes of the identity that the descriptor of the signature must hold; nil if it need not hold any.
  public var entity: [UInt8]?
  /// The hash of the signature, which the descriptor should state; nil if the format of images has no number for it.
  public var hash: HashType?
  /// The short name of the key.
  public var keyID: String?
  /// The names of the key's owner, not escaped.
  public var userIDs: [String]
  /// The time of signing that it states.
  public var signedAt: Timestamp?
  /// The time when the key expired, for a signature that counts because it is older.
  public var keyExpiredAt: Timestamp?
  /// The key server that the key came from; nil for a key that was there.
  public var keyServer: String?
  /// A remark on a signature that counts: its key has expired since, or came from a key server.
  public var remark: String? {
    let remarks = [
      keyExpiredAt.map { "its key expired on \($0.iso8601), after signing" },
      keyServer.map { "its key came from the key server \($0)" },
    ].compactMap(\.self)
    return remarks.isEmpty ? nil : remarks.joined(separator: "; ")
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

  /// Whether a name that the user gave means this signer: it is the fingerprint of the key or of its primary key.
  func isNamed(_ name: String) -> Bool {
    let wanted = Self.normalized(name)
    return [fingerprint, identity].contains { $0.map(Self.normalized) == wanted }
  }

  /// Hexadecimal digits in upper case, without blanks or `0x`; any other name, such as `SHA256:…`, without blanks.
  private static func normalized(_ name: String) -> String {
    var digits = name.filter { $0 != " " }
    if digits.hasPrefix("0x") || digits.hasPrefix("0X") { digits = String(digits.dropFirst(2)) }
    return digits.allSatisfy(\.isHexDigit) ? digits.uppercased() : digits
  }
}
