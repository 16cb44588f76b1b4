import CGcrypt

/// Ways to derive keys from passphrases.
public enum KeyDerivation: Sendable {
  /// OpenPGP's simple S2K (RFC 9580 section 3.7.1.1).
  case simple(HashAlgorithm)
  /// OpenPGP's salted S2K (RFC 9580 section 3.7.1.2); the salt has 8 bytes.
  case salted(HashAlgorithm, salt: [UInt8])
  /// OpenPGP's iterated and salted S2K (RFC 9580 section 3.7.1.3); `count` bytes are hashed.
  case iterated(HashAlgorithm, salt: [UInt8], count: Int)
  /// PBKDF2 with HMAC (RFC 8018 section 5.2).
  case pbkdf2(HashAlgorithm, salt: [UInt8], iterations: Int)
  /// scrypt (RFC 7914): `cost` is N and `lanes` is p; the block size r is 8, as all known producers set it.
  case scrypt(salt: [UInt8], cost: Int, lanes: Int)

  /// Derives the key from a passphrase.
  ///
  /// - Throws: ``GcryptError`` for an empty passphrase (libgcrypt does not accept one), a salt of the wrong
  ///   length, or a parameter out of range.
  public func key(_ passphrase: Span<UInt8>, count: Int) throws(GcryptError) -> SecureBytes {
    let (algorithm, parameter, salt, iterations) = arguments
    guard iterations >= 0 else { throw GcryptError(.badValue, "derive a key") }
    var key = try SecureBytes(count: count)
    var output = key.mutableSpan
    let status = output.withUnsafeMutableBufferPointer { output in
      passphrase.withUnsafeBufferPointer { passphrase in
        salt.withUnsafeBufferPointer { salt in
          gcry_kdf_derive(
            passphrase.baseAddress, passphrase.count, algorithm, parameter, salt.baseAddress, salt.count,
            UInt(iterations), output.count, output.baseAddress)
        }
      }
    }
    try GcryptError.check(status, "derive a key from a passphrase")
    return key
  }

  private var arguments: (Int32, Int32, [UInt8], Int) {
    switch self {
    case .simple(let hash): (Int32(GCRY_KDF_SIMPLE_S2K.rawValue), hash.identifier, [], 0)
    case .salted(let hash, let salt): (Int32(GCRY_KDF_SALTED_S2K.rawValue), hash.identifier, salt, 0)
    case .iterated(let hash, let salt, let count):
      (Int32(GCRY_KDF_ITERSALTED_S2K.rawValue), hash.identifier, salt, count)
    case .pbkdf2(let hash, let salt, let iterations):
      (Int32(GCRY_KDF_PBKDF2.rawValue), hash.identifier, salt, iterations)
    case .scrypt(let salt, let cost, let lanes):
      // libgcrypt takes N as the algorithm's parameter and p as the iterations, with r fixed at 8.
      (Int32(GCRY_KDF_SCRYPT.rawValue), Int32(clamping: cost), salt, lanes)
    }
  }
}
