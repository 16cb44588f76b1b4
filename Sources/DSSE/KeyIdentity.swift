import Bytes
import Gcrypt

extension PublicKey {
  /// The key's SSH fingerprint, which serves as its id in envelopes: `SHA256:` and the base64, without
  /// padding, of the SHA-256 of the key in SSH's wire form (RFC 4253 section 6.6, RFC 5656 section 3.1, RFC
  /// 8709 section 4).
  public func sshFingerprint() throws(GcryptError) -> String {
    let digest = try HashContext.digest(.sha256, sshWireForm.span.bytes)
    let text = Base64.encode(digest).filter { $0 != UInt8(ascii: "=") }
    return "SHA256:" + String(decoding: text, as: UTF8.self)
  }

  private var sshWireForm: [UInt8] {
    switch self {
    case .rsa(let modulus, let exponent):
      Self.field("ssh-rsa") + Self.integer(exponent) + Self.integer(modulus)
    case .ecdsa(let curve, let point):
      Self.field("ecdsa-sha2-\(curve.sshName)") + Self.field(curve.sshName) + Self.field(point)
    case .ed25519(let point): Self.field("ssh-ed25519") + Self.field(point)
    }
  }

  private static func field(_ text: String) -> [UInt8] { field(Array(text.utf8)) }

  private static func field(_ bytes: [UInt8]) -> [UInt8] {
    withUnsafeBytes(of: UInt32(truncatingIfNeeded: bytes.count).bigEndian) { Array($0) } + bytes
  }

  /// A number in the form of RFC 4251 section 5: with a zero byte before a set top bit.
  private static func integer(_ number: [UInt8]) -> [UInt8] {
    let digits = Array(number.drop { $0 == 0 })
    return field(digits.first.map { $0 >= 0x80 } == true ? [0] + digits : digits)
  }
}

extension Curve {
  /// RFC 5656 section 6.1: the name that SSH has for the curve, or else its object identifier.
  fileprivate var sshName: String {
    switch self {
    case .p256: "nistp256"
    case .p384: "nistp384"
    case .p521: "nistp521"
    case .brainpoolP256r1: "1.3.36.3.3.2.8.1.1.7"
    case .brainpoolP384r1: "1.3.36.3.3.2.8.1.1.11"
    case .brainpoolP512r1: "1.3.36.3.3.2.8.1.1.13"
    case .secp256k1: "1.3.132.0.10"
    }
  }
}

/// ECDSA signatures as DER: a sequence of two integers (RFC 3279 section 2.2.3).
enum ECDSASignature {
  static func encode(r: [UInt8], s: [UInt8]) -> [UInt8] {
    let body = integer(r) + integer(s)
    return [0x30] + length(body.count) + body
  }

  /// The two numbers; nil for every other encoding than the canonical one.
  static func decode(_ bytes: [UInt8]) -> SignatureValue? {
    // The encoding is unique: the decoded numbers must encode to the same bytes.
    var position = 0
    func take(_ tag: UInt8) -> Range<Int>? {
      guard position + 2 <= bytes.count, bytes[position] == tag else { return nil }
      var length = Int(bytes[position + 1])
      position += 2
      if length == 0x81 {
        guard position < bytes.count else { return nil }
        length = Int(bytes[position])
        position += 1
      }
      guard length < 0x100, length <= bytes.count - position else { return nil }
      position += length
      return position - length..<position
    }
    guard let whole = take(0x30), whole.upperBound == bytes.count else { return nil }
    position = whole.lowerBound
    guard let r = take(0x02), let s = take(0x02) else { return nil }
    let value = (r: Array(bytes[r].drop { $0 == 0 }), s: Array(bytes[s].drop { $0 == 0 }))
    guard encode(r: value.r, s: value.s) == bytes else { return nil }
    return .ecdsa(r: value.r, s: value.s)
  }

  private static func integer(_ number: [UInt8]) -> [UInt8] {
    var digits = Array(number.drop { $0 == 0 })
    if digits.first.map({ $0 >= 0x80 }) ?? true { digits.insert(0, at: 0) }
    return [0x02] + length(digits.count) + digits
  }

  private static func length(_ count: Int) -> [UInt8] {
    count < 0x80 ? [UInt8(truncatingIfNeeded: count)] : [0x81, UInt8(truncatingIfNeeded: count)]
  }
}
