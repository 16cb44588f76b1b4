import Bytes
import Gcrypt

/// A private key, together with the public keys that its signatures name.
public struct SigningKey: ~Copyable {
  /// The key that signs.
  public let key: PublicKeyPacket
  /// The primary key it belongs to.
  public let primary: PublicKeyPacket
  private let secret: PrivateKey

  /// Unlocks a secret key.
  ///
  /// - Parameters:
  ///   - primary: the primary key that the secret key is or belongs to.
  ///   - passphrase: the passphrase that locks the key; ignored if the key is not locked.
  /// - Throws: as ``SecretKey/unlock(_:)``.
  public init(
    unlocking secretKey: SecretKey, of primary: PublicKeyPacket, passphrase: borrowing SecureBytes
  ) throws(OpenPGPError) {
    secret = try secretKey.unlock(passphrase)
    key = secretKey.publicKey
    self.primary = primary
  }

  init(_ secret: consuming PrivateKey, key: PublicKeyPacket, primary: PublicKeyPacket) {
    self.secret = secret
    self.key = key
    self.primary = primary
  }

  /// The hash for signatures: SHA-256, like the reference; but for the larger curves a hash of the same
  /// strength, because GnuPG refuses their signatures otherwise.
  public var hash: HashAlgorithm { hashID.algorithm ?? .sha256 }

  private var hashID: HashID {
    switch key.verifyingKey {
    case .ecdsa(.p384, _), .ecdsa(.brainpoolP384r1, _): HashID(rawValue: 9)
    case .ecdsa(.p521, _), .ecdsa(.brainpoolP512r1, _): HashID(rawValue: 10)
    default: .sha256
    }
  }

  /// Makes a cleartext signed message from a text.
  ///
  /// With an RSA, Ed25519 or ECDSA key the same text and time always give the same bytes.
  ///
  /// - Parameters:
  ///   - text: lines of UTF-8; trailing blanks are removed, as the format demands.
  ///   - time: the creation time in the signature, in Unix seconds.
  /// - Returns: the block with LF line endings, and none after the last line.
  public borrowing func clearSign(_ text: [UInt8], at time: Int64) throws(OpenPGPError) -> [UInt8] {
    let lines = try ClearSignedMessage.canonicalLines(text)
    let signed = Array(lines.joined(separator: [0x0D, 0x0A]))
    let packet = try sign([signed], type: .text, at: time)
    return ClearSignedMessage.encode(
      lines, hash: hashID, signatures: PacketReader.encode(.signature, packet))
  }

  /// The body of a version 4 signature packet (RFC 9580 section 5.2.3) over bytes.
  ///
  /// The hashed subpackets are the time, the key ID, the fingerprint, and the given ones. The reference
  /// writes exactly the same bytes.
  borrowing func sign(
    _ parts: [[UInt8]], type: SignatureType, at time: Int64, subpackets extra: [UInt8] = []
  ) throws(OpenPGPError) -> [UInt8] {
    guard let seconds = UInt32(exactly: time) else {
      throw OpenPGPError(.unsupported, "a signature with a time that OpenPGP cannot represent")
    }
    guard key.version == 4 else {
      throw OpenPGPError(.unsupported, "signing with a key of version \(key.version)")
    }
    var hashed = Subpackets.encode(2, BigEndian.bytes(seconds))
    hashed += Subpackets.encode(16, BigEndian.bytes(key.keyID), isCritical: true)
    hashed += Subpackets.encode(33, [4] + key.fingerprint)
    hashed += extra
    var body = [4, type.rawValue, key.algorithm.rawValue, hashID.rawValue]
    body += BigEndian.bytes(UInt16(truncatingIfNeeded: hashed.count)) + hashed
    let digest = try SignaturePacket.digest(hash, salt: [], hashedPart: body, parts)
    let value: SignatureValue
    do { value = try secret.sign(digest.span, hash: hash) } catch { throw OpenPGPError(error) }
    return body + [0, 0] + digest.prefix(2) + value.encoded(key.algorithm)
  }
}

extension SignatureValue {
  /// The numbers as they are in a signature packet (RFC 9580 section 5.2.3.1 and following).
  func encoded(_ algorithm: PublicKeyAlgorithm) -> [UInt8] {
    switch self {
    case .rsa(let number): BigEndian.mpi(number)
    case .ecdsa(let r, let s): BigEndian.mpi(r) + BigEndian.mpi(s)
    case .ed25519(let bytes) where algorithm == .ed25519: bytes
    case .ed25519(let bytes):
      BigEndian.mpi(Array(bytes.prefix(32))) + BigEndian.mpi(Array(bytes.suffix(32)))
    }
  }
}

extension KeyRing {
  /// Finds the secret key of a certificate that signs at a time. As in the reference, this is the primary
  /// key, if it may sign and the ring has its secret; otherwise it is the newest subkey that may sign.
  ///
  /// - Parameters:
  ///   - subkey: the fingerprint of the subkey that has to sign; nil, or that of the primary key, for this choice.
  ///   - now: the time of signing, in Unix seconds.
  /// - Throws: ``OpenPGPError`` with ``OpenPGPError/Code/unusableKey`` and the reason if no key can sign.
  public func signingSecret(
    of certificate: Certificate, subkey: [UInt8]? = nil, now: Int64
  ) throws(OpenPGPError) -> SecretKey {
    let subkeys = certificate.subkeys.map(\.key).sorted { $0.creationTime > $1.creationTime }
    if let subkey, subkey != certificate.primary.fingerprint {
      guard let key = subkeys.first(where: { $0.fingerprint == subkey }) else {
        throw OpenPGPError(
          .noKey,
          "key \(certificate.primary.keyIDText) has no subkey \(Hexadecimal.text(subkey, uppercase: true))")
      }
      if let why = try reasonNotToSign(key, of: certificate, now: now) {
        throw OpenPGPError(.unusableKey, "subkey \(key.fingerprintText) cannot sign: \(why)")
      }
      if let secret = secretKey(withFingerprint: subkey) { return secret }
    }
    var (ofPrimary, ofSubkey): (String?, String?)
    for key in [certificate.primary] + subkeys {
      guard let why = try reasonNotToSign(key, of: certificate, now: now) else {
        if let secret = secretKey(withFingerprint: key.fingerprint) { return secret }
        continue
      }
      // Keys for other purposes are not the reason, nor is the primary key if others are to sign in its place.
      guard !key.algorithm.isForEncryption, why != SignatureFault.keyNotForSigning.ofKey else { continue }
      if key.fingerprint == certificate.primary.fingerprint {
        ofPrimary = why
      } else {
        ofSubkey = ofSubkey ?? why
      }
    }
    let why = ofSubkey ?? ofPrimary ?? SignatureFault.keyNotForSigning.ofKey
    throw OpenPGPError(.unusableKey, "key \(certificate.primary.keyIDText) cannot sign: \(why)")
  }

  /// The reason why a primary key or subkey does not sign at a time; nil if it can.
  private func reasonNotToSign(
    _ key: PublicKeyPacket, of certificate: Certificate, now: Int64
  ) throws(OpenPGPError) -> String? {
    if let method = key.unsupportedMethod { return "it signs with \(method), which is not implemented" }
    guard key.verifyingKey != nil else { return "it is for encryption" }
    // What the owner says of the key comes first: a revoked key must not sign, whoever has its secret.
    if let fault = try certificate.fault(of: key, at: now, now: now) { return fault.ofKey }
    guard let secret = secretKey(withFingerprint: key.fingerprint) else { return "its secret is missing" }
    return secret.impossibility
  }
}
