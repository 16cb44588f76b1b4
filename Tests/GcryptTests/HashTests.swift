import Gcrypt
import Testing

/// Digests of the published test vectors: FIPS 180-4's and RFC 7693's "abc".
@Suite struct HashTests {
  private static func hex(_ algorithm: HashAlgorithm, _ text: String) throws -> String {
    var context = try HashContext(algorithm)
    context.update(Array(text.utf8).span.bytes)
    return context.finalize().map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
  }

  @Test(arguments: [
    (HashAlgorithm.sha224, "23097d223405d8228642a477bda255b32aadbce4bda0b3f7e36c9da7"),
    (.sha256, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
    (.sha512_256, "53048e2681941ef99b2e29b76b4c7dabe4c2d0c634fc6d46e0e2f13107e7af23"),
    (.blake2s_256, "508c5e8c327c14e2e1a72ba34eeb452f37458b209ed63a294d999b4c86675982"),
  ])
  func abc(algorithm: HashAlgorithm, expected: String) throws {
    #expect(try Self.hex(algorithm, "abc") == expected)
  }

  @Test func theEmptyMessage() throws {
    #expect(
      try Self.hex(.sha256, "") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
  }
}
