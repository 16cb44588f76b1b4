import Encodings
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
      let fault = SignerFault(
        .damage, code: error.code.rawValue, "its message is malformed: \(error.description)")
      return OpenedMessage(text: nil, fault: fault, signers: [])
    }
  }

  private func verdict(_ report: SignatureReport) -> SignerVerdict {
    var remark: String?
    if let expiry = report.keyExpiry, expiry <= now {
      remark = "its key expired on \(Timestamp(seconds: expiry).iso8601), after signing"
    }
    return SignerVerdict(
      fault: report.fault.map { SignerFault($0.kind, code: $0.rawValue, $0.explanation) },
      fingerprint: report.key?.fingerprintText ?? report.issuer, identity: report.primary?.fingerprintText,
      entity: report.primary.map { Array($0.fingerprint.prefix(20)) }, keyID: report.key?.keyIDText,
      userIDs: report.userIDs, signedAt: report.signedAt.map { Timestamp(seconds: $0) },
      remark: report.isValid ? remark : nil)
  }
}

extension SignatureFault {
  /// Whether the signature is bad or its key is.
  var kind: SignerFault.Kind {
    switch self {
    case .unknownKey, .keyRevoked, .keyExpired, .keyTooYoung, .keyNotForSigning, .keyNotBound, .weakKey,
      .signatureExpired, .signatureInFuture:
      .trust
    case .badSignature, .weakHash, .wrongType, .unsupported, .malformed: .damage
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
    case .unsupported: "it is of a kind that is not known here"
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
    let type: HashType =
      switch hash {
      case .sha384: .sha384
      case .sha512: .sha512
      default: .sha256
      }
    self.init(hash: type, entity: primary.fingerprint)
  }
}
