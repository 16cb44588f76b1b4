import Gcrypt
import Testing

func bytes(_ hex: String) -> [UInt8] {
  var result: [UInt8] = []
  var high: UInt8?
  for digit in hex.compactMap(\.hexDigitValue) {
    if let first = high {
      result.append(first << 4 | UInt8(digit))
      high = nil
    } else {
      high = UInt8(digit)
    }
  }
  return result
}

private func verifies(
  _ key: PublicKey, _ signature: SignatureValue, _ message: [UInt8], _ hash: HashAlgorithm
) throws -> Bool {
  try key.verify(signature, of: message.span, hash: hash)
}

@Suite struct PublicKeyTests {
  /// RFC 6979 appendix A.2: the deterministic signatures of "sample".
  @Test(arguments: [
    (
      Curve.p256, HashAlgorithm.sha256, "C9AFA9D845BA75166B5C215767B1D6934E50C3DB36E89B127B8A622B120F6721",
      "EFD48B2AACB6A8FD1140DD9CD45E81D69D2C877B56AAF991C34D0EA84EAF3716",
      "F7CB1C942D657C41D436C7A1B6E29F65F3E900DBB9AFF4064DC4AB2F843ACDA8"
    ),
    (
      .p256, .sha512, "C9AFA9D845BA75166B5C215767B1D6934E50C3DB36E89B127B8A622B120F6721",
      "8496A60B5E9B47C825488827E0495B0E3FA109EC4568FD3F8D1097678EB97F00",
      "2362AB1ADBE2B8ADF9CB9EDAB740EA6049C028114F2460F96554F61FAE3302FE"
    ),
    (
      .p384, .sha384,
      "6B9D3DAD2E1B8C1C05B19875B6659F4DE23C3B667BF297BA9AA47740787137D896D5724E4C70A825F872C9EA60D2EDF5",
      "94EDBB92A5ECB8AAD4736E56C691916B3F88140666CE9FA73D64C4EA95AD133C81A648152E44ACF96E36DD1E80FABE46",
      "99EF4AEB15F178CEA1FE40DB2603138F130E740A19624526203B6351D0A3A94FA329C145786E679E7B82C71A38628AC8"
    ),
    (
      .p521, .sha256,
      "00FAD06DAA62BA3B25D2FB40133DA757205DE67F5BB0018FEE8C86E1B68C7E75CAA896EB32F1F47C70855836A6D16FCC1466"
        + "F6D8FBEC67DB89EC0C08B0E996B83538",
      "01511BB4D675114FE266FC4372B87682BAECC01D3CC62CF2303C92B3526012659D16876E25C7C1E57648F23B73564D67F61C6"
        + "F14D527D54972810421E7D87589E1A7",
      "004A171143A83163D6DF460AAF61522695F207A58B95C0644D87E52AA1A347916E4F7A72930B1BC06DBE22CE3F58264AFD23"
        + "704CBB63B29B931F7DE6C9D949A7ECFC"
    ),
  ])
  func ecdsaVectors(curve: Curve, hash: HashAlgorithm, secret: String, r: String, s: String) throws {
    let key = try PrivateKey.ecdsa(curve, scalar: bytes(secret).span, point: nil)
    let digest = try HashContext.digest(hash, Array("sample".utf8).span.bytes)
    let signature = try key.sign(digest.span, hash: hash)
    #expect(signature == .ecdsa(r: bytes(r), s: bytes(s)))
    #expect(try verifies(key.publicKey, signature, digest, hash))
    var other = digest
    other[0] ^= 1
    #expect(try !verifies(key.publicKey, signature, other, hash))
  }

  @Test func rsaSignsAndDecrypts() throws {
    let key = try PrivateKey.generateRSA(bits: 2048)
    let digest = try HashContext.digest(.sha256, Array("sample".utf8).span.bytes)
    let signature = try key.sign(digest.span, hash: .sha256)
    #expect(try verifies(key.publicKey, signature, digest, .sha256))
    #expect(try !verifies(key.publicKey, signature, digest, .sha512_256))
    let secret: [UInt8] = Array("64 random bytes".utf8)
    let encrypted = try key.publicKey.encryptOAEP(secret.span)
    #expect(encrypted.count == 256)
    let isDecrypted = try key.decryptOAEP(encrypted.span).equals(secret.span)
    #expect(isDecrypted)
    var damaged = encrypted
    damaged[100] ^= 1
    #expect(throws: GcryptError.self) { _ = try key.decryptOAEP(damaged.span).count }
  }

  @Test func weakKeysAreRefused() throws {
    // 2047 bits: enough for verifying, one too few for signing.
    let odd = [0x7F] + [UInt8](repeating: 0xFF, count: 255)
    #expect(throws: Never.self) { try PublicKey.rsa(modulus: odd, exponent: [1, 0, 1]).validate() }
    for key in [
      PublicKey.rsa(modulus: [0x3F] + odd.dropFirst(), exponent: [1, 0, 1]),
      .rsa(modulus: Array(odd.dropLast()) + [0xFE], exponent: [1, 0, 1]),
      .rsa(modulus: odd, exponent: [1]), .rsa(modulus: odd, exponent: [2]), .rsa(modulus: odd, exponent: []),
      .rsa(modulus: odd, exponent: [UInt8](repeating: 0xFF, count: 9)),
      .rsa(modulus: [UInt8](repeating: 0xFF, count: 2049), exponent: [1, 0, 1]),
      .rsa(modulus: [], exponent: [3]),
      .ecdsa(.p256, point: [4] + [UInt8](repeating: 1, count: 64)), .ecdsa(.p256, point: [4]), .ed25519([1]),
      .ed25519([UInt8](repeating: 0, count: 32)),
    ] {
      #expect(throws: GcryptError.self) { try key.validate() }
    }
    #expect(throws: GcryptError.self) {
      try PublicKey.rsa(modulus: odd, exponent: [1, 0, 1]).validate(minimumBits: PublicKey.minimumSigningBits)
    }
  }

  @Test func aPrivateKeyWithAnotherPublicKey() throws {
    let other = try PrivateKey.generateEd25519().publicKey
    guard case .ed25519(let point) = other else { return }
    let seed = [UInt8](repeating: 7, count: 32)
    #expect(throws: GcryptError.self) { _ = try PrivateKey.ed25519(seed: seed.span, point: point).publicKey }
  }
}

@Suite struct SymmetricTests {
  /// NIST SP 800-38A, F.3.13 (CFB128-AES128) and F.2.1 (CBC-AES128).
  @Test(arguments: [
    (CipherMode.cfb, "3b3fd92eb72dad20333449f8e83cfb4a"), (.cbc, "7649abac8119b246cee98e9b12e9197d"),
  ])
  func cipherVectors(mode: CipherMode, expected: String) throws {
    let key = bytes("2b7e151628aed2a6abf7158809cf4f3c")
    let iv = bytes("000102030405060708090a0b0c0d0e0f")
    let plain = bytes("6bc1bee22e409f96e93d7e117393172a")
    var data = try SecureBytes(copying: plain.span)
    try Cipher.encrypt(&data, .aes128, mode, key: key.span, iv: iv)
    let isExpected = data.equals(bytes(expected).span)
    #expect(isExpected)
    try Cipher.decrypt(&data, .aes128, mode, key: key.span, iv: iv)
    let isPlain = data.equals(plain.span)
    #expect(isPlain)
    do {
      try Cipher.decrypt(&data, .aes256, mode, key: key.span, iv: iv)
      Issue.record("a key of another length was taken")
    } catch {
      #expect(error.isCondition(.badValue))
    }
  }

  /// RFC 7914 section 11 (PBKDF2-HMAC-SHA-256, one iteration).
  @Test func pbkdf2Vector() throws {
    let derivation = KeyDerivation.pbkdf2(.sha256, salt: Array("salt".utf8), iterations: 1)
    let key = try derivation.key(Array("passwd".utf8).span, count: 64)
    let isExpected = key.equals(
      bytes(
        "55ac046e56e3089fec1691c22544b605f94185216dde0465e68b9d57c20dacbc"
          + "49ca9cccf179b645991664b39d77ef317c71b845b1e30bd509112041d3a19783"
      ).span)
    #expect(isExpected)
  }
}
