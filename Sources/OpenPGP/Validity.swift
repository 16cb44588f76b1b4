/// The reason why a signature does not count, or a key does not count for it. Raw values are stable.
public enum SignatureFault: String, Error, Sendable {
  /// The numbers do not match the key and the text.
  case badSignature = "bad-signature"
  /// None of the keys that the signature names is available.
  case unknownKey = "unknown-key"
  /// The key was revoked: for a compromise at any time, for a retirement before the signature was made.
  case keyRevoked = "key-revoked"
  /// The key was not revoked, but all of its owner's names were.
  case userIDsRevoked = "user-ids-revoked"
  /// The key had expired when the signature was made.
  case keyExpired = "key-expired"
  /// The signature claims to be older than its key.
  case keyTooYoung = "key-too-young"
  /// The key's owner does not let it sign data.
  case keyNotForSigning = "key-not-for-signing"
  /// The key has no valid self-signature, or the subkey none that binds it both ways.
  case keyNotBound = "key-not-bound"
  /// The key is too weak, or cannot be a key at all.
  case weakKey = "weak-key"
  /// The signature itself had an expiry date, which has passed.
  case signatureExpired = "signature-expired"
  /// The signature was made in the future.
  case signatureInFuture = "signature-in-future"
  /// The signature is right, but its digest is one that can be forged: MD5, SHA-1 or RIPEMD-160.
  case weakHash = "weak-hash"
  /// The signature is not of a type for documents.
  case wrongType = "wrong-type"
  /// A public-key algorithm that this module does not implement.
  case unsupportedAlgorithm = "unsupported-algorithm"
  /// A key on a curve that this module does not implement.
  case unsupportedCurve = "unsupported-curve"
  /// A digest that this module does not know.
  case unsupportedHash = "unsupported-hash"
  /// A critical subpacket or notation that this module does not know.
  case unsupportedSubpacket = "unsupported-subpacket"
  /// A signature of a version other than 4 and 6.
  case unsupportedVersion = "unsupported-version"
  /// The bytes are not a well-formed signature.
  case malformed
}

extension SignaturePacket {
  /// Whether a self-signature counts. It must be made with SHA-2, SHA-3 or, on old keys, SHA-1 (an attacker who can
  /// find collisions still cannot make the owner sign one). It must not make unknown critical statements,
  /// come from the future, or be expired.
  func isUsable(now: Int64) -> Bool {
    guard hash.isStrong || hash == .sha1, subpackets.unknownCritical == nil,
      let created = subpackets.creationTime, created <= now
    else { return false }
    guard let lifetime = subpackets.lifetime, lifetime > 0 else { return true }
    return now < created + lifetime
  }

  /// Whether a revocation counts for an action at a time. Superseded (1), retired (3) and a name that is no
  /// longer valid (32) count from the revocation on. Any other reason, or no reason, may mean that somebody
  /// else has the key and can sign with any date (RFC 9580 section 5.2.3.31).
  func revokes(at time: Int64) -> Bool {
    guard let reason = subpackets.revocationReason, [1, 3, 32].contains(reason),
      let created = subpackets.creationTime
    else { return true }
    return created <= time
  }

  /// Its creation time, for choosing the newest. ``isUsable(now:)`` refused signatures without one.
  var age: Int64 { subpackets.creationTime ?? .min }

  /// Whether it is newer than another. Of two with one time it is always the same one, in whichever order they were read.
  func isNewer(than other: SignaturePacket) -> Bool {
    age != other.age ? age > other.age : other.hashedPart.lexicographicallyPrecedes(hashedPart)
  }
}

/// The statements of a key's owner about it, from self-signatures that verified, judged for an action at a time.
struct KeyStatement {
  /// The reason why the key does not count for any use.
  var fault: SignatureFault?
  /// The flags (RFC 9580 section 5.2.3.29); nil if the owner gives none.
  var flags: UInt8?
  /// The expiry time of the key, in Unix seconds; nil for never.
  var expiry: Int64?
  /// The valid names, the primary one first.
  var userIDs: [UserID] = []
}

extension Certificate {
  /// The newest self-signature of a kind that counts and verifies.
  ///
  /// The newest is the owner's last word, even for a signature that is older: keys with an extended lifetime
  /// are usually passed on with only their newest self-signatures.
  private func newest(
    _ signatures: [SignaturePacket], now: Int64, over parts: [[UInt8]],
    where isWanted: (SignatureType) -> Bool
  ) throws(OpenPGPError) -> SignaturePacket? {
    let candidates = signatures.filter { isWanted($0.type) && $0.isUsable(now: now) }
    for candidate in candidates.sorted(by: { $0.isNewer(than: $1) })
    where try checks.verifies(candidate, with: primary, over: parts) {
      return candidate
    }
    return nil
  }

  /// Whether a revocation of a kind verifies and counts at a time. `since` excludes revocations that are
  /// older than the statement that they revoke.
  private func isRevoked(
    _ signatures: [SignaturePacket], _ type: SignatureType, at time: Int64, since: Int64 = .min,
    over parts: [[UInt8]]
  ) throws(OpenPGPError) -> Bool {
    for signature in signatures where signature.type == type {
      if signature.revokes(at: time), (signature.subpackets.creationTime ?? .max) >= since,
        try checks.verifies(signature, with: primary, over: parts)
      {
        return true
      }
    }
    return false
  }

  /// The names that were valid at a time, with their newest certification, the primary one first.
  func validUserIDs(
    at time: Int64, now: Int64
  ) throws(OpenPGPError) -> (valid: [(UserID, SignaturePacket)], isAnyRevoked: Bool) {
    var valid: [(UserID, SignaturePacket)] = []
    var isAnyRevoked = false
    for name in userIDs {
      let parts = [primary.hashed, name.hashed]
      guard let certification = try newest(name.signatures, now: now, over: parts, where: \.isCertification)
      else { continue }
      let isVerified = try isRevoked(
        name.signatures, .certificationRevocation, at: time, since: certification.age, over: parts)
      if isVerified || isRevokedUnreadably(name) {
        isAnyRevoked = true
      } else {
        valid.append((name, certification))
      }
    }
    func precedes(_ left: SignaturePacket, _ right: SignaturePacket) -> Bool {
      if left.subpackets.isPrimaryUserID != right.subpackets.isPrimaryUserID {
        return left.subpackets.isPrimaryUserID
      }
      return left.isNewer(than: right)
    }
    valid.sort { precedes($0.1, $1.1) }
    return (valid, isAnyRevoked)
  }

  /// The owner's statement about the primary key, judged for an action at a time.
  func statement(at time: Int64, now: Int64) throws(OpenPGPError) -> KeyStatement {
    let isVerified = try isRevoked(direct, .keyRevocation, at: time, over: [primary.hashed])
    let isRevoked = isVerified || isRevokedUnreadably
    var onKey = try newest(direct, now: now, over: [primary.hashed]) { $0 == .directKey }
    if let statement = onKey,
      try self.isRevoked(
        direct, .certificationRevocation, at: time, since: statement.age, over: [primary.hashed])
    {
      onKey = nil
    }
    let names = try validUserIDs(at: time, now: now)
    guard isRevoked || onKey != nil || !names.valid.isEmpty else {
      return KeyStatement(fault: names.isAnyRevoked ? .userIDsRevoked : .keyNotBound)
    }
    let onName = names.valid.first?.1
    let lifetime = onKey?.subpackets.keyLifetime ?? onName?.subpackets.keyLifetime
    return KeyStatement(
      fault: isRevoked ? .keyRevoked : nil, flags: onName?.subpackets.keyFlags ?? onKey?.subpackets.keyFlags,
      expiry: Self.expiry(primary, lifetime), userIDs: names.valid.map(\.0))
  }

  private static func expiry(_ key: PublicKeyPacket, _ lifetime: Int64?) -> Int64? {
    guard let lifetime, lifetime > 0 else { return nil }
    return key.creationTime + lifetime
  }

  /// The reason why a signature that this key made over data at a time does not count; nil if it counts.
  ///
  /// - Parameters:
  ///   - key: the primary key or one of the subkeys.
  ///   - time: the creation time in the signature, in Unix seconds.
  ///   - now: the time of the judgement, in Unix seconds.
  ///   - own: ``statement(at:now:)`` for the same times, if the caller already has it.
  func fault(
    of key: PublicKeyPacket, at time: Int64, now: Int64, _ own: KeyStatement? = nil
  ) throws(OpenPGPError) -> SignatureFault? {
    let own = if let own { own } else { try statement(at: time, now: now) }
    if let fault = own.fault { return fault }
    if time < primary.creationTime { return .keyTooYoung }
    if let expiry = own.expiry, time >= expiry { return .keyExpired }
    if key.fingerprint == primary.fingerprint {
      if let flags = own.flags, flags & Subpackets.signs == 0 { return .keyNotForSigning }
      return nil
    }
    guard let subkey = subkeys.first(where: { $0.key.fingerprint == key.fingerprint }) else {
      return .keyNotBound
    }
    return try fault(of: subkey, at: time, now: now)
  }

  /// The owner's statement about a subkey, judged for an action at a time.
  func statement(
    of subkey: Subkey, at time: Int64, now: Int64
  ) throws(OpenPGPError) -> (isRevoked: Bool, binding: SignaturePacket?, expiry: Int64?) {
    let parts = [primary.hashed, subkey.key.hashed]
    let isVerified = try isRevoked(subkey.signatures, .subkeyRevocation, at: time, over: parts)
    let isRevoked = isVerified || isRevokedUnreadably(subkey)
    let binding = try newest(subkey.signatures, now: now, over: parts) { $0 == .subkeyBinding }
    return (isRevoked, binding, Self.expiry(subkey.key, binding?.subpackets.keyLifetime))
  }

  private func fault(
    of subkey: Subkey, at time: Int64, now: Int64
  ) throws(OpenPGPError) -> SignatureFault? {
    let own = try statement(of: subkey, at: time, now: now)
    if own.isRevoked { return .keyRevoked }
    guard let binding = own.binding else { return .keyNotBound }
    if time < subkey.key.creationTime { return .keyTooYoung }
    if let expiry = own.expiry, time >= expiry { return .keyExpired }
    if let flags = binding.subpackets.keyFlags, flags & Subpackets.signs == 0 { return .keyNotForSigning }
    // RFC 9580 section 5.2.1.9: without a signature by the subkey itself, anybody could adopt another's signing key.
    let parts = [primary.hashed, subkey.key.hashed]
    for back in binding.subpackets.embedded where back.type == .primaryKeyBinding && back.isUsable(now: now) {
      if try checks.verifies(back, with: subkey.key, over: parts) { return nil }
    }
    return .keyNotBound
  }
}
