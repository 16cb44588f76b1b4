public import Gcrypt
public import PEMKeys

extension Envelope {
  /// An envelope with a signature over a payload by each key.
  ///
  /// RSA signs with PKCS#1 v1.5 and SHA-256, ECDSA with SHA-256 for every curve, Ed25519 the text itself.
  ///
  /// - Parameters:
  ///   - payload: the bytes to sign.
  ///   - type: the type of the payload; it is signed, too.
  ///   - keys: the signers' keys, in this order.
  public init(
    signing payload: [UInt8], ofType type: String, with keys: [PEMPrivateKey]
  ) throws(GcryptError) {
    let encoding = Self.preAuthentication(type, payload)
    var signatures: [Signature] = []
    for key in keys { signatures.append(try Self.sign(encoding, key.key)) }
    self.init(payloadType: type, payload: payload, signatures: signatures)
  }

  private static func sign(
    _ encoding: [UInt8], _ key: borrowing PrivateKey
  ) throws(GcryptError) -> Signature {
    let value: SignatureValue
    if case .ed25519 = key.publicKey {
      value = try key.sign(encoding.span, hash: .sha512)
    } else {
      let digest = try HashContext.digest(.sha256, encoding.span.bytes)
      value = try key.sign(digest.span, hash: .sha256)
    }
    let bytes =
      switch value {
      case .rsa(let number): number
      case .ecdsa(let r, let s): ECDSASignature.encode(r: r, s: s)
      case .ed25519(let bytes): bytes
      }
    return Signature(keyID: try key.publicKey.sshFingerprint(), bytes: bytes)
  }
}

/// The public keys for verifying the signatures of envelopes.
///
/// All keys are tried, since the ids in an envelope are not protected. But if a signature names one of the
/// keys and does not verify with it, it is bad.
public struct EnvelopeKeys: Sendable {
  /// The verdict on a signature.
  public enum Verdict: Hashable, Sendable {
    /// One of the keys made it; this is the key's id (``Gcrypt/PublicKey/sshFingerprint()``).
    case valid(keyID: String)
    /// It names one of the keys, but does not verify with it.
    case bad
    /// None of the keys made it.
    case unknownKey
  }

  private let keys: [(key: PublicKey, name: String)]

  /// Keys, in the order in which they are tried.
  public init(_ keys: [PublicKey]) {
    // A key's id only needs SHA-256; if libgcrypt lacks it, no signature could be verified either.
    self.keys = keys.compactMap { key in (try? key.sshFingerprint()).map { (key, $0) } }
  }

  /// Whether there are no keys.
  public var isEmpty: Bool { keys.isEmpty }

  /// The verdict on each signature of an envelope, in their order.
  public func verdicts(on envelope: Envelope) -> [Verdict] {
    let signed = Signed(envelope)
    return envelope.signatures.map { verdict(on: $0, signed) }
  }

  /// The bytes that the signatures of an envelope cover.
  private struct Signed {
    let encoding: [UInt8]
    /// Its SHA-256, which is the same for every signature and key; nil if libgcrypt lacks it.
    let digest: [UInt8]?

    init(_ envelope: Envelope) {
      let encoding = Envelope.preAuthentication(envelope.payloadType, envelope.payload)
      self.encoding = encoding
      digest = try? HashContext.digest(.sha256, encoding.span.bytes)
    }
  }

  private func verdict(on signature: Envelope.Signature, _ signed: Signed) -> Verdict {
    for (key, name) in keys where (try? Self.verifies(signature.bytes, signed, key)) == true {
      return .valid(keyID: name)
    }
    return keys.contains { $0.name == signature.keyID } ? .bad : .unknownKey
  }

  private static func verifies(
    _ bytes: [UInt8], _ signed: Signed, _ key: PublicKey
  ) throws(GcryptError) -> Bool {
    let value: SignatureValue?
    switch key {
    case .ed25519:
      return try key.verify(.ed25519(bytes), of: signed.encoding.span, hash: .sha512)
    case .rsa(let modulus, _):
      // The length must be that of the modulus (RFC 8017 section 8.2.2).
      value = bytes.count == modulus.drop { $0 == 0 }.count ? .rsa(bytes) : nil
    case .ecdsa: value = ECDSASignature.decode(bytes)
    }
    guard let value, let digest = signed.digest else { return false }
    return try key.verify(value, of: digest.span, hash: .sha256)
  }
}
