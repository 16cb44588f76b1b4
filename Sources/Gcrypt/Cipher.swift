import CGcrypt

/// A block cipher that protects private keys or volumes.
public struct CipherAlgorithm: Hashable, Sendable {
  /// libgcrypt's number of the algorithm (`enum gcry_cipher_algos`).
  public let identifier: Int32
  /// The number of bytes of a key.
  public let keySize: Int
  /// The number of bytes of a block, and of an initialization vector.
  public let blockSize: Int

  private init(_ identifier: gcry_cipher_algos, key: Int, block: Int) {
    self.identifier = Int32(identifier.rawValue)
    keySize = key
    blockSize = block
  }

  /// AES (FIPS 197) with 128 bits.
  public static let aes128 = CipherAlgorithm(GCRY_CIPHER_AES, key: 16, block: 16)
  /// AES with 192 bits.
  public static let aes192 = CipherAlgorithm(GCRY_CIPHER_AES192, key: 24, block: 16)
  /// AES with 256 bits.
  public static let aes256 = CipherAlgorithm(GCRY_CIPHER_AES256, key: 32, block: 16)
  /// Triple DES with three keys, as old private keys use it.
  public static let tripleDES = CipherAlgorithm(GCRY_CIPHER_3DES, key: 24, block: 8)
  /// CAST-128 (RFC 2144), as old private keys use it.
  public static let cast5 = CipherAlgorithm(GCRY_CIPHER_CAST5, key: 16, block: 8)
  /// Blowfish with 128 bits, as old private keys use it.
  public static let blowfish = CipherAlgorithm(GCRY_CIPHER_BLOWFISH, key: 16, block: 8)
  /// Twofish with 256 bits.
  public static let twofish = CipherAlgorithm(GCRY_CIPHER_TWOFISH, key: 32, block: 16)
  /// Camellia (RFC 3713) with 128 bits.
  public static let camellia128 = CipherAlgorithm(GCRY_CIPHER_CAMELLIA128, key: 16, block: 16)
  /// Camellia with 192 bits.
  public static let camellia192 = CipherAlgorithm(GCRY_CIPHER_CAMELLIA192, key: 24, block: 16)
  /// Camellia with 256 bits.
  public static let camellia256 = CipherAlgorithm(GCRY_CIPHER_CAMELLIA256, key: 32, block: 16)
  /// Twofish with 128 bits.
  public static let twofish128 = CipherAlgorithm(GCRY_CIPHER_TWOFISH128, key: 16, block: 16)
  /// Serpent with 128 bits.
  public static let serpent128 = CipherAlgorithm(GCRY_CIPHER_SERPENT128, key: 16, block: 16)
  /// Serpent with 256 bits.
  public static let serpent256 = CipherAlgorithm(GCRY_CIPHER_SERPENT256, key: 32, block: 16)

  /// The same cipher with a key of 256 bits.
  var widened: CipherAlgorithm {
    switch self {
    case .aes128, .aes192: .aes256
    case .twofish128: .twofish
    case .serpent128: .serpent256
    case .camellia128, .camellia192: .camellia256
    default: self
    }
  }
}

/// The ways to chain a block cipher.
public enum CipherMode: Sendable {
  /// Cipher feedback over whole blocks (NIST SP 800-38A), as OpenPGP uses it.
  case cfb
  /// Cipher block chaining without padding (NIST SP 800-38A), as PKCS#8 uses it.
  case cbc

  var identifier: Int32 {
    switch self {
    case .cfb: Int32(GCRY_CIPHER_MODE_CFB.rawValue)
    case .cbc: Int32(GCRY_CIPHER_MODE_CBC.rawValue)
    }
  }
}

/// Encryption of private keys: small secrets, in place, in secure memory.
public enum Cipher {
  /// Decrypts bytes in place.
  ///
  /// - Throws: ``GcryptError`` if the key, the vector or (for CBC) the number of bytes does not fit the cipher.
  public static func decrypt(
    _ bytes: inout SecureBytes, _ algorithm: CipherAlgorithm, _ mode: CipherMode, key: Span<UInt8>,
    iv: [UInt8]
  ) throws(GcryptError) {
    try apply(&bytes, algorithm, mode, key, iv, "decrypt a private key", gcry_cipher_decrypt)
  }

  /// Encrypts bytes in place.
  ///
  /// - Throws: ``GcryptError`` if the key, the vector or (for CBC) the number of bytes does not fit the cipher.
  public static func encrypt(
    _ bytes: inout SecureBytes, _ algorithm: CipherAlgorithm, _ mode: CipherMode, key: Span<UInt8>,
    iv: [UInt8]
  ) throws(GcryptError) {
    try apply(&bytes, algorithm, mode, key, iv, "encrypt a private key", gcry_cipher_encrypt)
  }

  private typealias Function = (
    gcry_cipher_hd_t?, UnsafeMutableRawPointer?, Int, UnsafeRawPointer?, Int
  ) -> gcry_error_t

  private static func apply(
    _ bytes: inout SecureBytes, _ algorithm: CipherAlgorithm, _ mode: CipherMode, _ key: Span<UInt8>,
    _ iv: [UInt8], _ operation: String, _ function: Function
  ) throws(GcryptError) {
    guard key.count == algorithm.keySize, iv.count == algorithm.blockSize else {
      throw GcryptError(.badValue, operation)
    }
    var cipher: gcry_cipher_hd_t?
    let secure = UInt32(GCRY_CIPHER_SECURE.rawValue)
    try GcryptError.check(
      gcry_cipher_open(&cipher, algorithm.identifier, mode.identifier, secure), operation)
    defer { gcry_cipher_close(cipher) }
    try GcryptError.check(
      key.withUnsafeBufferPointer { gcry_cipher_setkey(cipher, $0.baseAddress, $0.count) }, operation)
    try GcryptError.check(
      iv.withUnsafeBufferPointer { gcry_cipher_setiv(cipher, $0.baseAddress, $0.count) }, operation)
    var span = bytes.mutableSpan
    let status = span.withUnsafeMutableBufferPointer { function(cipher, $0.baseAddress, $0.count, nil, 0) }
    try GcryptError.check(status, operation)
  }
}
