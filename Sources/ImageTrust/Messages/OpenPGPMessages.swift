import Bytes
import Gcrypt
public import OpenPGP
public import SIF

/// OpenPGP signatures in SIF images: clear-signed messages.
public struct OpenPGPVerifier: MessageVerifier {
  private let ring: KeyRing
  private let now: Int64
  /// The fingerprints of the primary keys that came from key servers, each with its server.
  private let servers: [[UInt8]: String]
  /// The fingerprints of the signers to believe although their keys came from there.
  private let believed: [String]

  /// A verifier with keys.
  ///
  /// - Parameter now: the time at which signatures are judged.
  public init(_ ring: KeyRing, now: Timestamp) {
    self.ring = ring
    self.now = now.seconds
    (servers, believed) = ([:], [])
  }

  /// A verifier with keys, and others from key servers, which count only for the signers who are named.
  ///
  /// - Throws: ``OpenPGPError`` if no memory is left.
  init(_ ring: KeyRing, _ found: ServerKeys, believing believed: [String], now: Timestamp)
    throws(OpenPGPError)
  {
    var all = ring
    try all.merge(found.ring)
    // The user's own copy of a key is the user's, whoever has another.
    let own = Set(ring.certificates.map(\.primary.fingerprint))
    servers = found.servers.filter { !own.contains($0.key) }
    self.ring = all
    self.now = now.seconds
    self.believed = believed
  }

  /// `openpgp`.
  public var format: String { "openpgp" }

  /// Whether there is a key in the ring.
  public var hasKeys: Bool { !ring.certificates.isEmpty }

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

  /// Whether the message has the form in which this module writes it.
  public func isCanonical(_ message: [UInt8]) -> Bool { ClearSignedMessage.isCanonical(message) }

  private func verdict(_ report: SignatureReport) -> SignerVerdict {
    let expiry = report.keyExpiry.flatMap { $0 <= now ? Timestamp(seconds: $0) : nil }
    var verdict = SignerVerdict(
      fault: report.fault.map { SignerFault($0.kind, code: $0.rawValue, report.explanation) },
      fingerprint: report.key?.fingerprintText ?? report.issuer, identity: report.primary?.fingerprintText,
      entity: report.primary.map { Array($0.fingerprint.prefix(20)) },
      hash: report.hash.flatMap { HashType($0) }, keyID: report.key?.keyIDText,
      userIDs: report.userIDs, signedAt: report.signedAt.map { Timestamp(seconds: $0) },
      keyExpiredAt: report.isValid ? expiry : nil)
    verdict.keyServer = report.primary.flatMap { servers[$0.fingerprint] }
    if let server = verdict.keyServer, verdict.fault == nil, !believed.contains(where: verdict.isNamed) {
      verdict.fault = SignerFault(
        .trust, code: SignerFault.serverKeyCode,
        "its key is known only from the key server \(server), where anybody can put keys")
    }
    return verdict
  }
}

extension SignerFault {
  /// A fault that OpenPGP has a word for.
  init(_ fault: SignatureFault) {
    self.init(fault.kind, code: fault.rawValue, fault.explanation)
  }
}

extension SignatureFault {
  /// Whether the fault is in the signature or in its key.
  var kind: SignerFault.Kind {
    switch self {
    case .unknownKey, .keyRevoked, .userIDsRevoked, .keyExpired, .keyTooYoung, .keyNotForSigning,
      .keyNotBound, .weakKey,
      .signatureExpired, .signatureInFuture, .weakHash, .unsupportedAlgorithm, .unsupportedCurve,
      .unsupportedHash,
      .unsupportedSubpacket, .unsupportedVersion:
      .trust
    case .badSignature, .wrongType, .malformed: .damage
    }
  }
}

extension SigningKey: MessageSigner {
  /// A clear-signed message.
  public borrowing func sign(_ text: [UInt8], at time: Timestamp) throws(IntegrityError) -> SignedMessage {
    do {
      return SignedMessage(try clearSign(text, at: time.seconds), SignatureMetadata(hash, primary))
    } catch {
      throw .signer(error)
    }
  }
}

extension GnuPGSigner: MessageSigner {
  /// A clear-signed message, with SHA-256 or, for the larger curves, their own hash.
  public func sign(_ text: [UInt8], at time: Timestamp) throws(IntegrityError) -> SignedMessage {
    do {
      let (message, hash) = try clearSign(text, at: time.seconds)
      return SignedMessage(message, SignatureMetadata(hash, primary))
    } catch {
      throw .signer(error)
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
  /// The number of a hash that OpenPGP signatures use; nil if the format of images has none for it.
  fileprivate init?(_ hash: HashAlgorithm) {
    switch hash {
    case .sha256: self = .sha256
    case .sha384: self = .sha384
    case .sha512: self = .sha512
    default: return nil
    }
  }
}
