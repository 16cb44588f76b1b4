/// A name of a key's owner (RFC 9580 section 5.11).
public struct UserID: Sendable {
  /// The bytes in the key: UTF-8 by convention, but they may be anything.
  public let bytes: [UInt8]
  /// The self-signatures over the name.
  var signatures: [SignaturePacket]

  /// The bytes as text; bytes that are not UTF-8 are replaced. Escape it before it reaches a terminal.
  public var text: String { String(decoding: bytes, as: UTF8.self) }

  /// The name in the form that a certification hashes (RFC 9580 section 5.2.4).
  var hashed: [UInt8] { [0xB4] + BigEndian.bytes(UInt32(truncatingIfNeeded: bytes.count)) + bytes }
}

/// A subkey, and the signatures that bind it to its primary key.
public struct Subkey: Sendable {
  /// The key itself.
  public let key: PublicKeyPacket
  /// Bindings and revocations by the primary key.
  var signatures: [SignaturePacket]
}

/// A transferable public key (RFC 9580 section 10.1): a primary key, its owner's names and its subkeys, with
/// the owner's signatures over them. Signatures of other people are dropped: only the owner counts here, and
/// the user who trusts a fingerprint.
///
/// Each signature belongs to the part that its digest fits, wherever it stood: a revocation counts behind the last subkey
/// as well as behind the primary key.
public struct Certificate: Sendable {
  /// The key that all others are bound to. Its fingerprint identifies them all.
  public let primary: PublicKeyPacket
  /// The names, in the order of the data.
  public private(set) var userIDs: [UserID] = []
  /// The subkeys, in the order of the data.
  public private(set) var subkeys: [Subkey] = []
  /// Signatures about the primary key alone.
  private(set) var direct: [SignaturePacket] = []
  /// Signatures about a name or a subkey that is not here, or not yet.
  private var strays: [SignaturePacket] = []
  /// The parts that a revocation may be about that cannot be verified.
  private var revoked: Set<Part> = []
  /// The outcomes of public-key operations.
  let checks = SignatureChecks()

  private var seen: Set<SignaturePacket> = []
  private var userIDPlaces: [[UInt8]: Int] = [:]
  private var subkeyPlaces: [[UInt8]: Int] = [:]
  /// The number of bytes that were hashed to find the parts that signatures are about.
  private var hashedBytes = 0

  init(_ primary: PublicKeyPacket) {
    self.primary = primary
  }

  /// The most signatures that name the key as their issuer, and the most names and subkeys. Checking them must cost little.
  private static let maximumSignatures = 1000
  private static let maximumParts = 1000
  /// The most bytes to hash in the search for what misplaced signatures are about. The signatures of a key in order, each
  /// hashed once, have a hundredth of it.
  private static let maximumHashedBytes = 64 << 20

  /// A part of the key that revocations are about.
  private enum Part: Hashable {
    case primary
    case userID([UInt8])
    case subkey([UInt8])
    case everyUserID
    case everySubkey
  }

  /// The part that the packet before a signature is.
  enum Target {
    case primary
    case userID(Int)
    case subkey(Int)
    /// A part whose signatures do not matter here, such as a photograph.
    case other
  }

  // MARK: Building

  /// Adds a signature, if the primary key claims to have made it, or nobody does.
  ///
  /// - Parameter target: the part that it follows, which is tried first.
  /// - Returns: false for a revocation that names the primary key and cannot be verified: it counts.
  @discardableResult
  mutating func add(_ signature: SignaturePacket, to target: Target) throws(OpenPGPError) -> Bool {
    let isClaimed = signature.claimsIssuer(primary)
    guard isClaimed || signature.subpackets.anyIssuerKeyID == nil else { return true }
    if signature.isBeyondUs {
      guard isClaimed, signature.type.isRevocation else { return true }
      addUnreadableRevocation(signature.type, to: target)
      return false
    }
    guard !seen.contains(signature) else { return true }
    guard seen.count < Self.maximumSignatures else {
      throw OpenPGPError(.tooLarge, "a key with more than \(Self.maximumSignatures) signatures of its own")
    }
    seen.insert(signature)
    if try !place(signature, target) { strays.append(signature) }
    return true
  }

  /// Notes a revocation that cannot be verified, because part of it is damaged or not implemented. It may be right, so it
  /// counts: for the part that it follows, or for all of that kind.
  mutating func addUnreadableRevocation(_ type: SignatureType, to target: Target) {
    switch (type, target) {
    case (.subkeyRevocation, .subkey(let index)) where subkeys.indices.contains(index):
      revoked.insert(.subkey(subkeys[index].key.fingerprint))
    case (.subkeyRevocation, _): revoked.insert(.everySubkey)
    case (.certificationRevocation, .userID(let index)) where userIDs.indices.contains(index):
      revoked.insert(.userID(userIDs[index].bytes))
    case (.certificationRevocation, _): revoked.insert(.everyUserID)
    default: revoked.insert(.primary)
    }
  }

  /// Puts a signature where it belongs; false if none of the parts fits.
  private mutating func place(_ signature: SignaturePacket, _ target: Target) throws(OpenPGPError) -> Bool {
    if signature.type == .directKey || signature.type == .keyRevocation {
      direct.append(signature)
      return true
    }
    if case .userID(let index) = target, try take(signature, userID: index) { return true }
    if case .subkey(let index) = target, try take(signature, subkey: index) { return true }
    if signature.type.isAboutPrimaryKey, try fits(signature, [primary.hashed]) {
      direct.append(signature)
      return true
    }
    for index in userIDs.indices where try take(signature, userID: index) { return true }
    for index in subkeys.indices where try take(signature, subkey: index) { return true }
    return false
  }

  private mutating func take(_ signature: SignaturePacket, userID index: Int) throws(OpenPGPError) -> Bool {
    guard signature.type.isAboutUserID, userIDs.indices.contains(index),
      try fits(signature, [primary.hashed, userIDs[index].hashed])
    else { return false }
    userIDs[index].signatures.append(signature)
    return true
  }

  private mutating func take(_ signature: SignaturePacket, subkey index: Int) throws(OpenPGPError) -> Bool {
    guard signature.type.isAboutSubkey, subkeys.indices.contains(index),
      try fits(signature, [primary.hashed, subkeys[index].key.hashed])
    else { return false }
    subkeys[index].signatures.append(signature)
    return true
  }

  private mutating func fits(
    _ signature: SignaturePacket, _ parts: [[UInt8]]
  ) throws(OpenPGPError) -> Bool {
    hashedBytes += parts.reduce(signature.hashedPart.count) { $0 + $1.count }
    guard hashedBytes <= Self.maximumHashedBytes else {
      throw OpenPGPError(.tooLarge, "a key with too many signatures that are out of place")
    }
    return try signature.mayBe(over: parts)
  }

  /// Tries signatures that fitted nothing so far on a part that is new.
  private mutating func placeStrays(_ target: Target) throws(OpenPGPError) {
    var rest: [SignaturePacket] = []
    for stray in strays {
      let isTaken =
        switch target {
        case .userID(let index): try take(stray, userID: index)
        case .subkey(let index): try take(stray, subkey: index)
        case .primary, .other: false
        }
      if !isTaken { rest.append(stray) }
    }
    strays = rest
  }

  private func checkRoom() throws(OpenPGPError) {
    guard userIDs.count + subkeys.count < Self.maximumParts else {
      throw OpenPGPError(.tooLarge, "a key with more than \(Self.maximumParts) names and subkeys")
    }
  }

  /// The target for a name, which is added if it is new.
  mutating func userID(_ bytes: [UInt8]) throws(OpenPGPError) -> Target {
    if let index = userIDPlaces[bytes] { return .userID(index) }
    try checkRoom()
    userIDPlaces[bytes] = userIDs.count
    userIDs.append(UserID(bytes: bytes, signatures: []))
    try placeStrays(.userID(userIDs.count - 1))
    return .userID(userIDs.count - 1)
  }

  /// The target for a subkey, which is added if it is new.
  mutating func subkey(_ key: PublicKeyPacket) throws(OpenPGPError) -> Target {
    if let index = subkeyPlaces[key.fingerprint] { return .subkey(index) }
    try checkRoom()
    subkeyPlaces[key.fingerprint] = subkeys.count
    subkeys.append(Subkey(key: key, signatures: []))
    try placeStrays(.subkey(subkeys.count - 1))
    return .subkey(subkeys.count - 1)
  }

  /// Adds the parts of another copy of the same key that this one lacks, such as a revocation.
  mutating func merge(_ other: Certificate) throws(OpenPGPError) {
    revoked.formUnion(other.revoked)
    for signature in other.direct { try add(signature, to: .primary) }
    for name in other.userIDs {
      let target = try userID(name.bytes)
      for signature in name.signatures { try add(signature, to: target) }
    }
    for subkey in other.subkeys {
      let target = try self.subkey(subkey.key)
      for signature in subkey.signatures { try add(signature, to: target) }
    }
    for signature in other.strays { try add(signature, to: .other) }
  }

  // MARK: Revocations that cannot be verified

  /// Whether a revocation of the primary key counts although it cannot be verified.
  var isRevokedUnreadably: Bool { revoked.contains(.primary) }

  /// Whether a revocation of a name counts although it cannot be verified.
  func isRevokedUnreadably(_ name: UserID) -> Bool {
    !revoked.isDisjoint(with: [.userID(name.bytes), .everyUserID])
  }

  /// Whether a revocation of a subkey counts although it cannot be verified.
  func isRevokedUnreadably(_ subkey: Subkey) -> Bool {
    !revoked.isDisjoint(with: [.subkey(subkey.key.fingerprint), .everySubkey])
  }
}
