import Gcrypt

/// PKCS#8's EncryptedPrivateKeyInfo (RFC 5958 section 3) with PBES2 (RFC 8018 section 6.2).
enum EncryptedPrivateKey {
  /// The most iterations of PBKDF2 that are accepted: they take some seconds. OpenSSL's default is 2048.
  private static let maximumIterations = 10_000_000
  /// The most memory that scrypt may take, in bytes.
  private static let maximumMemory = 256 << 20

  static var wrongPassphrase: PEMError {
    PEMError(.wrongPassphrase, "the passphrase does not open the private key")
  }

  /// Decrypts the PrivateKeyInfo inside.
  ///
  /// - Parameter isGiven: whether there is a passphrase, which may be empty.
  static func decrypt(
    _ bytes: Span<UInt8>, _ passphrase: borrowing SecureBytes, isGiven: Bool
  ) throws(PEMError) -> SecureBytes {
    var outer = DERReader(bytes)
    var info = try outer.reader()
    try outer.finish()
    var identifier = try info.reader()
    guard try identifier.array(DERReader.identifier) == ObjectID.pbes2 else {
      throw PEMError(.unsupported, "a private key that is encrypted, but not with PBES2")
    }
    var parameters = try identifier.reader()
    var derivation = try parameters.reader()
    var scheme = try parameters.reader()
    let (cipher, iv) = try readCipher(&scheme)
    let function = try readDerivation(&derivation, keySize: cipher.keySize)
    let ciphertext = try info.value(DERReader.octetString)
    guard isGiven else { throw PEMError(.passphraseNeeded, "the private key is encrypted") }
    guard ciphertext.count > 0, ciphertext.count % cipher.blockSize == 0 else {
      throw PEMError(.malformedKey, "an encrypted private key of an impossible length")
    }
    let plain = try decrypt(ciphertext, cipher, iv, function, passphrase)
    return try unpadded(plain, blockSize: cipher.blockSize)
  }

  private static func decrypt(
    _ ciphertext: Span<UInt8>, _ cipher: CipherAlgorithm, _ iv: [UInt8], _ function: KeyDerivation,
    _ passphrase: borrowing SecureBytes
  ) throws(PEMError) -> SecureBytes {
    do {
      let key = try function.key(passphrase.span, count: cipher.keySize)
      var plain = try SecureBytes(copying: ciphertext)
      try Cipher.decrypt(&plain, cipher, .cbc, key: key.span, iv: iv)
      return plain
    } catch { throw PEMError(error) }
  }

  /// Removes the padding of RFC 8018 section 6.1.1.
  private static func unpadded(
    _ plain: borrowing SecureBytes, blockSize: Int
  ) throws(PEMError) -> SecureBytes {
    let span = plain.span
    let padding = Int(span[span.count - 1])
    guard 1...blockSize ~= padding else { throw wrongPassphrase }
    for index in span.count - padding..<span.count where Int(span[index]) != padding { throw wrongPassphrase }
    do { return try plain.copy(0..<plain.count - padding) } catch { throw PEMError(error) }
  }

  private static func readCipher(_ scheme: inout DERReader) throws(PEMError) -> (CipherAlgorithm, [UInt8]) {
    let cipher: CipherAlgorithm
    switch try scheme.array(DERReader.identifier) {
    case ObjectID.aes128CBC: cipher = .aes128
    case ObjectID.aes192CBC: cipher = .aes192
    case ObjectID.aes256CBC: cipher = .aes256
    case ObjectID.tripleDESCBC: cipher = .tripleDES
    default: throw PEMError(.unsupported, "a private key that is encrypted with neither AES nor triple DES")
    }
    let iv = try scheme.array(DERReader.octetString)
    guard iv.count == cipher.blockSize else { throw PEMError(.malformedKey, "an IV of the wrong length") }
    return (cipher, iv)
  }

  private static func readDerivation(
    _ reader: inout DERReader, keySize: Int
  ) throws(PEMError) -> KeyDerivation {
    let function = try reader.array(DERReader.identifier)
    var parameters = try reader.reader()
    let salt = try parameters.array(DERReader.octetString)
    switch function {
    case ObjectID.pbkdf2:
      let iterations = try parameters.small()
      guard 1...maximumIterations ~= iterations else {
        throw PEMError(.tooLarge, "\(iterations) iterations to open the private key")
      }
      try checkKeyLength(&parameters, keySize)
      return .pbkdf2(try readHMAC(&parameters), salt: salt, iterations: iterations)
    case ObjectID.scrypt:
      let cost = try parameters.small()
      let blocks = try parameters.small()
      let lanes = try parameters.small()
      try checkKeyLength(&parameters, keySize)
      guard blocks == 8 else { throw PEMError(.unsupported, "scrypt with a block size other than 8") }
      guard cost > 1, cost & (cost - 1) == 0, cost <= maximumMemory / (128 * blocks), 1...16 ~= lanes else {
        throw PEMError(.tooLarge, "scrypt that takes too much memory or time to open the private key")
      }
      return .scrypt(salt: salt, cost: cost, lanes: lanes)
    default: throw PEMError(.unsupported, "a private key whose passphrase is hashed in an unknown way")
    }
  }

  private static func checkKeyLength(_ parameters: inout DERReader, _ keySize: Int) throws(PEMError) {
    guard parameters.nextTag == DERReader.integer else { return }
    guard try parameters.small() == keySize else {
      throw PEMError(.malformedKey, "a key of the wrong length")
    }
  }

  /// RFC 8018 appendix A.2: the default is SHA-1.
  private static func readHMAC(_ parameters: inout DERReader) throws(PEMError) -> HashAlgorithm {
    guard parameters.nextTag == DERReader.sequence else { return .sha1 }
    var identifier = try parameters.reader()
    let name = try identifier.array(DERReader.identifier)
    guard name.count == 8, Array(name.prefix(7)) == ObjectID.hmac else {
      throw PEMError(.unsupported, "an unknown HMAC")
    }
    switch name[7] {
    case 7: return .sha1
    case 8: return .sha224
    case 9: return .sha256
    case 10: return .sha384
    case 11: return .sha512
    default: throw PEMError(.unsupported, "an unknown HMAC")
    }
  }
}
