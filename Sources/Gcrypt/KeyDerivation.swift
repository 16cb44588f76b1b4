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
  /// - Throws: ``GcryptError`` for a salt of the wrong length, or a parameter out of range.
  public func key(_ passphrase: Span<UInt8>, count: Int) throws(GcryptError) -> SecureBytes {
    if passphrase.isEmpty, let key = try keyOfEmptyPassphrase(count: count) { return key }
    let (algorithm, parameter, salt, iterations) = arguments
    guard iterations >= 0 else { throw GcryptError(.badValue, "derive a key") }
    var key = try SecureBytes(count: count)
    var output = key.mutableSpan
    // libgcrypt refuses an address that is null, even of no bytes.
    let nothing: [UInt8] = [0]
    let phrase = passphrase.isEmpty ? nothing.span : passphrase
    let phraseCount = passphrase.count
    let status = output.withUnsafeMutableBufferPointer { output in
      phrase.withUnsafeBufferPointer { phrase in
        salt.withUnsafeBufferPointer { salt in
          gcry_kdf_derive(
            phrase.baseAddress, phraseCount, algorithm, parameter, salt.baseAddress, salt.count,
            UInt(iterations), output.count, output.baseAddress)
        }
      }
    }
    try GcryptError.check(status, "derive a key from a passphrase")
    return key
  }

  /// The key that OpenPGP derives from the empty passphrase, for which libgcrypt has no answer; nil for ways that are not
  /// OpenPGP's.
  private func keyOfEmptyPassphrase(count: Int) throws(GcryptError) -> SecureBytes? {
    let (hash, salt, hashedCount): (HashAlgorithm, [UInt8], Int)
    switch self {
    case .simple(let algorithm): (hash, salt, hashedCount) = (algorithm, [], 0)
    case .salted(let algorithm, let bytes): (hash, salt, hashedCount) = (algorithm, bytes, bytes.count)
    // The salt is hashed at least once, however low the count.
    case .iterated(let algorithm, let bytes, let count):
      (hash, salt, hashedCount) = (algorithm, bytes, max(count, bytes.count))
    case .pbkdf2, .scrypt: return nil
    }
    // The salt many times over, so that the digest takes few steps.
    let repeated = Array(repeatElement(salt, count: salt.isEmpty ? 0 : 8192 / salt.count + 1).joined())
    var key = try SecureBytes(count: count)
    var used = 0
    var zeros: [UInt8] = []
    while used < count {
      var context = try HashContext(hash)
      context.update(zeros.span.bytes)
      var rest = hashedCount
      while rest > 0 {
        // Whole salts: the next step goes on with the first byte of one.
        let step = min(rest, repeated.count)
        context.update(repeated.span.extracting(first: step).bytes)
        rest -= step
      }
      var target = key.mutableSpan
      for byte in context.finalize().prefix(count - used) {
        target[used] = byte
        used += 1
      }
      // RFC 9580 section 3.7.1.1: each further digest begins with one zero byte more.
      zeros.append(0)
    }
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
