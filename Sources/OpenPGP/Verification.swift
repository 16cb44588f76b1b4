import Bytes
public import Gcrypt

/// The judgement about one signature packet.
public struct SignatureReport: Sendable {
  /// The reason why the signature does not count; nil if it does.
  public let fault: SignatureFault?
  /// The key ID or fingerprint that the signature names, in upper-case hexadecimal. If there is a fault, it
  /// is only a claim.
  public let issuer: String?
  /// The key that made the signature, if it is available and the signature matches it.
  public let key: PublicKeyPacket?
  /// The primary key that ``key`` belongs to.
  public let primary: PublicKeyPacket?
  /// The names that were valid when the signature was made, the primary one first. Escape them before they
  /// reach a terminal.
  public let userIDs: [String]
  /// The creation time in the signature, in Unix seconds.
  public let signedAt: Int64?
  /// The expiry time of the key, in Unix seconds; nil for never.
  public let keyExpiry: Int64?
  /// The digest of the signature; nil if this module does not know it.
  public let hash: HashAlgorithm?

  /// The part of the method that is not implemented, such as `DSA`; nil if that is not the fault.
  let unsupportedMethod: String?

  /// Whether the signature counts.
  public var isValid: Bool { fault == nil }

  /// The reason why it does not count as a sentence without its subject; empty if it counts.
  public var explanation: String {
    if let unsupportedMethod {
      return "unsupported: it is made with \(unsupportedMethod), which is not implemented"
    }
    if fault == .weakHash, key != nil, let hash {
      return "it is right, but made with \(hash.displayName), which can be forged"
    }
    return fault?.explanation ?? ""
  }
}

extension ClearSignedMessage {
  /// Judges every signature in the block.
  ///
  /// - Parameters:
  ///   - ring: the keys that may have signed.
  ///   - now: the time of the judgement, in Unix seconds.
  public func verify(with ring: KeyRing, now: Int64) throws(OpenPGPError) -> [SignatureReport] {
    var reports: [SignatureReport] = []
    for signature in signatures { reports.append(try ring.judge(signature, over: text, now: now)) }
    return reports
  }
}

extension KeyRing {
  /// Judges a signature over a text in its canonical form.
  func judge(
    _ signature: SignaturePacket, over text: [UInt8], now: Int64
  ) throws(OpenPGPError) -> SignatureReport {
    func report(
      _ fault: SignatureFault?, _ key: PublicKeyPacket? = nil, _ certificate: Certificate? = nil,
      _ own: KeyStatement? = nil, method: String? = nil
    ) -> SignatureReport {
      SignatureReport(
        fault: fault, issuer: signature.subpackets.issuerText, key: key, primary: certificate?.primary,
        userIDs: own?.userIDs.map(\.text) ?? [], signedAt: signature.subpackets.creationTime,
        keyExpiry: own?.expiry, hash: signature.hash.algorithm, unsupportedMethod: method)
    }
    if let fault = signature.ownFault(now: now) { return report(fault) }
    if signature.isBeyondUs {
      return report(
        signature.value == nil ? .unsupportedAlgorithm : .unsupportedHash, method: signature.method)
    }
    var verdict: SignatureFault?
    var method: String?
    for (certificate, key) in candidates(for: signature) {
      let isRight: Bool
      do {
        guard key.verifyingKey != nil else {
          verdict = verdict ?? .unsupportedCurve
          method = key.unsupportedMethod ?? key.algorithm.name
          continue
        }
        isRight = try signature.verifies(with: key, over: [text])
      } catch {
        // libgcrypt computes no weak digests in the mode of FIPS.
        let isForbidden = error.code == .library && !signature.hash.isStrong
        guard error.code == .unusableKey || isForbidden else { throw error }
        verdict = verdict ?? (isForbidden ? .weakHash : .weakKey)
        continue
      }
      guard isRight else {
        verdict = verdict ?? .badSignature
        continue
      }
      let time = signature.subpackets.creationTime ?? now
      let own = try certificate.statement(at: time, now: now)
      let fault = try certificate.fault(of: key, at: time, now: now, own)
      return report(fault ?? (signature.hash.isStrong ? nil : .weakHash), key, certificate, own)
    }
    return report(verdict ?? .unknownKey, method: verdict == .unsupportedCurve ? method : nil)
  }

  /// The keys that the signature names as possible issuers.
  private func candidates(for signature: SignaturePacket) -> [(Certificate, PublicKeyPacket)] {
    guard let keyID = signature.subpackets.anyIssuerKeyID else { return [] }
    return certificates(withKeyID: keyID).flatMap { certificate in
      ([certificate.primary] + certificate.subkeys.map(\.key))
        .filter { signature.claimsIssuer($0) }.map { (certificate, $0) }
    }
  }
}

extension SignaturePacket {
  /// The reason why the signature does not count, whichever key made it.
  fileprivate func ownFault(now: Int64) -> SignatureFault? {
    guard type == .binary || type == .text else { return .wrongType }
    guard subpackets.unknownCritical == nil else { return .unsupportedSubpacket }
    guard let created = subpackets.creationTime, subpackets.anyIssuerKeyID != nil else { return .malformed }
    guard created <= now else { return .signatureInFuture }
    if let lifetime = subpackets.lifetime, lifetime > 0, now >= created + lifetime {
      return .signatureExpired
    }
    return nil
  }
}

extension Subpackets {
  /// The issuer's key ID. If only the fingerprint is given, it is derived from that.
  var anyIssuerKeyID: UInt64? {
    if let issuerKeyID { return issuerKeyID }
    guard let issuerFingerprint else { return nil }
    return BigEndian.integer64(
      issuerFingerprint.count == 20 ? issuerFingerprint.suffix(8) : issuerFingerprint[...])
  }

  /// The issuer that the signature names: the fingerprint, or else the key ID.
  var issuerText: String? {
    if let issuerFingerprint { return Hexadecimal.text(issuerFingerprint, uppercase: true) }
    return issuerKeyID.map { Hexadecimal.text(BigEndian.bytes($0), uppercase: true) }
  }
}
