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

  /// Whether the signature counts.
  public var isValid: Bool { fault == nil }
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
      _ own: KeyStatement? = nil
    ) -> SignatureReport {
      SignatureReport(
        fault: fault, issuer: signature.subpackets.issuerText, key: key, primary: certificate?.primary,
        userIDs: own?.userIDs.map(\.text) ?? [], signedAt: signature.subpackets.creationTime,
        keyExpiry: own?.expiry, hash: signature.hash.algorithm)
    }
    if let fault = signature.ownFault(now: now) { return report(fault) }
    var verdict: SignatureFault?
    for (certificate, key) in candidates(for: signature) {
      let isRight: Bool
      do {
        guard key.verifyingKey != nil else {
          verdict = verdict ?? .unsupportedCurve
          continue
        }
        isRight = try signature.verifies(with: key, over: [text])
      } catch {
        guard error.code == .unusableKey else { throw error }
        verdict = verdict ?? .weakKey
        continue
      }
      guard isRight else {
        verdict = verdict ?? .badSignature
        continue
      }
      let time = signature.subpackets.creationTime ?? now
      let own = try certificate.statement(at: time, now: now)
      return report(try certificate.fault(of: key, at: time, now: now, own), key, certificate, own)
    }
    return report(verdict ?? .unknownKey)
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
    guard hash.isSHA2 else { return hash.headerName == nil ? .unsupportedHash : .weakHash }
    guard subpackets.unknownCritical == nil else { return .unsupportedSubpacket }
    guard let created = subpackets.creationTime, subpackets.anyIssuerKeyID != nil else { return .malformed }
    guard created <= now else { return .signatureInFuture }
    if let lifetime = subpackets.lifetime, lifetime > 0, now >= created + lifetime {
      return .signatureExpired
    }
    return value == nil ? .unsupportedAlgorithm : nil
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
