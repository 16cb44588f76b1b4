/// Builds a key from its packets (RFC 9580 section 10.1).
struct CertificateBuilder {
  private(set) var certificate: Certificate?
  private(set) var secrets: [SecretKey] = []
  private(set) var skipped: [OpenPGPError] = []
  /// Revocations of other keys.
  private(set) var loose: [LooseSignature] = []
  private var target = Certificate.Target.primary

  mutating func take(_ packet: Packet, _ body: Span<UInt8>) throws(OpenPGPError) {
    let start = packet.body.lowerBound
    switch packet.type {
    case .publicKey:
      certificate = Certificate(try PublicKeyPacket.readWhole(body, at: start))
      target = .primary
    case .secretKey:
      let secret = try SecretKey.read(body, at: start)
      certificate = Certificate(secret.publicKey)
      secrets.append(secret)
      target = .primary
    case .publicSubkey:
      try takeSubkey { () throws(OpenPGPError) in (try PublicKeyPacket.readWhole(body, at: start), nil) }
    case .secretSubkey:
      try takeSubkey { () throws(OpenPGPError) in
        let secret = try SecretKey.read(body, at: start)
        return (secret.publicKey, secret)
      }
    case .userID:
      var cursor = ByteCursor(body, origin: start)
      target = try certificate?.userID(try cursor.array(cursor.remaining)) ?? .other
    case .userAttribute: target = .other
    case .signature: try takeSignature(body, at: start)
    case .trust, .marker, .padding: break
    default: target = .other
    }
  }

  /// Takes a subkey. One with an algorithm that is not implemented is skipped, together with its signatures.
  private mutating func takeSubkey(
    _ read: () throws(OpenPGPError) -> (PublicKeyPacket, SecretKey?)
  ) throws(OpenPGPError) {
    let subkey: (PublicKeyPacket, SecretKey?)
    do { subkey = try read() } catch {
      skipped.append(error)
      target = .other
      return
    }
    target = try certificate?.subkey(subkey.0) ?? .other
    if let secret = subkey.1 { secrets.append(secret) }
  }

  /// Takes a signature. An unreadable one, for example of an old version, is skipped, since the key itself is still
  /// valid; but an unreadable revocation that names the key counts.
  private mutating func takeSignature(_ body: Span<UInt8>, at start: Int) throws(OpenPGPError) {
    guard let primary = certificate?.primary else { return }
    let signature: SignaturePacket
    do { signature = try SignaturePacket.read(body, at: start) } catch {
      guard error.code != .library else { throw error }
      guard let outline = SignatureOutline(body), outline.type.isRevocation else {
        skipped.append(error)
        return
      }
      if outline.claimsIssuer(primary) {
        certificate?.addUnreadableRevocation(outline.type, to: target)
        skipped.append(Self.unreadable(outline.type, error.what, at: start))
      } else if outline.type != .certificationRevocation {
        loose += (try? LooseSignature(reading: body, at: start)).map { [$0] } ?? []
      }
      return
    }
    // Other people revoke their own words about names; only revocations of keys are looked for elsewhere.
    if !signature.claimsIssuer(primary), signature.subpackets.anyIssuerKeyID != nil,
      signature.type == .keyRevocation || signature.type == .subkeyRevocation
    {
      loose.append(try LooseSignature(reading: body, at: start))
    }
    if try certificate?.add(signature, to: target) == false {
      skipped.append(Self.unreadable(signature.type, "it is made with \(signature.method)", at: start))
    }
  }

  static func unreadable(_ type: SignatureType, _ why: String, at start: Int) -> OpenPGPError {
    let what = type == .keyRevocation ? "key" : type == .subkeyRevocation ? "subkey" : "user id"
    return OpenPGPError(
      .malformedPacket, "a revocation of the \(what) that cannot be verified, and therefore counts: \(why)",
      at: start)
  }
}
