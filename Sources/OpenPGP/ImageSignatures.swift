import Bytes
import Gcrypt
public import SIF

/// OpenPGP signatures in SIF images: clear-signed messages.
public struct OpenPGPVerifier: MessageVerifier {
  private let ring: KeyRing
  private let now: Int64

  /// A verifier with keys.
  ///
  /// - Parameter now: the time of judging.
  public init(_ ring: KeyRing, now: Timestamp) {
    self.ring = ring
    self.now = now.seconds
  }

  /// `openpgp`.
  public var format: String { "openpgp" }

  /// Whether the message begins like a clear-signed one.
  public func recognizes(_ message: [UInt8]) -> Bool { ClearSignedMessage.isClearSigned(message.span) }

  /// Judges a clear-signed message.
  public func open(_ message: [UInt8]) -> OpenedMessage {
    do {
      let signed = try ClearSignedMessage(reading: message)
      let reports = try signed.verify(with: ring, now: now)
      return OpenedMessage(text: signed.text, fault: nil, signers: reports.map(verdict))
    } catch {
      if error.code == .unsupported {
        return OpenedMessage(text: nil, fault: SignerFault(.unsupportedVersion), signers: [])
      }
      let fault = SignerFault(
        .damage, code: error.code.rawValue, "its message is malformed: \(error.description)")
      return OpenedMessage(text: nil, fault: fault, signers: [])
    }
  }

  /// Whether the message is as this module writes it, but for which key and text.
  public func isCanonical(_ message: [UInt8]) -> Bool { ClearSignedMessage.isCanonical(message) }

  private func verdict(_ report: SignatureReport) -> SignerVerdict {
    var remark: String?
    if let expiry = report.keyExpiry, expiry <= now {
      remark = "its key expired on \(Timestamp(seconds: expiry).iso8601), after signing"
    }
    return SignerVerdict(
      fault: report.fault.map { SignerFault($0) },
      fingerprint: report.key?.fingerprintText ?? report.issuer, identity: report.primary?.fingerprintText,
      entity: report.primary.map { Array($0.fingerprint.prefix(20)) },
      hash: report.hash.flatMap { HashType($0) }, keyID: report.key?.keyIDText,
      userIDs: report.userIDs, signedAt: report.signedAt.map { Timestamp(seconds: $0) },
      remark: report.isValid ? remark : nil)
  }
}

extension SignerFault {
  fileprivate init(_ fault: SignatureFault) {
    self.init(fault.kind, code: fault.rawValue, fault.explanation)
  }
}

extension SignatureFault {
  /// Whether the signature is bad or its key is.
  var kind: SignerFault.Kind {
    switch self {
    case .unknownKey, .keyRevoked, .keyExpired, .keyTooYoung, .keyNotForSigning, .keyNotBound, .weakKey,
      .signatureExpired, .signatureInFuture, .unsupportedAlgorithm, .unsupportedCurve, .unsupportedHash,
      .unsupportedSubpacket, .unsupportedVersion:
      .trust
    case .badSignature, .weakHash, .wrongType, .malformed: .damage
    }
  }

  /// The reason as a sentence without its subject.
  public var explanation: String {
    switch self {
    case .badSignature: "it does not fit what it is over"
    case .unknownKey: "its key is not at hand"
    case .keyRevoked: "its key was revoked"
    case .keyExpired: "its key had expired when it was made"
    case .keyTooYoung: "it claims to be older than its key"
    case .keyNotForSigning: "its key may not sign data"
    case .keyNotBound: "its key has no valid self-signature"
    case .weakKey: "its key is too weak, or no possible key"
    case .signatureExpired: "it has expired"
    case .signatureInFuture: "it was made in the future"
    case .weakHash: "its digest is not SHA-2"
    case .wrongType: "it is not a signature over a document"
    case .unsupportedAlgorithm: "unsupported: it is made with a public-key algorithm that is not known here"
    case .unsupportedCurve: "unsupported: its key is on a curve that is not known here"
    case .unsupportedHash: "unsupported: its digest is of an algorithm that is not known here"
    case .unsupportedSubpacket: "unsupported: it makes a critical statement that is not known here"
    case .unsupportedVersion: "unsupported: it is of a version of OpenPGP that is not known here"
    case .malformed: "it is malformed"
    }
  }
}

extension SigningKey: MessageSigner {
  /// A clear-signed message.
  public borrowing func sign(_ text: [UInt8], at time: Timestamp) throws(IntegrityError) -> SignedMessage {
    do {
      return SignedMessage(try clearSign(text, at: time.seconds), SignatureMetadata(hash, primary))
    } catch {
      throw .signer(code: error.code.rawValue, message: error.description)
    }
  }
}

extension SignatureMetadata {
  /// The hash and the fingerprint of the primary key, as the descriptor of an OpenPGP signature has them.
  init(_ hash: HashAlgorithm, _ primary: PublicKeyPacket) {
    self.init(hash: HashType(hash) ?? .sha256, entity: primary.fingerprint)
  }
}

extension HashType {
  /// The number of a hash that OpenPGP signatures use; nil where images have none for it.
  fileprivate init?(_ hash: HashAlgorithm) {
    switch hash {
    case .sha256: self = .sha256
    case .sha384: self = .sha384
    case .sha512: self = .sha512
    default: return nil
    }
  }
}
