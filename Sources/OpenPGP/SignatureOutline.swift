/// What can be read of a signature that is damaged, or of a version that is not implemented: its type and its issuer.
struct SignatureOutline {
  let type: SignatureType
  private var issuerKeyID: UInt64?
  private var issuerFingerprint: [UInt8]?

  /// Reads as much as there is; nil if not even the type is there.
  init?(_ bytes: Span<UInt8>) {
    var cursor = ByteCursor(bytes)
    guard let version = try? cursor.byte() else { return nil }
    if version < 4 {
      // The layout of versions 2 and 3: a length, the type, the time, the key ID.
      guard (try? cursor.skip(1)) != nil, let type = try? cursor.byte() else { return nil }
      self.type = SignatureType(rawValue: type)
      guard (try? cursor.skip(4)) != nil, let keyID = try? cursor.array(8) else { return }
      issuerKeyID = BigEndian.integer64(keyID)
      return
    }
    guard let type = try? cursor.byte() else { return nil }
    self.type = SignatureType(rawValue: type)
    guard (try? cursor.skip(2)) != nil else { return }
    // Version 5, a draft that GnuPG has, counts the bytes of the areas like version 4.
    for _ in 0..<2 {
      guard let length = try? cursor.integer(version == 6 ? 4 : 2),
        let area = try? cursor.skip(min(length, cursor.remaining))
      else { return }
      readIssuers(cursor.extracting(area))
    }
  }

  private mutating func readIssuers(_ area: Span<UInt8>) {
    var cursor = ByteCursor(area)
    while let length = try? Subpackets.length(&cursor), length > 0, let type = try? cursor.byte() {
      guard let body = try? cursor.array(length - 1) else { return }
      switch type & 0x7F {
      case 16 where body.count == 8: issuerKeyID = issuerKeyID ?? BigEndian.integer64(body)
      case 33 where body.count > 20: issuerFingerprint = issuerFingerprint ?? Array(body.dropFirst())
      default: break
      }
    }
  }

  /// The key ID of the issuer that it names; nil if it names none, or the place is damaged.
  var keyID: UInt64? {
    if let issuerFingerprint {
      return BigEndian.integer64(
        issuerFingerprint.count == 20 ? issuerFingerprint.suffix(8) : issuerFingerprint[...])
    }
    return issuerKeyID
  }

  /// Whether it names that key as its issuer.
  func claimsIssuer(_ key: PublicKeyPacket) -> Bool {
    if let issuerFingerprint { return issuerFingerprint == key.fingerprint }
    return issuerKeyID == key.keyID
  }
}
