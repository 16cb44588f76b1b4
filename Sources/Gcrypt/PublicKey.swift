import CGcrypt

/// An elliptic curve for ECDSA: a NIST curve (FIPS 186-5), a Brainpool curve (RFC 5639) or secp256k1 (SEC 2).
public enum Curve: String, CaseIterable, Sendable {
  /// P-256, secp256r1.
  case p256 = "NIST P-256"
  /// P-384, secp384r1.
  case p384 = "NIST P-384"
  /// P-521, secp521r1.
  case p521 = "NIST P-521"
  /// brainpoolP256r1.
  case brainpoolP256r1
  /// brainpoolP384r1.
  case brainpoolP384r1
  /// brainpoolP512r1.
  case brainpoolP512r1
  /// secp256k1.
  case secp256k1

  /// The number of bits of the field.
  var bits: Int {
    switch self {
    case .p256, .brainpoolP256r1, .secp256k1: 256
    case .p384, .brainpoolP384r1: 384
    case .brainpoolP512r1: 512
    case .p521: 521
    }
  }

  /// The number of bytes of a coordinate, of a scalar, and of each half of a signature.
  public var coordinateSize: Int { (bits + 7) / 8 }

  /// libgcrypt's name of the curve.
  var name: StaticString {
    switch self {
    case .p256: "NIST P-256"
    case .p384: "NIST P-384"
    case .p521: "NIST P-521"
    case .brainpoolP256r1: "brainpoolP256r1"
    case .brainpoolP384r1: "brainpoolP384r1"
    case .brainpoolP512r1: "brainpoolP512r1"
    case .secp256k1: "secp256k1"
    }
  }
}

/// A public key that signatures are verified with. Numbers are unsigned and big-endian.
public enum PublicKey: Hashable, Sendable {
  /// RSA: the modulus and the public exponent.
  case rsa(modulus: [UInt8], exponent: [UInt8])
  /// ECDSA: the point in SEC 1's uncompressed form, `04 x y`.
  case ecdsa(Curve, point: [UInt8])
  /// Ed25519 (RFC 8032): the 32 bytes of the point.
  case ed25519([UInt8])
}

/// The number or numbers of a signature, unsigned and big-endian.
public enum SignatureValue: Hashable, Sendable {
  /// RSA with PKCS#1 v1.5 (RFC 8017 section 8.2).
  case rsa([UInt8])
  /// ECDSA's r and s.
  case ecdsa(r: [UInt8], s: [UInt8])
  /// Ed25519's 64 bytes, R then S (RFC 8032 section 5.1.6).
  case ed25519([UInt8])
}

extension PublicKey {
  /// The fewest bits of an RSA modulus for verification. The reference demands as many.
  public static let minimumVerifyingBits = 2047
  /// The fewest bits of an RSA modulus for signing and encryption.
  public static let minimumSigningBits = 2048
  /// The most bits of an RSA modulus. More would only cost the verifier time.
  public static let maximumBits = 16384

  /// The number of bits of the modulus or of the curve's field.
  public var bits: Int {
    switch self {
    case .rsa(let modulus, _): Self.bitCount(modulus)
    case .ecdsa(let curve, _): curve.bits
    case .ed25519: 255
    }
  }

  static func bitCount(_ number: [UInt8]) -> Int {
    guard let first = number.firstIndex(where: { $0 != 0 }) else { return 0 }
    return (number.count - first) * 8 - number[first].leadingZeroBitCount
  }

  /// Whether an unsigned number is less than another.
  private static func isLess(_ left: [UInt8], _ right: [UInt8]) -> Bool {
    let (a, b) = (left.drop { $0 == 0 }, right.drop { $0 == 0 })
    return a.count != b.count ? a.count < b.count : a.lexicographicallyPrecedes(b)
  }

  /// Refuses keys that no careful program uses: an RSA modulus that is even, too short, or longer than
  /// ``maximumBits``; a public exponent that is even, below 3 or longer than 64 bits; a point that is not on
  /// its curve; an Ed25519 point that is not canonical or not of the prime order.
  ///
  /// - Throws: ``GcryptError`` with ``GcryptError/Condition/badKey``.
  public func validate(minimumBits: Int = PublicKey.minimumVerifyingBits) throws(GcryptError) {
    switch self {
    case .rsa(let modulus, let exponent):
      guard bits >= minimumBits else { throw GcryptError(.badKey, "use an RSA key of only \(bits) bits") }
      guard bits <= Self.maximumBits else { throw GcryptError(.badKey, "use an RSA key of \(bits) bits") }
      guard let low = modulus.last, low & 1 == 1 else {
        throw GcryptError(.badKey, "use an RSA key with an even modulus")
      }
      guard let low = exponent.last, low & 1 == 1, 2...64 ~= Self.bitCount(exponent) else {
        throw GcryptError(.badKey, "use an RSA key with such a public exponent")
      }
    case .ecdsa(let curve, let point):
      guard point.count == 2 * curve.coordinateSize + 1, point.first == 4 else {
        throw GcryptError(.badKey, "use an ECDSA key that is not an uncompressed point")
      }
      try checkPoint()
    case .ed25519(let point):
      guard point.count == Ed25519.pointSize else {
        throw GcryptError(.badKey, "use an Ed25519 key of \(point.count) bytes")
      }
      guard Ed25519.isPublicKey(point) else {
        throw GcryptError(.badKey, "use an Ed25519 key that is not a canonical point of the prime order")
      }
    }
  }

  private func checkPoint() throws(GcryptError) {
    let key = try expression()
    var context: gcry_ctx_t?
    try GcryptError.check(gcry_mpi_ec_new(&context, key.handle, nil), "read an elliptic curve key")
    defer { gcry_ctx_release(context) }
    let point = gcry_mpi_ec_get_point("q", context, 1)
    defer { gcry_mpi_point_release(point) }
    guard point != nil, gcry_mpi_ec_curve_point(point, context) != 0 else {
      throw GcryptError(.badKey, "use an elliptic curve key whose point is not on the curve")
    }
  }

  /// Whether the signature is by this key over the message.
  ///
  /// - Parameters:
  ///   - message: for RSA and ECDSA the digest, for Ed25519 the data that the format signs.
  ///   - hash: the digest's algorithm, which RSA's padding names; ECDSA and Ed25519 ignore it.
  /// - Returns: false for a well-formed signature of another key or message, and for a malformed one.
  /// - Throws: ``GcryptError`` if ``validate(minimumBits:)`` refuses the key, or libgcrypt fails.
  public func verify(
    _ signature: SignatureValue, of message: Span<UInt8>, hash: HashAlgorithm
  ) throws(GcryptError) -> Bool {
    try validate()
    if case (.ed25519(let point), .ed25519(let bytes)) = (self, signature) {
      return Ed25519.verifies(bytes, of: message, with: point)
    }
    guard let value = try signatureExpression(signature) else { return false }
    let data = try dataExpression(message, hash)
    let key = try expression()
    return gcry_pk_verify(value.handle, data.handle, key.handle) == 0
  }

  /// The key as an expression: `(public-key (rsa (n …) (e …)))` or similar.
  func expression() throws(GcryptError) -> SExpression {
    switch self {
    case .rsa(let modulus, let exponent):
      var builder = try SExpressionBuilder(valueBytes: modulus.count + exponent.count, isSecret: false)
      builder.open("public-key")
      builder.open("rsa")
      builder.pair("n", modulus.span)
      builder.pair("e", exponent.span)
      builder.close(2)
      return try builder.finish("read an RSA key")
    case .ecdsa(let curve, let point):
      var builder = try SExpressionBuilder(valueBytes: point.count, isSecret: false)
      builder.open("public-key")
      builder.open("ecc")
      builder.pair("curve", curve.name)
      builder.pair("q", point.span)
      builder.close(2)
      return try builder.finish("read an ECDSA key")
    case .ed25519: throw GcryptError(.badKey, "hand an Ed25519 key to libgcrypt")
    }
  }

  /// The signature, or nil if it is of another kind than the key, or its numbers cannot be a signature.
  private func signatureExpression(_ signature: SignatureValue) throws(GcryptError) -> SExpression? {
    switch (self, signature) {
    case (.rsa(let modulus, _), .rsa(let number)):
      // RFC 8017 section 5.2.2: the number must be below the modulus. Otherwise a signature could be written
      // in two ways.
      guard number.count <= modulus.count, Self.bitCount(number) > 0, Self.isLess(number, modulus) else {
        return nil
      }
      var builder = try SExpressionBuilder(valueBytes: number.count, isSecret: false)
      builder.open("sig-val")
      builder.open("rsa")
      builder.pair("s", number.span)
      builder.close(2)
      return try builder.finish("read an RSA signature")
    case (.ecdsa(let curve, _), .ecdsa(let r, let s)):
      let size = curve.coordinateSize
      // libgcrypt itself checks 0 < r, s < n.
      guard r.count <= size, s.count <= size, Self.bitCount(r) > 0, Self.bitCount(s) > 0 else { return nil }
      var builder = try SExpressionBuilder(valueBytes: 2 * size, isSecret: false)
      builder.open("sig-val")
      builder.open("ecdsa")
      builder.pair("r", r.span)
      builder.pair("s", s.span)
      builder.close(2)
      return try builder.finish("read an ECDSA signature")
    default: return nil
    }
  }

  /// The data to sign or verify, in the form for the key's algorithm.
  func dataExpression(_ message: Span<UInt8>, _ hash: HashAlgorithm) throws(GcryptError) -> SExpression {
    var builder = try SExpressionBuilder(valueBytes: message.count + Self.maximumBits / 8, isSecret: false)
    builder.open("data")
    switch self {
    case .rsa(let modulus, _):
      guard message.count == hash.digestSize else { throw GcryptError(.badValue, "sign such a digest") }
      if let prefix = hash.missingPrefix {
        builder.pair("flags", "raw")
        builder.pair("value", Self.encoded(message, prefix, count: (Self.bitCount(modulus) + 7) / 8).span)
        break
      }
      builder.pair("flags", "pkcs1")
      builder.open("hash")
      builder.atom(Array(hash.libraryName.utf8).span)
      builder.atom(message)
      builder.close()
    case .ecdsa(let curve, _):
      // FIPS 186-5 section 6.4.1: take as many leftmost bits of the digest as the order has. All orders
      // but that of P-521 have whole bytes, and no digest is longer than that one.
      builder.pair("flags", "raw")
      builder.pair("value", message.extracting(first: min(message.count, curve.coordinateSize)))
    case .ed25519: throw GcryptError(.badKey, "hand an Ed25519 key to libgcrypt")
    }
    builder.close()
    return try builder.finish("read the data to sign")
  }
}

extension PublicKey {
  /// A digest in the encoding of RFC 8017 section 9.2, as long as the modulus.
  fileprivate static func encoded(_ digest: Span<UInt8>, _ prefix: [UInt8], count: Int) -> [UInt8] {
    let info = prefix + digest.indices.map { digest[$0] }
    return [0, 1] + [UInt8](repeating: 0xFF, count: max(0, count - info.count - 3)) + [0] + info
  }
}

extension HashAlgorithm {
  /// The beginning of the DigestInfo (RFC 8017 section 9.2) of SHA-3, for which libgcrypt 1.10 has one byte.
  fileprivate var missingPrefix: [UInt8]? {
    let name: [UInt8] = [0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02]
    return switch self {
    case .sha3_256: [0x30, 0x31, 0x30, 0x0D] + name + [0x08, 0x05, 0x00, 0x04, 0x20]
    case .sha3_512: [0x30, 0x51, 0x30, 0x0D] + name + [0x0A, 0x05, 0x00, 0x04, 0x40]
    default: nil
    }
  }

  /// libgcrypt's name of the algorithm.
  var libraryName: String { String(cString: gcry_md_algo_name(identifier)) }
}
