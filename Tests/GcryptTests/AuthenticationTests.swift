import Gcrypt
import Testing

/// Key derivation and authenticated encryption, against the vectors of their specifications.
@Suite struct AuthenticationTests {
  private func bytes(_ hexadecimal: String) -> [UInt8] {
    let digits = Array(hexadecimal)
    return stride(from: 0, to: digits.count, by: 2).compactMap {
      UInt8(String(digits[$0...($0 + 1)]), radix: 16)
    }
  }

  private func copy(_ key: borrowing SecureBytes) -> [UInt8] { key.span.indices.map { key.span[$0] } }

  /// RFC 7914, section 12: the vectors with a block size of 8.
  @Test(arguments: [
    (
      "password", "NaCl", 1024, 16,
      "fdbabe1c9d3472007856e7190d01e9fe7c6ad7cbc8237830e77376634b3731622eaf30d92e22a3886ff109279d9830dac727afb94a83ee6d8360cbdfa2cc0640"
    ),
    (
      "pleaseletmein", "SodiumChloride", 16384, 1,
      "7023bdcb3afd7348461c06cd81fd38ebfda8fbba904f8e3ea9b543f6545da1f2d5432955613f0fcf62d49705242a9af9e61e85dc0d651e40dfcf017b45575887"
    ),
  ]) func scrypt(passphrase: String, salt: String, cost: Int, lanes: Int, expected: String) throws {
    let phrase = Array(passphrase.utf8)
    let key = try KeyDerivation.scrypt(salt: Array(salt.utf8), cost: cost, lanes: lanes).key(
      phrase.span, count: 64)
    #expect(copy(key) == bytes(expected))
  }

  /// RFC 5869, appendix A.1 and A.3.
  @Test func extractAndExpand() throws {
    let secret = [UInt8](repeating: 0x0B, count: 22)
    let first = try ExtractAndExpand.key(
      .sha256, from: secret.span, salt: bytes("000102030405060708090a0b0c"),
      purpose: bytes("f0f1f2f3f4f5f6f7f8f9"), count: 42)
    #expect(
      copy(first)
        == bytes("3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865"))
    let third = try ExtractAndExpand.key(.sha256, from: secret.span, purpose: [], count: 42)
    #expect(
      copy(third)
        == bytes("8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8"))
    #expect(throws: GcryptError.self) {
      _ = try copy(ExtractAndExpand.key(.sha256, from: secret.span, purpose: [], count: 255 * 32 + 1))
    }
  }

  /// McGrew and Viega, *The Galois/Counter Mode of Operation*, test cases 16 and 17: vectors of 12 and of 8 bytes.
  @Test(arguments: [
    (
      "cafebabefacedbaddecaf888",
      "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662",
      "76fc6ece0f4e1768cddf8853bb2d551b"
    ),
    (
      "cafebabefacedbad",
      "c3762df1ca787d32ae47c13bf19844cbaf1ae14d0b976afac52ff7d79bba9de0feb582d33934a4f0954cc2363bc73f7862ac430e64abe499f47c9b1f",
      "3a337dbf46a792c45e454913fe2ea8f2"
    ),
  ]) func galoisCounterMode(iv: String, encrypted: String, tag: String) throws {
    let key = bytes("feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308")
    let plain = bytes(
      "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39"
    )
    let authenticated = bytes("feedfacedeadbeeffeedfacedeadbeefabaddad2")
    let cipher = try AuthenticatedCipher(key: key.span)
    var made = [UInt8](repeating: 0, count: plain.count)
    var madeTag = [UInt8](repeating: 0, count: 16)
    try made.withUnsafeMutableBytes { made in
      try madeTag.withUnsafeMutableBytes { madeTag in
        try plain.withUnsafeBytes { plain in
          try bytes(iv).withUnsafeBytes { iv in
            try authenticated.withUnsafeBytes {
              try cipher.encrypt(plain, into: made, iv: iv, authenticating: $0, tag: madeTag)
            }
          }
        }
      }
    }
    #expect(made == bytes(encrypted) && madeTag == bytes(tag))
    #expect(try decrypt(cipher, made, bytes(iv), authenticated, madeTag) == plain)
    // Every part counts; what does not belong together gives no bytes.
    for part in 0..<4 {
      var parts = [made, bytes(iv), authenticated, madeTag]
      parts[part][3] ^= 0x10
      #expect(try decrypt(cipher, parts[0], parts[1], parts[2], parts[3]) == nil)
    }
  }

  private func decrypt(
    _ cipher: AuthenticatedCipher, _ encrypted: [UInt8], _ iv: [UInt8], _ authenticated: [UInt8],
    _ tag: [UInt8]
  ) throws -> [UInt8]? {
    var plain = [UInt8](repeating: 0xFF, count: encrypted.count)
    let isRight = try plain.withUnsafeMutableBytes { plain in
      try encrypted.withUnsafeBytes { encrypted in
        try iv.withUnsafeBytes { iv in
          try authenticated.withUnsafeBytes { authenticated in
            try tag.withUnsafeBytes {
              try cipher.decrypt(encrypted, into: plain, iv: iv, authenticating: authenticated, tag: $0)
            }
          }
        }
      }
    }
    if !isRight { #expect(plain.allSatisfy { $0 == 0 }) }
    return isRight ? plain : nil
  }
}
