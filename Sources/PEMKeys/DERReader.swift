/// Reads DER (ITU-T X.690 section 10): only definite lengths in their shortest form.
///
/// It reads the bytes in place, so that secrets are not copied.
struct DERReader: ~Escapable {
  private let bytes: Span<UInt8>
  private var position = 0

  @_lifetime(copy bytes)
  init(_ bytes: Span<UInt8>) {
    self.bytes = bytes
  }

  static let integer: UInt8 = 0x02
  static let bitString: UInt8 = 0x03
  static let octetString: UInt8 = 0x04
  static let null: UInt8 = 0x05
  static let identifier: UInt8 = 0x06
  static let sequence: UInt8 = 0x30
  static let context0: UInt8 = 0xA0
  static let context1: UInt8 = 0xA1

  private var malformed: PEMError { PEMError(.malformedKey, "a key that is not what its label says") }

  /// The tag of the next value; nil at the end.
  var nextTag: UInt8? { position < bytes.count ? bytes[position] : nil }

  /// Throws unless everything was read.
  func finish() throws(PEMError) {
    guard position == bytes.count else { throw malformed }
  }

  /// The range of the contents of the next value, which must have that tag.
  private mutating func contents(_ tag: UInt8) throws(PEMError) -> Range<Int> {
    guard nextTag == tag, position + 1 < bytes.count else { throw malformed }
    var length = Int(bytes[position + 1])
    position += 2
    if length >= 0x80 {
      let count = length & 0x7F
      guard 1...3 ~= count, count <= bytes.count - position, bytes[position] != 0 else { throw malformed }
      length = 0
      for _ in 0..<count {
        length = length << 8 | Int(bytes[position])
        position += 1
      }
      guard length >= 0x80 else { throw malformed }
    }
    guard length <= bytes.count - position else { throw malformed }
    let start = position
    position += length
    return start..<position
  }

  /// The contents of the next value.
  @_lifetime(copy self)
  mutating func value(_ tag: UInt8) throws(PEMError) -> Span<UInt8> {
    let place = try contents(tag)
    return bytes.extracting(place)
  }

  /// A reader for the inside of the next value.
  @_lifetime(copy self)
  mutating func reader(_ tag: UInt8 = DERReader.sequence) throws(PEMError) -> DERReader {
    let place = try contents(tag)
    return DERReader(bytes.extracting(place))
  }

  /// A copy of the contents of the next value, for contents that are not secret.
  mutating func array(_ tag: UInt8) throws(PEMError) -> [UInt8] {
    let place = try contents(tag)
    return place.map { bytes[$0] }
  }

  /// A positive integer without its sign byte.
  @_lifetime(copy self)
  mutating func unsigned() throws(PEMError) -> Span<UInt8> {
    let place = try contents(Self.integer)
    guard let first = place.first, bytes[first] < 0x80 else { throw malformed }
    // The sign byte is only allowed if the next bit would be taken for a sign.
    guard place.count == 1 || bytes[first] != 0 || bytes[first + 1] >= 0x80 else { throw malformed }
    return bytes.extracting(place.count > 1 && bytes[first] == 0 ? first + 1..<place.upperBound : place)
  }

  /// A copy of a positive integer.
  mutating func unsignedArray() throws(PEMError) -> [UInt8] {
    let number = try unsigned()
    return number.indices.map { number[$0] }
  }

  /// A small positive integer.
  mutating func small() throws(PEMError) -> Int {
    let number = try unsigned()
    guard number.count <= 4 else { throw PEMError(.tooLarge, "a key with an immense parameter") }
    var value = 0
    for index in number.indices { value = value << 8 | Int(number[index]) }
    return value
  }

  /// A bit string that consists of whole bytes.
  mutating func bits() throws(PEMError) -> [UInt8] {
    let place = try contents(Self.bitString)
    guard let first = place.first, bytes[first] == 0 else { throw malformed }
    return place.dropFirst().map { bytes[$0] }
  }

  /// Skips the next value, whatever it is.
  mutating func skip() throws(PEMError) {
    guard let tag = nextTag else { throw malformed }
    _ = try contents(tag)
  }
}

/// Object identifiers, as they are encoded.
enum ObjectID {
  static let rsaEncryption: [UInt8] = [0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x01, 0x01]
  static let ecPublicKey: [UInt8] = [0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x02, 0x01]
  static let ed25519: [UInt8] = [0x2B, 0x65, 0x70]
  static let p256: [UInt8] = [0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x03, 0x01, 0x07]
  static let p384: [UInt8] = [0x2B, 0x81, 0x04, 0x00, 0x22]
  static let p521: [UInt8] = [0x2B, 0x81, 0x04, 0x00, 0x23]
  static let pbes2: [UInt8] = [0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x05, 0x0D]
  static let pbkdf2: [UInt8] = [0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x05, 0x0C]
  static let scrypt: [UInt8] = [0x2B, 0x06, 0x01, 0x04, 0x01, 0xDA, 0x47, 0x04, 0x0B]
  /// `hmacWith…` of RFC 8018; a last byte is added that selects the hash.
  static let hmac: [UInt8] = [0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x02]
  static let tripleDESCBC: [UInt8] = [0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x03, 0x07]
  static let aes128CBC: [UInt8] = [0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x01, 0x02]
  static let aes192CBC: [UInt8] = [0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x01, 0x16]
  /// Curves that are only named.
  static let curveNames: [[UInt8]: String] = [
    [0x2B, 0x81, 0x04, 0x00, 0x0A]: "secp256k1", [0x2B, 0x81, 0x04, 0x00, 0x21]: "P-224",
    [0x2B, 0x24, 0x03, 0x03, 0x02, 0x08, 0x01, 0x01, 0x07]: "brainpoolP256r1",
    [0x2B, 0x24, 0x03, 0x03, 0x02, 0x08, 0x01, 0x01, 0x0B]: "brainpoolP384r1",
    [0x2B, 0x24, 0x03, 0x03, 0x02, 0x08, 0x01, 0x01, 0x0D]: "brainpoolP512r1",
  ]
  /// Algorithms that are only named.
  static let algorithmNames: [[UInt8]: String] = [
    [0x2A, 0x86, 0x48, 0xCE, 0x38, 0x04, 0x01]: "DSA", [0x2B, 0x65, 0x6E]: "X25519",
    [0x2B, 0x65, 0x6F]: "X448",
    [0x2B, 0x65, 0x71]: "Ed448", [0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x01, 0x0A]: "RSA-PSS",
  ]
  static let aes256CBC: [UInt8] = [0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x01, 0x2A]
}
