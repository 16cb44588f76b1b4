public import Gcrypt
public import PEMKeys
public import SIF

/// The type of the payload that SIF signatures have.
public let sifMetadataPayloadType = "application/vnd.sylabs.sif-metadata+json"

/// Signs image metadata into an envelope, with one key or several.
///
/// RSA signs with PKCS#1 v1.5 and SHA-256, ECDSA with SHA-256 whatever the curve, Ed25519 the text itself.
public struct DSSESigner: MessageSigner {
  private let keys: [PEMPrivateKey]

  /// A signer with at least one key.
  public init(_ keys: [PEMPrivateKey]) {
    self.keys = keys
  }

  /// The envelope. It states no time.
  public func sign(_ text: [UInt8], at time: Timestamp) throws(IntegrityError) -> SignedMessage {
    guard !keys.isEmpty else { throw .signer(code: "no-key", message: "no key to sign with") }
    do {
      var signatures: [Envelope.Signature] = []
      for key in keys { signatures.append(try Self.sign(text, key.key)) }
      let envelope = Envelope(payloadType: sifMetadataPayloadType, payload: text, signatures: signatures)
      // No fingerprint: an envelope names its signers itself.
      return SignedMessage(envelope.encoded, SignatureMetadata(hash: .sha256, entity: []))
    } catch {
      throw .signer(code: "library", message: error.description)
    }
  }

  private static func sign(
    _ text: [UInt8], _ key: borrowing PrivateKey
  ) throws(GcryptError) -> Envelope.Signature {
    let encoding = Envelope.preAuthentication(sifMetadataPayloadType, text)
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
    return Envelope.Signature(keyID: try key.publicKey.sshFingerprint(), bytes: bytes)
  }
}

/// Verifies envelopes over image metadata. It goes by the keys it was given, not by the ids that an envelope
/// names; but a signature that names one of its keys and is not by it is bad.
public struct DSSEVerifier: MessageVerifier {
  private let keys: [(key: PublicKey, name: String)]

  /// A verifier with public keys.
  ///
  /// - Throws: ``GcryptError`` where libgcrypt lacks SHA-256.
  public init(_ keys: [PublicKey]) throws(GcryptError) {
    var named: [(PublicKey, String)] = []
    for key in keys { named.append((key, try key.sshFingerprint())) }
    self.keys = named
  }

  /// `dsse`.
  public var format: String { "dsse" }

  /// Whether the message begins like a JSON object.
  public func recognizes(_ message: [UInt8]) -> Bool {
    message.first { ![0x20, 0x09, 0x0A, 0x0D].contains($0) } == UInt8(ascii: "{")
  }

  /// Judges an envelope.
  public func open(_ message: [UInt8]) -> OpenedMessage {
    let envelope: Envelope
    do throws(DSSEError) {
      envelope = try Envelope(reading: message)
      guard envelope.payloadType == sifMetadataPayloadType else {
        throw DSSEError(.payloadType, "a payload that is not image metadata")
      }
    } catch {
      let fault = SignerFault(
        .damage, code: error.code.rawValue, "its envelope is malformed: \(error.description)")
      return OpenedMessage(text: nil, fault: fault, signers: [])
    }
    let signed = Signed(envelope)
    let signers = envelope.signatures.map { judge($0, signed) }
    return OpenedMessage(text: envelope.payload, fault: nil, signers: signers)
  }

  /// Whether the message is the only encoding of its envelope, but for a final line feed, which some writers leave
  /// away, and every key id is that of the key that made the signature.
  public func isCanonical(_ message: [UInt8]) -> Bool {
    guard let envelope = try? Envelope(reading: message) else { return false }
    let signed = Signed(envelope)
    let encoded = envelope.encoded
    return [encoded, encoded + [0x0A]].contains(message)
      && envelope.signatures.allSatisfy { judge($0, signed).identity == $0.keyID }
  }

  /// What the signatures of an envelope are over.
  private struct Signed {
    let encoding: [UInt8]
    /// Its SHA-256, which is the same for every signature and key; nil where libgcrypt lacks it.
    let digest: [UInt8]?

    init(_ envelope: Envelope) {
      let encoding = Envelope.preAuthentication(envelope.payloadType, envelope.payload)
      self.encoding = encoding
      digest = try? HashContext.digest(.sha256, encoding.span.bytes)
    }
  }

  private func judge(_ signature: Envelope.Signature, _ signed: Signed) -> SignerVerdict {
    for (key, name) in keys where (try? Self.verifies(signature.bytes, signed, key)) == true {
      return SignerVerdict(
        fault: nil, fingerprint: name, identity: name, hash: .sha256, keyID: name)
    }
    let isNamed = keys.contains { $0.name == signature.keyID }
    let fault =
      isNamed
      ? SignerFault(.damage, code: "bad-signature", "it does not fit what it is over")
      : SignerFault(.trust, code: SignerFault.unknownKeyCode, "its key is not at hand")
    return SignerVerdict(
      fault: fault, fingerprint: signature.keyID.isEmpty ? nil : signature.keyID, identity: nil)
  }

  private static func verifies(
    _ bytes: [UInt8], _ signed: Signed, _ key: PublicKey
  ) throws(GcryptError) -> Bool {
    let value: SignatureValue?
    switch key {
    case .ed25519:
      return try key.verify(.ed25519(bytes), of: signed.encoding.span, hash: .sha512)
    case .rsa(let modulus, _):
      // RFC 8017 section 8.2.2: exactly as long as the modulus.
      value = bytes.count == modulus.drop { $0 == 0 }.count ? .rsa(bytes) : nil
    case .ecdsa: value = ECDSASignature.decode(bytes)
    }
    guard let value, let digest = signed.digest else { return false }
    return try key.verify(value, of: digest.span, hash: .sha256)
  }
}
