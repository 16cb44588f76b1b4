/// A name that a key's owner goes by (RFC 9580 section 5.11).
public struct UserID: Sendable {
  /// The bytes as they are in the key: by convention UTF-8, but they may be anything.
  public let bytes: [UInt8]
  /// The self-signatures over it.
  var signatures: [SignaturePacket]

  /// The bytes as text, with what is no UTF-8 replaced. Escape it before it reaches a terminal.
  public var text: String { String(decoding: bytes, as: UTF8.self) }

  /// How it goes into a certification's hash (RFC 9580 section 5.2.4).
  var hashed: [UInt8] { [0xB4] + BigEndian.bytes(UInt32(truncatingIfNeeded: bytes.count)) + bytes }
}

/// A subkey and what binds it to its primary key.
public struct Subkey: Sendable {
  /// The key itself.
  public let key: PublicKeyPacket
  /// Bindings and revocations by the primary key.
  var signatures: [SignaturePacket]
}

/// A transferable public key (RFC 9580 section 10.1): a primary key, its owner's names and its subkeys, with
/// the owner's signatures over them. What other people signed is not kept: nobody's opinion counts here but
/// the owner's and that of the user who trusts a fingerprint.
public struct Certificate: Sendable {
  /// The key that all others are bound to and whose fingerprint names them all.
  public let primary: PublicKeyPacket
  /// The names, in the order of the data.
  public internal(set) var userIDs: [UserID] = []
  /// The subkeys, in the order of the data.
  public internal(set) var subkeys: [Subkey] = []
  /// Direct-key signatures and revocations of the primary key.
  var direct: [SignaturePacket] = []

  init(_ primary: PublicKeyPacket) {
    self.primary = primary
  }

  /// More signatures than anyone makes over their own key: what they cost to check must stay small.
  private static let maximumSignatures = 1000

  private var signatureCount: Int {
    direct.count + userIDs.reduce(0) { $0 + $1.signatures.count }
      + subkeys.reduce(0) { $0 + $1.signatures.count }
  }

  /// The place that signatures belong to: what the last packet was.
  enum Target {
    case primary
    case userID(Int)
    case subkey(Int)
    /// Something whose signatures do not matter here, such as a photograph.
    case other
  }

  /// Adds a signature to what it stands after, where the primary key claims to have made it.
  mutating func add(_ signature: SignaturePacket, to target: Target) throws(OpenPGPError) {
    guard signature.claimsIssuer(primary) else { return }
    guard signatureCount < Self.maximumSignatures else {
      throw OpenPGPError(.tooLarge, "a key with more than \(Self.maximumSignatures) signatures of its own")
    }
    func insert(_ list: inout [SignaturePacket]) {
      if !list.contains(signature) { list.append(signature) }
    }
    switch target {
    case .primary: insert(&direct)
    case .userID(let index) where userIDs.indices.contains(index): insert(&userIDs[index].signatures)
    case .subkey(let index) where subkeys.indices.contains(index): insert(&subkeys[index].signatures)
    default: break
    }
  }

  /// The place of a name, added where it is new.
  mutating func userID(_ bytes: [UInt8]) -> Target {
    if let index = userIDs.firstIndex(where: { $0.bytes == bytes }) { return .userID(index) }
    userIDs.append(UserID(bytes: bytes, signatures: []))
    return .userID(userIDs.count - 1)
  }

  /// The place of a subkey, added where it is new.
  mutating func subkey(_ key: PublicKeyPacket) -> Target {
    if let index = subkeys.firstIndex(where: { $0.key.fingerprint == key.fingerprint }) {
      return .subkey(index)
    }
    subkeys.append(Subkey(key: key, signatures: []))
    return .subkey(subkeys.count - 1)
  }

  /// Adds what another copy of the same key has and this one lacks, such as a revocation.
  mutating func merge(_ other: Certificate) throws(OpenPGPError) {
    for signature in other.direct { try add(signature, to: .primary) }
    for name in other.userIDs {
      let target = userID(name.bytes)
      for signature in name.signatures { try add(signature, to: target) }
    }
    for subkey in other.subkeys {
      let target = self.subkey(subkey.key)
      for signature in subkey.signatures { try add(signature, to: target) }
    }
  }
}
