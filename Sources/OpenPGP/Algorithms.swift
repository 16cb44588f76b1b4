import Gcrypt

/// Public-key algorithms by their numbers (RFC 9580 section 9.1).
struct PublicKeyAlgorithm: RawRepresentable, Hashable, Sendable {
  let rawValue: UInt8

  static let rsa = PublicKeyAlgorithm(rawValue: 1)
  static let rsaEncryptOnly = PublicKeyAlgorithm(rawValue: 2)
  static let rsaSignOnly = PublicKeyAlgorithm(rawValue: 3)
  static let elgamal = PublicKeyAlgorithm(rawValue: 16)
  static let dsa = PublicKeyAlgorithm(rawValue: 17)
  static let ecdh = PublicKeyAlgorithm(rawValue: 18)
  static let ecdsa = PublicKeyAlgorithm(rawValue: 19)
  /// Ed25519 as GnuPG and the old drafts encode it: a curve with an OID, and numbers as MPIs.
  static let eddsaLegacy = PublicKeyAlgorithm(rawValue: 22)
  static let x25519 = PublicKeyAlgorithm(rawValue: 25)
  static let x448 = PublicKeyAlgorithm(rawValue: 26)
  /// Ed25519 as RFC 9580 section 5.5.5.9 encodes it: 32 plain bytes.
  static let ed25519 = PublicKeyAlgorithm(rawValue: 27)
  static let ed448 = PublicKeyAlgorithm(rawValue: 28)

  /// Whether keys of the algorithm are only for encryption.
  var isForEncryption: Bool { [.rsaEncryptOnly, .elgamal, .ecdh, .x25519, .x448].contains(self) }

  /// The algorithm's name for people.
  var name: String {
    switch self {
    case .rsa, .rsaEncryptOnly, .rsaSignOnly: "RSA"
    case .elgamal: "Elgamal"
    case .dsa: "DSA"
    case .ecdh: "ECDH"
    case .ecdsa: "ECDSA"
    case .eddsaLegacy, .ed25519: "Ed25519"
    case .x25519: "X25519"
    case .x448: "X448"
    case .ed448: "Ed448"
    default: "algorithm \(rawValue)"
    }
  }
}

/// Hash algorithms by their numbers (RFC 9580 section 9.5).
struct HashID: RawRepresentable, Hashable, Sendable {
  let rawValue: UInt8

  static let sha1 = HashID(rawValue: 2)
  static let sha256 = HashID(rawValue: 8)

  /// The implementation; nil if this module does not accept the algorithm for signatures or S2K.
  var algorithm: HashAlgorithm? {
    switch rawValue {
    case 1: .md5
    case 2: .sha1
    case 3: .ripemd160
    case 8: .sha256
    case 9: .sha384
    case 10: .sha512
    case 11: .sha224
    case 12: .sha3_256
    case 14: .sha3_512
    default: nil
    }
  }

  /// The name that the `Hash` header of a cleartext signed message uses (RFC 9580 section 9.5).
  var headerName: String? {
    switch rawValue {
    case 1: "MD5"
    case 2: "SHA1"
    case 3: "RIPEMD160"
    case 8: "SHA256"
    case 9: "SHA384"
    case 10: "SHA512"
    case 11: "SHA224"
    case 12: "SHA3-256"
    case 14: "SHA3-512"
    default: nil
    }
  }

  /// Whether signatures over data may use it: SHA-2 and SHA-3.
  var isStrong: Bool { 8...11 ~= rawValue || rawValue == 12 || rawValue == 14 }
}

/// Symmetric algorithms by their numbers (RFC 9580 section 9.3).
enum SymmetricID {
  static func algorithm(_ number: UInt8) -> CipherAlgorithm? {
    switch number {
    case 2: .tripleDES
    case 3: .cast5
    case 4: .blowfish
    case 7: .aes128
    case 8: .aes192
    case 9: .aes256
    case 10: .twofish
    case 11: .camellia128
    case 12: .camellia192
    case 13: .camellia256
    default: nil
    }
  }
}

/// Curves by their object identifiers (RFC 9580 section 9.2), and secp256k1, which GnuPG has besides.
enum CurveOID {
  static let ed25519Legacy: [UInt8] = [0x2B, 0x06, 0x01, 0x04, 0x01, 0xDA, 0x47, 0x0F, 0x01]
  private static let brainpool: [UInt8] = [0x2B, 0x24, 0x03, 0x03, 0x02, 0x08, 0x01, 0x01]

  static func identifier(_ curve: Curve) -> [UInt8] {
    switch curve {
    case .p256: [0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x03, 0x01, 0x07]
    case .p384: [0x2B, 0x81, 0x04, 0x00, 0x22]
    case .p521: [0x2B, 0x81, 0x04, 0x00, 0x23]
    case .brainpoolP256r1: brainpool + [0x07]
    case .brainpoolP384r1: brainpool + [0x0B]
    case .brainpoolP512r1: brainpool + [0x0D]
    case .secp256k1: [0x2B, 0x81, 0x04, 0x00, 0x0A]
    }
  }

  static func curve(_ oid: [UInt8]) -> Curve? { Curve.allCases.first { identifier($0) == oid } }

  /// The identifier as people write it, such as `1.3.132.0.10`.
  static func text(_ oid: [UInt8]) -> String {
    guard let first = oid.first else { return "without an identifier" }
    var parts = [UInt64(min(first / 40, 2)), UInt64(first - min(first / 40, 2) * 40)]
    var value: UInt64 = 0
    for byte in oid.dropFirst() {
      value = value << 7 | UInt64(byte & 0x7F)
      guard byte & 0x80 == 0 else { continue }
      parts.append(value)
      value = 0
    }
    return parts.map(String.init).joined(separator: ".")
  }
}

/// The names of algorithms whose numbers others give.
public enum KeyAlgorithmName {
  /// The name for people of a public-key algorithm (RFC 9580 section 9.1), such as `RSA`.
  public static func text(_ number: Int) -> String {
    UInt8(exactly: number).map { PublicKeyAlgorithm(rawValue: $0).name } ?? "algorithm \(number)"
  }
}
