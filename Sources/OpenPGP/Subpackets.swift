/// The statements of a signature about itself (RFC 9580 section 5.2.3.7).
struct Subpackets: Hashable, Sendable {
  /// Section 5.2.3.11, in Unix seconds.
  private(set) var creationTime: Int64?
  /// Section 5.2.3.18: seconds after its creation that the signature expires; nil for never.
  private(set) var lifetime: Int64?
  /// Section 5.2.3.13: seconds after the key's creation that the key expires; nil for never.
  private(set) var keyLifetime: Int64?
  /// Section 5.2.3.12.
  private(set) var issuerKeyID: UInt64?
  /// Section 5.2.3.35.
  private(set) var issuerFingerprint: [UInt8]?
  /// Section 5.2.3.29: the first octet of the flags.
  private(set) var keyFlags: UInt8?
  /// Section 5.2.3.27.
  private(set) var isPrimaryUserID = false
  /// Section 5.2.3.31: the code of the reason.
  private(set) var revocationReason: UInt8?
  /// Section 5.2.3.34.
  private(set) var embedded: [SignaturePacket] = []
  /// The type of a critical subpacket that this module does not know. Section 5.2.3.7: such a signature is invalid.
  private(set) var unknownCritical: UInt8?

  /// The key may certify other keys.
  static let certifies: UInt8 = 0x01
  /// The key may sign data.
  static let signs: UInt8 = 0x02

  /// The most embedded signatures, to limit the work that a short packet can cause.
  private static let maximumEmbedded = 4

  /// Reads one of the two areas. From the unprotected area only two things are used, because they cannot
  /// mislead: the issuer, and an embedded signature, which has to verify by itself.
  mutating func read(
    _ bytes: Span<UInt8>, at start: Int, isHashed: Bool, isEmbedded: Bool
  ) throws(OpenPGPError) {
    var cursor = ByteCursor(bytes, origin: start)
    while cursor.remaining > 0 {
      let length = try Self.length(&cursor)
      guard length > 0 else { throw cursor.fail(.malformedPacket, "an empty signature subpacket") }
      let place = try cursor.skip(length)
      let body = cursor.extracting(place.lowerBound + 1..<place.upperBound)
      try readOne(
        cursor.array(in: place)[0], body, at: start + place.lowerBound + 1, isHashed: isHashed,
        isEmbedded: isEmbedded)
    }
  }

  /// The length before a subpacket.
  static func length(_ cursor: inout ByteCursor) throws(OpenPGPError) -> Int {
    switch try cursor.integer(1) {
    case let first where first < 192: first
    case 255: try cursor.integer(4)
    case let first: (first - 192) << 8 + (try cursor.integer(1)) + 192
    }
  }

  private mutating func readOne(
    _ type: UInt8, _ body: Span<UInt8>, at start: Int, isHashed: Bool, isEmbedded: Bool
  ) throws(OpenPGPError) {
    var cursor = ByteCursor(body, origin: start)
    switch (type & 0x7F, isHashed) {
    case (2, true): creationTime = try Self.number(&cursor)
    case (3, true): lifetime = try Self.number(&cursor)
    case (9, true): keyLifetime = try Self.number(&cursor)
    case (16, _):
      guard body.count == 8 else { throw cursor.fail(.malformedPacket, "a key ID not 8 bytes long") }
      let keyID = BigEndian.integer64(try cursor.array(8))
      // The hashed area takes precedence over the other.
      if isHashed || issuerKeyID == nil { issuerKeyID = keyID }
    case (25, true): isPrimaryUserID = try cursor.byte() != 0
    case (27, true): keyFlags = body.count > 0 ? try cursor.byte() : 0
    case (29, true): revocationReason = try cursor.byte()
    case (32, _):
      guard !isEmbedded, embedded.count < Self.maximumEmbedded else {
        throw cursor.fail(.malformedPacket, "too many embedded signatures")
      }
      // An embedded signature of another version or kind is not an error of the one around it.
      do { embedded.append(try SignaturePacket.read(body, at: start, isEmbedded: true)) } catch {
        if error.code != .unsupported { throw error }
      }
    case (33, _):
      let version = Int(try cursor.byte())
      guard (version == 4 && body.count == 21) || (version == 6 && body.count == 33) else {
        if version == 4 || version == 6 {
          throw cursor.fail(.malformedPacket, "a fingerprint of the wrong length")
        }
        return
      }
      let fingerprint = try cursor.array(body.count - 1)
      if isHashed || issuerFingerprint == nil { issuerFingerprint = fingerprint }
    case (1...7, _), (9...12, _), (16...17, _), (20...35, _), (37, _), (39, _):
      // These are known but have no effect here, or have none because they are unprotected. A critical
      // notation counts as unknown, because its name is not looked at.
      if type == 0x80 | 20 { unknownCritical = unknownCritical ?? 20 }
    default:
      if type & 0x80 != 0 { unknownCritical = unknownCritical ?? (type & 0x7F) }
    }
  }

  /// A time of four bytes of seconds. Zero means none, but as a creation time it is the epoch.
  private static func number(_ cursor: inout ByteCursor) throws(OpenPGPError) -> Int64 {
    guard cursor.remaining == 4 else { throw cursor.fail(.malformedPacket, "a time not 4 bytes long") }
    return Int64(try cursor.integer(4))
  }

  /// Checks that the key ID and the fingerprint name the same key.
  func checkIssuer(_ cursor: borrowing ByteCursor) throws(OpenPGPError) {
    guard let issuerKeyID, let issuerFingerprint else { return }
    let keyID =
      issuerFingerprint.count == 20
      ? BigEndian.integer64(issuerFingerprint.suffix(8)) : BigEndian.integer64(issuerFingerprint)
    guard keyID == issuerKeyID else {
      throw cursor.fail(.malformedPacket, "a signature that names two issuers")
    }
  }

  /// Encodes one subpacket.
  static func encode(_ type: UInt8, _ body: [UInt8], isCritical: Bool = false) -> [UInt8] {
    PacketReader.length(body.count + 1) + [isCritical ? 0x80 | type : type] + body
  }
}
