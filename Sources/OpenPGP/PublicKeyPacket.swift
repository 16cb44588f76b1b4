import Bytes
import Gcrypt

/// A public key or public subkey (RFC 9580 section 5.5.2), or the public part of a secret one.
public struct PublicKeyPacket: Hashable, Sendable {
  /// 4 or 6.
  public let version: Int
  /// The creation time of the key, in Unix seconds.
  public let creationTime: Int64
  /// The fingerprint (RFC 9580 section 5.5.4): 20 bytes for version 4, 32 for version 6.
  public let fingerprint: [UInt8]
  /// The key that verifies signatures; nil if the algorithm is not for signing, or is not implemented.
  public let verifyingKey: PublicKey?
  let algorithm: PublicKeyAlgorithm
  /// The packet's body (its public part), which fingerprints and certifications cover.
  let body: [UInt8]

  /// The key ID (RFC 9580 section 5.5.4.2, 5.5.4.3).
  public var keyID: UInt64 {
    version == 4 ? BigEndian.integer64(fingerprint.suffix(8)) : BigEndian.integer64(fingerprint)
  }

  /// The fingerprint in upper-case hexadecimal.
  public var fingerprintText: String { Hexadecimal.text(fingerprint, uppercase: true) }

  /// The key ID as 16 upper-case hexadecimal digits.
  public var keyIDText: String { Hexadecimal.text(BigEndian.bytes(keyID), uppercase: true) }

  /// The algorithm's name for people, such as `RSA 4096` or `Ed25519`.
  public var algorithmName: String {
    guard case .rsa? = verifyingKey, let key = verifyingKey else { return algorithm.name }
    return "RSA \(key.bits)"
  }

  /// The name of the method that the key would sign with, if it is for signing and the method is not implemented; nil
  /// otherwise.
  var unsupportedMethod: String? {
    guard verifyingKey == nil else { return nil }
    switch algorithm {
    case .dsa, .ed448: return algorithm.name
    case .ecdsa, .eddsaLegacy:
      var cursor = ByteCursor(body.span)
      // Version, time and algorithm; in version 6 also the length of what follows.
      guard (try? cursor.skip(version == 6 ? 10 : 6)) != nil, let length = try? cursor.byte(),
        let oid = try? cursor.array(Int(length))
      else { return nil }
      return "the curve \(CurveOID.text(oid))"
    default: return nil
    }
  }

  /// Reads the public part at the beginning of a key packet's body.
  ///
  /// - Returns: the key and the number of bytes of its public part.
  static func read(_ bytes: Span<UInt8>, at start: Int) throws(OpenPGPError) -> (PublicKeyPacket, Int) {
    var cursor = ByteCursor(bytes, origin: start)
    let version = Int(try cursor.byte())
    guard version == 4 || version == 6 else { throw cursor.fail(.unsupported, "a key of version \(version)") }
    let created = Int64(try cursor.integer(4))
    let algorithm = PublicKeyAlgorithm(rawValue: try cursor.byte())
    let stated = version == 6 ? try cursor.integer(4) : nil
    let materialStart = cursor.offset
    let key = try material(&cursor, algorithm, isVersion6: version == 6)
    guard stated == nil || stated == cursor.offset - materialStart else {
      throw cursor.fail(.malformedPacket, "a key whose material does not have the stated length")
    }
    let body = cursor.array(in: 0..<cursor.offset)
    // RFC 9580 section 5.5.4: the fingerprint is a hash of the framed body, SHA-1 for version 4 and SHA-256
    // for version 6.
    var hash = try gcrypt { () throws(GcryptError) in try HashContext(version == 4 ? .sha1 : .sha256) }
    hash.update(frame(body, version: version).span.bytes)
    hash.update(body.span.bytes)
    let packet = PublicKeyPacket(
      version: version, creationTime: created, fingerprint: hash.finalize(), verifyingKey: key,
      algorithm: algorithm, body: body)
    return (packet, cursor.offset)
  }

  /// Reads a packet that only contains a public key.
  static func readWhole(_ bytes: Span<UInt8>, at start: Int) throws(OpenPGPError) -> PublicKeyPacket {
    let (packet, count) = try read(bytes, at: start)
    guard count == bytes.count else {
      throw OpenPGPError(.malformedPacket, "more bytes after a key", at: start + count)
    }
    return packet
  }

  /// The bytes that are hashed before a key's body (RFC 9580 section 5.2.4).
  static func frame(_ body: [UInt8], version: Int) -> [UInt8] {
    version == 4
      ? [0x99] + BigEndian.bytes(UInt16(truncatingIfNeeded: body.count))
      : [0x9B] + BigEndian.bytes(UInt32(truncatingIfNeeded: body.count))
  }

  /// The key in the form that a certification hashes.
  var hashed: [UInt8] { Self.frame(body, version: version) + body }

  /// Reads the algorithm's numbers (RFC 9580 section 5.5.5). Those that are not for signing are skipped.
  private static func material(
    _ cursor: inout ByteCursor, _ algorithm: PublicKeyAlgorithm, isVersion6: Bool
  ) throws(OpenPGPError) -> PublicKey? {
    switch algorithm {
    case .rsa, .rsaSignOnly:
      return .rsa(modulus: try cursor.mpi(), exponent: try cursor.mpi())
    case .rsaEncryptOnly:
      for _ in 0..<2 { _ = try cursor.skipMPI() }
    case .elgamal:
      for _ in 0..<3 { _ = try cursor.skipMPI() }
    case .dsa:
      for _ in 0..<4 { _ = try cursor.skipMPI() }
    case .ecdh:
      _ = try cursor.array(Int(try cursor.byte()))
      _ = try cursor.skipMPI()
      _ = try cursor.array(Int(try cursor.byte()))
    case .ecdsa:
      let oid = try cursor.array(Int(try cursor.byte()))
      let point = try cursor.mpi()
      if let curve = CurveOID.curve(oid) { return .ecdsa(curve, point: point) }
    case .eddsaLegacy:
      let oid = try cursor.array(Int(try cursor.byte()))
      let point = try cursor.mpi()
      guard !isVersion6 else {
        throw cursor.fail(.malformedPacket, "a version 6 key with an algorithm that version 6 does not have")
      }
      if oid == CurveOID.ed25519Legacy, point.count == 33, point.first == 0x40 {
        return .ed25519(Array(point.dropFirst()))
      }
    case .x25519: _ = try cursor.skip(32)
    case .x448: _ = try cursor.skip(56)
    case .ed25519: return .ed25519(try cursor.array(32))
    case .ed448: _ = try cursor.skip(57)
    default: throw cursor.fail(.unsupported, "a key of \(algorithm.name)")
    }
    return nil
  }
}
