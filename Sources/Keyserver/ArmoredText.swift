import Bytes

/// Finds armored keys in what a key server answered.
enum ArmoredText {
  private static let begin = Array("-----BEGIN PGP PUBLIC KEY BLOCK-----".utf8)
  private static let end = Array("-----END PGP PUBLIC KEY BLOCK-----".utf8)

  /// The armored blocks of public keys anywhere in a text, one after the other, each on lines of its own: key servers put
  /// them into web pages, too. Nil if there is none.
  static func blocks(in text: [UInt8]) -> [UInt8]? {
    var result: [UInt8] = []
    var rest = text[...]
    while let start = rest.firstRange(of: begin)?.lowerBound,
      let end = rest[start...].firstRange(of: Self.end)?.upperBound
    {
      result += rest[start..<end]
      result.append(0x0A)
      rest = rest[end...]
    }
    return result.isEmpty ? nil : result
  }
}
