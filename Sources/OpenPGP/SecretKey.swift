import Gcrypt

/// A secret key or secret subkey (RFC 9580 section 5.5.3), usually still locked by a passphrase.
public final class SecretKey: Sendable {
  /// The public part of the key.
  public let publicKey: PublicKeyPacket
  private let protection: Protection
  /// The bytes after the description of the protection: the secret numbers, encrypted or not.
  private let material: SecureBytes

  /// The ways to protect the secret numbers (RFC 9580 section 3.7.2).
  private enum Protection {
    case none
    case encrypted(CipherAlgorithm, iv: [UInt8], KeyDerivation, hasSHA1: Bool)
    /// The secret is not in the packet, or this module cannot decrypt it; the text gives the reason.
    case impossible(String)
  }

  private init(
    _ publicKey: PublicKeyPacket, _ protection: Protection, _ material: consuming SecureBytes
  ) {
    self.publicKey = publicKey
    self.protection = protection
    self.material = material
  }

  /// Whether a passphrase is needed.
  public var isLocked: Bool {
    if case .encrypted = protection { true } else { false }
  }

  /// The reason why the secret cannot be used at all; nil if it can.
  public var impossibility: String? {
    if case .impossible(let why) = protection { why } else { nil }
  }

  // MARK: Reading

  /// Reads a packet's body.
  static func read(_ bytes: Span<UInt8>, at start: Int) throws(OpenPGPError) -> SecretKey {
    let (publicKey, count) = try PublicKeyPacket.read(bytes, at: start)
    var cursor = ByteCursor(bytes, origin: start)
    _ = try cursor.skip(count)
    let protection =
      publicKey.version == 4
      ? try readProtection(&cursor)
      : .impossible("secret keys of version 6 are not implemented; such signatures can be verified")
    let rest = try cursor.skip(cursor.remaining)
    let material = cursor.extracting(rest)
    let secret = try gcrypt { () throws(GcryptError) in try SecureBytes(copying: material) }
    return SecretKey(publicKey, protection, secret)
  }

  private static func readProtection(_ cursor: inout ByteCursor) throws(OpenPGPError) -> Protection {
    let usage = try cursor.byte()
    switch usage {
    case 0: return .none
    case 254, 255: break
    case 253: return .impossible("its secret is protected with AEAD, which is not implemented")
    default: return .impossible("its secret is protected with MD5, as in PGP 2")
    }
    let cipher = try cursor.byte()
    let specifier = try cursor.byte()
    let hash = HashID(rawValue: try cursor.byte())
    if specifier == 101 { return gnuExtension(&cursor) }
    guard let algorithm = SymmetricID.algorithm(cipher) else {
      return .impossible("its secret is encrypted with unknown cipher \(cipher)")
    }
    guard hash.isStrong || hash == .sha1, let hashAlgorithm = hash.algorithm else {
      return .impossible("its passphrase is hashed with algorithm \(hash.rawValue), which is not accepted")
    }
    let derivation: KeyDerivation
    switch specifier {
    case 0: derivation = .simple(hashAlgorithm)
    case 1: derivation = .salted(hashAlgorithm, salt: try cursor.array(8))
    case 3:
      let salt = try cursor.array(8)
      let coded = Int(try cursor.byte())
      // At most 65 011 712 bytes are hashed (RFC 9580 section 3.7.1.3), so the format itself limits the cost.
      derivation = .iterated(hashAlgorithm, salt: salt, count: (16 + coded & 15) << (coded >> 4 + 6))
    case 4: return .impossible("its passphrase is hashed with Argon2, which is not implemented")
    default: return .impossible("its passphrase is hashed in an unknown way (\(specifier))")
    }
    let iv = try cursor.array(algorithm.blockSize)
    return .encrypted(algorithm, iv: iv, derivation, hasSHA1: usage == 254)
  }

  /// GnuPG's marks for a secret that is elsewhere: `GNU` and 1 (not in this file) or 2 (on a card).
  private static func gnuExtension(_ cursor: inout ByteCursor) -> Protection {
    let mark = (try? cursor.array(4)) ?? []
    switch mark {
    case Array("GNU".utf8) + [1]:
      return .impossible("its secret is not in this file; GnuPG left a placeholder for it")
    case Array("GNU".utf8) + [2]: return .impossible("its secret is on a smart card")
    default: return .impossible("its secret is kept in a way that only GnuPG knows")
    }
  }

  // MARK: Unlocking

  /// Unlocks the private key, so that it can sign.
  ///
  /// - Parameter passphrase: the passphrase that locks the key; ignored if the key is not locked.
  /// - Throws: ``OpenPGPError`` with ``OpenPGPError/Code/passphraseNeeded``, ``OpenPGPError/Code/wrongPassphrase``
  ///   or, if the secret is missing or cannot sign, ``OpenPGPError/Code/unusableKey``.
  public func unlock(_ passphrase: borrowing SecureBytes) throws(OpenPGPError) -> PrivateKey {
    try unlock(passphrase.span, isGiven: true)
  }

  /// The private key, so that it can sign, if it is not locked.
  ///
  /// - Throws: as ``unlock(_:)``.
  public func unlock() throws(OpenPGPError) -> PrivateKey {
    try unlock([UInt8]().span, isGiven: false)
  }

  private func unlock(_ passphrase: Span<UInt8>, isGiven: Bool) throws(OpenPGPError) -> PrivateKey {
    switch protection {
    case .impossible(let why):
      throw OpenPGPError(.unusableKey, "key \(publicKey.keyIDText) cannot sign: \(why)")
    case .none:
      var plain = try copyOfMaterial()
      guard try Self.isIntact(&plain, hasSHA1: false) else {
        throw OpenPGPError(.malformedPacket, "the secret of key \(publicKey.keyIDText) is damaged")
      }
      return try privateKey(plain.span, checksumBytes: 2)
    case .encrypted(let cipher, let iv, let derivation, let hasSHA1):
      guard isGiven else {
        throw OpenPGPError(.passphraseNeeded, "key \(publicKey.keyIDText) is locked by a passphrase")
      }
      var plain = try copyOfMaterial()
      do {
        let key = try derivation.key(passphrase, count: cipher.keySize)
        try Cipher.decrypt(&plain, cipher, .cfb, key: key.span, iv: iv)
      } catch {
        throw OpenPGPError(error)
      }
      guard try Self.isIntact(&plain, hasSHA1: hasSHA1) else { throw wrongPassphrase }
      return try privateKey(plain.span, checksumBytes: hasSHA1 ? 20 : 2)
    }
  }

  private func copyOfMaterial() throws(OpenPGPError) -> SecureBytes {
    do { return try material.copy(0..<material.count) } catch { throw OpenPGPError(error) }
  }

  private var wrongPassphrase: OpenPGPError {
    OpenPGPError(.wrongPassphrase, "the passphrase does not unlock key \(publicKey.keyIDText)")
  }

  /// Whether the checksum at the end matches the bytes before it.
  private static func isIntact(_ bytes: inout SecureBytes, hasSHA1: Bool) throws(OpenPGPError) -> Bool {
    let size = hasSHA1 ? 20 : 2
    guard bytes.count >= size else { return false }
    let numbers = bytes.span.extracting(first: bytes.count - size)
    let check = bytes.span.extracting(last: size)
    var expected: [UInt8]
    if hasSHA1 {
      expected = try gcrypt { () throws(GcryptError) in try HashContext.digest(.sha1, numbers.bytes) }
    } else {
      var sum: UInt16 = 0
      for index in numbers.indices { sum &+= UInt16(numbers[index]) }
      expected = BigEndian.bytes(sum)
    }
    for index in check.indices { expected[index] ^= check[index] }
    return expected.allSatisfy { $0 == 0 }
  }

  /// Makes the private key from its numbers (RFC 9580 section 5.5.5). libgcrypt checks them against the public ones.
  private func privateKey(_ bytes: Span<UInt8>, checksumBytes: Int) throws(OpenPGPError) -> PrivateKey {
    guard let key = publicKey.verifyingKey else {
      throw OpenPGPError(.unusableKey, "key \(publicKey.keyIDText) is not for signing")
    }
    var cursor = ByteCursor(bytes.extracting(first: max(0, bytes.count - checksumBytes)))
    switch key {
    case .rsa(let modulus, let exponent):
      let d = try cursor.skipMPI()
      let p = try cursor.skipMPI()
      let q = try cursor.skipMPI()
      // The coefficient u follows; it is computed again.
      _ = try cursor.skipMPI()
      let numbers = cursor
      return try gcrypt { () throws(GcryptError) in
        try PrivateKey.rsa(
          modulus: modulus, exponent: exponent, privateExponent: numbers.extracting(d),
          p: numbers.extracting(p), q: numbers.extracting(q))
      }
    case .ecdsa(let curve, let point):
      let scalar = try cursor.skipMPI()
      let numbers = cursor
      return try gcrypt { () throws(GcryptError) in
        try PrivateKey.ecdsa(curve, scalar: numbers.extracting(scalar), point: point)
      }
    case .ed25519(let point):
      let place =
        publicKey.algorithm == .eddsaLegacy ? try cursor.skipMPI() : try cursor.skip(32)
      guard place.count <= 32 else {
        throw OpenPGPError(.malformedPacket, "an Ed25519 secret of \(place.count) bytes")
      }
      let numbers = cursor
      return try gcrypt { () throws(GcryptError) in
        // As a number it lost its leading zero bytes.
        var seed = try SecureBytes(count: 32)
        let secret = numbers.extracting(place)
        var target = seed.mutableSpan
        for index in secret.indices { target[32 - secret.count + index] = secret[index] }
        return try PrivateKey.ed25519(seed: seed.span, point: point)
      }
    }
  }
}
