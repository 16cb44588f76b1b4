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
public struct Certificate: Sendable {
  /// The key that all others are bound to. Its fingerprint identifies them all.
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

  /// The most signatures by the owner. The cost of checking them must stay small.
  private static let maximumSignatures = 1000

  private var signatureCount: Int {
    direct.count + userIDs.reduce(0) { $0 + $1.signatures.count }
      + subkeys.reduce(0) { $0 + $1.signatures.count }
  }

  /// The part that a signature belongs to, given by the packet before it.
  enum Target {
    case primary
    case userID(Int)
    case subkey(Int)
    /// A part whose signatures do not matter here, such as a photograph.
    case other
  }

  /// Adds a signature to the part that it follows, if the primary key claims to have made it.
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

  /// The target for a name, which is added if it is new.
  mutating func userID(_ bytes: [UInt8]) -> Target {
    if let index = userIDs.firstIndex(where: { $0.bytes == bytes }) { return .userID(index) }
    userIDs.append(UserID(bytes: bytes, signatures: []))
    return .userID(userIDs.count - 1)
  }

  /// The target for a subkey, which is added if it is new.
  mutating func subkey(_ key: PublicKeyPacket) -> Target {
    if let index = subkeys.firstIndex(where: { $0.key.fingerprint == key.fingerprint }) {
      return .subkey(index)
    }
    subkeys.append(Subkey(key: key, signatures: []))
    return .subkey(subkeys.count - 1)
  }

  /// Adds the parts of another copy of the same key that this one lacks, such as a revocation.
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
