import Bytes
public import Gcrypt

/// What one signature packet is worth.
public struct SignatureReport: Sendable {
  /// Why it does not count; nil where it does.
  public let fault: SignatureFault?
  /// The key ID or fingerprint that the signature names, in upper-case hexadecimal. Only a claim where there
  /// is a fault.
  public let issuer: String?
  /// The key that made the signature, where it is at hand and the numbers are its.
  public let key: PublicKeyPacket?
  /// The primary key that ``key`` belongs to.
  public let primary: PublicKeyPacket?
  /// The names that were valid when the signature was made, the primary one first. Escape them before they
  /// reach a terminal.
  public let userIDs: [String]
  /// When the signature says it was made, in Unix seconds.
  public let signedAt: Int64?
  /// When the key expires or expired, in Unix seconds; nil for never.
  public let keyExpiry: Int64?
  /// The digest of the signature; nil where this module does not know it.
  public let hash: HashAlgorithm?

  /// Whether the signature counts.
  public var isValid: Bool { fault == nil }
}

extension ClearSignedMessage {
  /// Judges every signature in the block.
  ///
  /// - Parameters:
  ///   - ring: the keys that may have signed.
  ///   - now: the time of judging, in Unix seconds.
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

  /// The keys that the signature names.
  private func candidates(for signature: SignaturePacket) -> [(Certificate, PublicKeyPacket)] {
    guard let keyID = signature.subpackets.anyIssuerKeyID else { return [] }
    return certificates(withKeyID: keyID).flatMap { certificate in
      ([certificate.primary] + certificate.subkeys.map(\.key))
        .filter { signature.claimsIssuer($0) }.map { (certificate, $0) }
    }
  }
}

extension SignaturePacket {
  /// Why the signature does not count whoever made it.
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
  /// The issuer's key ID, from its fingerprint where that alone is given.
  var anyIssuerKeyID: UInt64? {
    if let issuerKeyID { return issuerKeyID }
    guard let issuerFingerprint else { return nil }
    return BigEndian.integer64(
      issuerFingerprint.count == 20 ? issuerFingerprint.suffix(8) : issuerFingerprint[...])
  }

  /// The issuer as it is named, fingerprint before key ID.
  var issuerText: String? {
    if let issuerFingerprint { return Hexadecimal.text(issuerFingerprint, uppercase: true) }
    return issuerKeyID.map { Hexadecimal.text(BigEndian.bytes($0), uppercase: true) }
  }
}
