import Bytes

/// A signature about a key that stands outside of that key: as a rule a revocation certificate.
public struct LooseSignature: Sendable {
  private enum Content: Sendable {
    case whole(SignaturePacket)
    /// One that cannot be verified.
    case unreadable(SignatureOutline)
  }

  private let content: Content
  private let body: [UInt8]
  private let isRevocation: Bool
  /// The key ID of the key that it is about, which must have made it.
  public let issuerKeyID: UInt64
  /// The reason why it cannot be verified; nil if it can.
  public let unreadableReason: String?

  /// Reads a packet's body.
  ///
  /// - Throws: ``OpenPGPError`` if it is not a signature about a key, or names no key.
  init(reading bytes: Span<UInt8>, at start: Int) throws(OpenPGPError) {
    var cursor = ByteCursor(bytes, origin: start)
    body = try cursor.array(cursor.remaining)
    let keyID: UInt64?
    let type: SignatureType
    do {
      let signature = try SignaturePacket.read(bytes, at: start)
      content = .whole(signature)
      (keyID, type) = (signature.subpackets.anyIssuerKeyID, signature.type)
      unreadableReason = signature.isBeyondUs ? "it is made with \(signature.method)" : nil
    } catch {
      guard error.code != .library, let outline = SignatureOutline(bytes), outline.type.isRevocation else {
        throw error
      }
      content = .unreadable(outline)
      (keyID, type) = (outline.keyID, outline.type)
      unreadableReason = error.what
    }
    guard type.isAboutPrimaryKey || type.isAboutUserID || type.isAboutSubkey else {
      throw OpenPGPError(.noKey, "a signature that is not about a key", at: start)
    }
    guard let keyID else { throw OpenPGPError(.noKey, "a signature that names no key", at: start) }
    issuerKeyID = keyID
    isRevocation = type.isRevocation
  }

  /// The key ID of the key that it is about as 16 upper-case hexadecimal digits.
  public var issuerText: String { Hexadecimal.text(BigEndian.bytes(issuerKeyID), uppercase: true) }

  /// The fault of a file that has it, and not its key.
  public var withoutKey: OpenPGPError {
    let what = isRevocation ? "a revocation of" : "a signature about"
    return OpenPGPError(.noKey, "there is only \(what) key \(issuerText), not the key itself")
  }

  /// Whether it says that it was made by a primary key.
  public func claimsIssuer(_ primary: PublicKeyPacket) -> Bool {
    switch content {
    case .whole(let signature): signature.claimsIssuer(primary)
    case .unreadable(let outline): outline.claimsIssuer(primary)
    }
  }

  /// Gives it to the key that it is about.
  func add(to certificate: inout Certificate) throws(OpenPGPError) {
    switch content {
    case .whole(let signature): try certificate.add(signature, to: .other)
    case .unreadable(let outline): certificate.addUnreadableRevocation(outline.type, to: .other)
    }
  }

  /// The packets of a key with this signature behind the part that it is about; nil if it was not made by that key, or
  /// the part is not there. If the packets have it already, they stay as they are.
  func added(to packets: Span<UInt8>) throws(OpenPGPError) -> (offset: Int, packet: [UInt8])? {
    guard case .whole(let signature) = content else { return nil }
    var reader = PacketReader(packets)
    var primary: PublicKeyPacket?
    var place: Int?
    while let packet = try reader.next() {
      let bytes = reader.body(packet)
      var parts: [[UInt8]] = []
      switch packet.type {
      case .signature where bytes.count == body.count && bytes.indices.allSatisfy({ bytes[$0] == body[$0] }):
        return (packet.start, [])
      case .publicKey, .secretKey:
        let key = try PublicKeyPacket.read(bytes, at: packet.start).0
        primary = key
        if signature.type.isAboutPrimaryKey { parts = [key.hashed] }
      case .publicSubkey, .secretSubkey:
        guard signature.type.isAboutSubkey, let primary,
          let key = try? PublicKeyPacket.read(bytes, at: packet.start).0
        else { continue }
        parts = [primary.hashed, key.hashed]
      case .userID:
        guard signature.type.isAboutUserID, let primary else { continue }
        let name = UserID(bytes: bytes.indices.map { bytes[$0] }, signatures: [])
        parts = [primary.hashed, name.hashed]
      default: continue
      }
      guard place == nil, !parts.isEmpty, let primary, claimsIssuer(primary),
        try signature.verifies(with: primary, over: parts)
      else { continue }
      place = packet.body.upperBound
    }
    return place.map { ($0, PacketReader.encode(.signature, body)) }
  }
}
