import CGcrypt

/// A private key, held in secure memory.
public struct PrivateKey: ~Copyable, @unchecked Sendable {
  /// The secret, in the form of the library that computes with it. It is not private, because functions that
  /// the optimizer moves to other modules refer to the type.
  enum Secret: ~Copyable {
    case gcrypt(SExpression)
    case sodium(Ed25519PrivateKey)
  }

  private let secret: Secret
  /// The public key of the pair.
  public let publicKey: PublicKey

  private init(_ secret: consuming Secret, _ publicKey: PublicKey) {
    self.secret = secret
    self.publicKey = publicKey
  }

  /// Makes an RSA key from its numbers. The primes may come in either order: formats differ in that, and in
  /// which of the two coefficients they store.
  ///
  /// - Throws: ``GcryptError`` if the numbers do not belong together or the key is smaller than
  ///   ``PublicKey/minimumSigningBits``.
  ///   ``PublicKey/minimumSigningBits``.
  public static func rsa(
    modulus: [UInt8], exponent: [UInt8], privateExponent: Span<UInt8>, p: Span<UInt8>, q: Span<UInt8>
  ) throws(GcryptError) -> PrivateKey {
    let publicKey = PublicKey.rsa(modulus: modulus, exponent: exponent)
    try publicKey.validate(minimumBits: PublicKey.minimumSigningBits)
    // Larger numbers cannot belong to a key of that modulus, and computing with them could take hours.
    let (d, p, q) = (digits(privateExponent), digits(p), digits(q))
    guard max(d.count, p.count, q.count) <= (publicKey.bits + 7) / 8 else {
      throw GcryptError(.badKey, "use a private key whose numbers do not belong together")
    }
    let (small, large) = Self.precedes(p, q) ? (p, q) : (q, p)
    let coefficient = try SecureInteger.inverse(of: small, modulo: large)
    let bytes = modulus.count + exponent.count + d.count + p.count + q.count + coefficient.count
    var builder = try SExpressionBuilder(valueBytes: bytes, isSecret: true)
    builder.open("private-key")
    builder.open("rsa")
    builder.pair("n", modulus.span)
    builder.pair("e", exponent.span)
    builder.pair("d", d)
    builder.pair("p", small)
    builder.pair("q", large)
    builder.pair("u", coefficient.span)
    builder.close(2)
    return try checked(try builder.finish("read an RSA private key"), publicKey)
  }

  /// Makes an ECDSA key from its scalar and its point, if the format stores one; otherwise the point is computed.
  ///
  /// - Throws: ``GcryptError`` if the point does not belong to the scalar.
  public static func ecdsa(
    _ curve: Curve, scalar: Span<UInt8>, point: [UInt8]?
  ) throws(GcryptError) -> PrivateKey {
    let scalar = digits(scalar)
    guard scalar.count <= curve.coordinateSize else {
      throw GcryptError(.badKey, "use an ECDSA private key of \(scalar.count) bytes")
    }
    var builder = try SExpressionBuilder(valueBytes: scalar.count, isSecret: true)
    builder.open("private-key")
    builder.open("ecc")
    builder.pair("curve", curve.name)
    builder.pair("d", scalar)
    builder.close(2)
    let bare = try builder.finish("read an ECDSA private key")
    let computed = try publicPoint(bare)
    guard point == nil || point == computed else {
      throw GcryptError(.badKey, "use an ECDSA private key with another key's public point")
    }
    var full = try SExpressionBuilder(valueBytes: scalar.count + computed.count, isSecret: true)
    full.open("private-key")
    full.open("ecc")
    full.pair("curve", curve.name)
    full.pair("q", computed.span)
    full.pair("d", scalar)
    full.close(2)
    let publicKey = PublicKey.ecdsa(curve, point: computed)
    try publicKey.validate()
    return try checked(try full.finish("read an ECDSA private key"), publicKey)
  }

  /// Makes an Ed25519 key from its 32 secret bytes (RFC 8032 section 5.1.5) and its point, if the format stores one.
  ///
  /// - Throws: ``GcryptError`` if the point does not belong to the secret.
  public static func ed25519(seed: Span<UInt8>, point: [UInt8]?) throws(GcryptError) -> PrivateKey {
    let secret = try Ed25519PrivateKey(seed: seed)
    let computed = secret.point
    guard point == nil || point == computed else {
      throw GcryptError(.badKey, "use an Ed25519 private key with another key's public point")
    }
    return PrivateKey(.sodium(secret), .ed25519(computed))
  }

  /// A number without its leading zero bytes.
  @_lifetime(copy number)
  private static func digits(_ number: Span<UInt8>) -> Span<UInt8> {
    var first = 0
    while first < number.count, number[first] == 0 { first += 1 }
    return number.extracting(droppingFirst: first)
  }

  /// Whether one unsigned number is less than another.
  private static func precedes(_ left: Span<UInt8>, _ right: Span<UInt8>) -> Bool {
    let (left, right) = (digits(left), digits(right))
    if left.count != right.count { return left.count < right.count }
    for index in left.indices where left[index] != right[index] { return left[index] < right[index] }
    return false
  }

  private static func publicPoint(_ key: borrowing SExpression) throws(GcryptError) -> [UInt8] {
    var point: gcry_sexp_t?
    var context: gcry_ctx_t?
    try GcryptError.check(gcry_mpi_ec_new(&context, key.handle, nil), "read an elliptic curve key")
    defer { gcry_ctx_release(context) }
    try GcryptError.check(
      gcry_pubkey_get_sexp(&point, Int32(GCRY_PK_GET_PUBKEY), context), "compute a public key")
    guard let point else { throw GcryptError(.general, "compute a public key") }
    return try SExpression(owning: point).value("q")
  }

  private static func checked(
    _ key: consuming SExpression, _ publicKey: PublicKey
  ) throws(GcryptError) -> PrivateKey {
    try GcryptError.check(
      gcry_pk_testkey(key.handle), "use a private key whose numbers do not belong together")
    return PrivateKey(.gcrypt(key), publicKey)
  }

  // MARK: Generation

  /// Generates an Ed25519 key.
  public static func generateEd25519() throws(GcryptError) -> PrivateKey {
    let seed = try SecureBytes(randomCount: 32)
    return try ed25519(seed: seed.span, point: nil)
  }

  /// Generates an RSA key of that many bits, with the exponent 65537. 4096 bits take some seconds.
  public static func generateRSA(bits: Int) throws(GcryptError) -> PrivateKey {
    guard PublicKey.minimumSigningBits...PublicKey.maximumBits ~= bits else {
      throw GcryptError(.badValue, "generate an RSA key of \(bits) bits")
    }
    var builder = try SExpressionBuilder(valueBytes: 16, isSecret: true)
    builder.open("genkey")
    builder.open("rsa")
    builder.pair("nbits", Array(String(bits).utf8).span)
    builder.pair("rsa-use-e", "65537")
    builder.close(2)
    let parameters = try builder.finish("generate an RSA key")
    var generated: gcry_sexp_t?
    try GcryptError.check(gcry_pk_genkey(&generated, parameters.handle), "generate an RSA key")
    guard let generated else { throw GcryptError(.general, "generate an RSA key") }
    let pair = SExpression(owning: generated)
    guard let secret = gcry_sexp_find_token(pair.handle, "private-key", 0) else {
      throw GcryptError(.general, "generate an RSA key")
    }
    let publicKey = PublicKey.rsa(modulus: try pair.value("n"), exponent: try pair.value("e"))
    return PrivateKey(.gcrypt(SExpression(owning: secret)), publicKey)
  }

  // MARK: Parts

  /// A secret number of the key: `d`, `p`, `q` or `u` of RSA (u is the inverse of p modulo q), `d` of the others.
  ///
  /// - Throws: ``GcryptError`` if the key does not have such a number.
  public borrowing func part(_ name: StaticString) throws(GcryptError) -> SecureBytes {
    switch secret {
    case .gcrypt(let expression): return try expression.secret(name)
    case .sodium(let key):
      guard name.utf8CodeUnitCount == 1, name.utf8Start[0] == UInt8(ascii: "d") else {
        throw GcryptError(.badKey, "find a value of a private key")
      }
      return try key.seed()
    }
  }

  // MARK: Use

  /// Signs a message, always with the same result for the same key and message (RFC 6979 for ECDSA).
  ///
  /// - Parameters:
  ///   - message: for RSA and ECDSA the digest, for Ed25519 the data that the format signs.
  ///   - hash: the digest's algorithm.
  /// - Throws: ``GcryptError`` if the digest does not fit its algorithm, or libgcrypt fails.
  public borrowing func sign(
    _ message: Span<UInt8>, hash: HashAlgorithm
  ) throws(GcryptError) -> SignatureValue {
    switch secret {
    case .gcrypt(let expression): return try sign(message, hash, expression)
    case .sodium(let key): return .ed25519(try key.sign(message))
    }
  }

  private borrowing func sign(
    _ message: Span<UInt8>, _ hash: HashAlgorithm, _ secret: borrowing SExpression
  ) throws(GcryptError) -> SignatureValue {
    let data: SExpression
    if case .ecdsa = publicKey {
      guard message.count == hash.digestSize else { throw GcryptError(.badValue, "sign such a digest") }
      var builder = try SExpressionBuilder(valueBytes: message.count, isSecret: false)
      builder.open("data")
      builder.pair("flags", "rfc6979")
      builder.open("hash")
      builder.atom(Array(hash.libraryName.utf8).span)
      builder.atom(message)
      builder.close(2)
      data = try builder.finish("read the data to sign")
    } else {
      data = try publicKey.dataExpression(message, hash)
    }
    var result: gcry_sexp_t?
    try GcryptError.check(gcry_pk_sign(&result, data.handle, secret.handle), "sign")
    guard let result else { throw GcryptError(.general, "sign") }
    let signature = SExpression(owning: result)
    switch publicKey {
    case .rsa(let modulus, _): return .rsa(Self.padded(try signature.value("s"), modulus.count))
    case .ecdsa(let curve, _):
      let (r, s) = (try signature.value("r"), try signature.value("s"))
      return .ecdsa(r: Self.padded(r, curve.coordinateSize), s: Self.padded(s, curve.coordinateSize))
    case .ed25519: throw GcryptError(.badKey, "hand an Ed25519 key to libgcrypt")
    }
  }

  /// A number with exactly that many bytes: libgcrypt adds a zero byte before a set top bit and drops leading zeros.
  private static func padded(_ number: [UInt8], _ count: Int) -> [UInt8] {
    let digits = number.drop { $0 == 0 }
    return [UInt8](repeating: 0, count: max(0, count - digits.count)) + digits
  }

  /// Decrypts bytes that were encrypted to this RSA key with OAEP, SHA-256 and an empty label (RFC 8017 section 7.1).
  ///
  /// - Throws: ``GcryptError`` if the key is not an RSA key, or the bytes were not encrypted to it.
  public borrowing func decryptOAEP(_ ciphertext: Span<UInt8>) throws(GcryptError) -> SecureBytes {
    guard case .rsa(let modulus, _) = publicKey, ciphertext.count == modulus.drop(while: { $0 == 0 }).count
    else { throw GcryptError(.badValue, "decrypt data that is not as long as the RSA key") }
    var builder = try SExpressionBuilder(valueBytes: ciphertext.count, isSecret: true)
    builder.open("enc-val")
    builder.pair("flags", "oaep")
    builder.pair("hash-algo", "sha256")
    builder.open("rsa")
    builder.pair("a", ciphertext)
    builder.close(2)
    let data = try builder.finish("read the data to decrypt")
    var result: gcry_sexp_t?
    let status =
      switch secret {
      case .gcrypt(let expression): gcry_pk_decrypt(&result, data.handle, expression.handle)
      case .sodium: UInt32(GPG_ERR_WRONG_PUBKEY_ALGO.rawValue)
      }
    try GcryptError.check(status, "decrypt with an RSA key")
    guard let result else { throw GcryptError(.general, "decrypt with an RSA key") }
    return try SExpression(owning: result).secret("value")
  }
}

extension PublicKey {
  /// Encrypts bytes to this RSA key with OAEP, SHA-256 and an empty label (RFC 8017 section 7.1). The result is
  /// as long as the modulus.
  ///
  /// - Throws: ``GcryptError`` if the key is not an RSA key of ``minimumSigningBits``, or there are too many bytes.
  public func encryptOAEP(_ plaintext: Span<UInt8>) throws(GcryptError) -> [UInt8] {
    guard case .rsa(let modulus, _) = self else {
      throw GcryptError(.badKey, "encrypt with a key that is not an RSA key")
    }
    try validate(minimumBits: Self.minimumSigningBits)
    var builder = try SExpressionBuilder(valueBytes: plaintext.count, isSecret: true)
    builder.open("data")
    builder.pair("flags", "oaep")
    builder.pair("hash-algo", "sha256")
    builder.pair("value", plaintext)
    builder.close()
    let data = try builder.finish("read the data to encrypt")
    let key = try expression()
    var result: gcry_sexp_t?
    try GcryptError.check(gcry_pk_encrypt(&result, data.handle, key.handle), "encrypt with an RSA key")
    guard let result else { throw GcryptError(.general, "encrypt with an RSA key") }
    let digits = try SExpression(owning: result).value("a").drop { $0 == 0 }
    let count = modulus.drop { $0 == 0 }.count
    return [UInt8](repeating: 0, count: max(0, count - digits.count)) + digits
  }
}
