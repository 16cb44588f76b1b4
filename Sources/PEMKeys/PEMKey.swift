public import Gcrypt

/// Public keys in PEM files.
public enum PEMPublicKey {
  /// The public keys of all blocks: `PUBLIC KEY` (RFC 5280's SPKI) and `RSA PUBLIC KEY` (PKCS#1).
  ///
  /// - Throws: ``PEMError`` if a block is malformed or none contains a public key.
  public static func read(_ text: Span<UInt8>) throws(PEMError) -> [PublicKey] {
    var keys: [PublicKey] = []
    var other: PEMError?
    var position = 0
    while let block = try PEMBlock.next(in: text, &position) {
      switch block.label {
      case "PUBLIC KEY": keys.append(try subjectPublicKeyInfo(block.bytes.span))
      case "RSA PUBLIC KEY": keys.append(try rsa(block.bytes.span))
      default: other = other ?? ForeignBlock.advice(block)
      }
    }
    guard !keys.isEmpty else { throw other ?? PEMError(.noKey, "there is no public key in the file") }
    for key in keys {
      do { try key.validate() } catch { throw PEMError(error) }
    }
    return keys
  }

  /// The public keys of all blocks; see ``read(_:)-(Span<UInt8>)``.
  public static func read(_ text: [UInt8]) throws(PEMError) -> [PublicKey] { try read(text.span) }

  /// PKCS#1's RSAPublicKey (RFC 8017 appendix A.1.1).
  static func rsa(_ bytes: Span<UInt8>) throws(PEMError) -> PublicKey {
    var outer = DERReader(bytes)
    var key = try outer.reader()
    try outer.finish()
    let modulus = try key.unsignedArray()
    let exponent = try key.unsignedArray()
    try key.finish()
    return .rsa(modulus: modulus, exponent: exponent)
  }

  /// SubjectPublicKeyInfo (RFC 5280 section 4.1.2.7).
  private static func subjectPublicKeyInfo(_ bytes: Span<UInt8>) throws(PEMError) -> PublicKey {
    var outer = DERReader(bytes)
    var info = try outer.reader()
    try outer.finish()
    let algorithm = try PEMAlgorithm(reading: &info)
    let key = try info.bits()
    try info.finish()
    switch algorithm {
    case .rsa: return try rsa(key.span)
    case .ecdsa(let curve):
      guard let curve else { throw PEMError(.unsupported, "an elliptic curve key without a named curve") }
      return .ecdsa(curve, point: key)
    case .ed25519: return .ed25519(key)
    }
  }
}

/// The algorithm of a key (RFC 5280's AlgorithmIdentifier).
enum PEMAlgorithm {
  case rsa
  /// The curve may instead be named inside a private key.
  case ecdsa(Curve?)
  case ed25519

  init(reading reader: inout DERReader) throws(PEMError) {
    var identifier = try reader.reader()
    switch try identifier.array(DERReader.identifier) {
    case ObjectID.rsaEncryption:
      if identifier.nextTag == DERReader.null { _ = try identifier.array(DERReader.null) }
      self = .rsa
    case ObjectID.ecPublicKey: self = .ecdsa(try Self.curve(&identifier))
    case ObjectID.ed25519: self = .ed25519
    case let other:
      let name = ObjectID.algorithmNames[other].map { " (\($0))" } ?? ""
      throw PEMError(.unsupported, "a key of an algorithm that is neither RSA, ECDSA nor Ed25519\(name)")
    }
    try identifier.finish()
  }

  /// A named curve (RFC 5480 section 2.1.1).
  static func curve(_ reader: inout DERReader) throws(PEMError) -> Curve {
    guard reader.nextTag == DERReader.identifier else {
      throw PEMError(.unsupported, "an elliptic curve key without a named curve")
    }
    switch try reader.array(DERReader.identifier) {
    case ObjectID.p256: return .p256
    case ObjectID.p384: return .p384
    case ObjectID.p521: return .p521
    case let other:
      let name = ObjectID.curveNames[other].map { " (\($0))" } ?? ""
      throw PEMError(.unsupported, "an elliptic curve other than P-256, P-384 and P-521\(name)")
    }
  }
}

/// A private key from a PEM file.
public final class PEMPrivateKey: Sendable {
  /// The key itself.
  public let key: PrivateKey

  init(_ key: consuming PrivateKey) {
    self.key = key
  }

  /// The public key of the pair.
  public var publicKey: PublicKey { key.publicKey }

  /// Whether a text has a PEM block with a private key, encrypted or not.
  public static func isPrivateKey(_ text: Span<UInt8>) -> Bool {
    var position = 0
    while let block = try? PEMBlock.next(in: text, &position) {
      if block.label.hasSuffix("PRIVATE KEY") { return true }
    }
    return false
  }

  /// The private key of a text: `PRIVATE KEY` and `ENCRYPTED PRIVATE KEY` (PKCS#8), `RSA PRIVATE KEY`
  /// (PKCS#1) or `EC PRIVATE KEY` (SEC 1).
  ///
  /// - Throws: ``PEMError`` if there is no such key, or there are several, or it is encrypted or cannot be used.
  public static func read(_ text: Span<UInt8>) throws(PEMError) -> PEMPrivateKey {
    let none: SecureBytes
    do { none = try SecureBytes(count: 0) } catch { throw PEMError(error) }
    return try read(text, none, isGiven: false)
  }

  /// The private key of a text, as ``read(_:)`` finds it.
  ///
  /// - Parameter passphrase: the passphrase of an encrypted key; it may be empty.
  /// - Throws: ``PEMError`` if there is no such key, or there are several, or it cannot be decrypted or used.
  public static func read(
    _ text: Span<UInt8>, passphrase: borrowing SecureBytes
  ) throws(PEMError) -> PEMPrivateKey {
    try read(text, passphrase, isGiven: true)
  }

  private static func read(
    _ text: Span<UInt8>, _ passphrase: borrowing SecureBytes, isGiven: Bool
  ) throws(PEMError) -> PEMPrivateKey {
    var position = 0
    var other: PEMError?
    while let block = try PEMBlock.next(in: text, &position) {
      let key: PEMPrivateKey
      switch block.label {
      case "PRIVATE KEY": key = try pkcs8(block.bytes.span)
      case "ENCRYPTED PRIVATE KEY":
        var plain = try EncryptedPrivateKey.decrypt(block.bytes.span, passphrase, isGiven: isGiven)
        key = try opened(&plain)
      case "RSA PRIVATE KEY": key = PEMPrivateKey(try rsa(block.bytes.span))
      case "EC PRIVATE KEY": key = PEMPrivateKey(try ec(block.bytes.span, nil))
      default:
        other = other ?? ForeignBlock.advice(block)
        continue
      }
      // Which of them is meant must not depend on their order.
      while let next = try PEMBlock.next(in: text, &position) {
        guard !next.label.hasSuffix("PRIVATE KEY") else {
          throw PEMError(.unsupported, "several private keys in one file; give each in a file of its own")
        }
      }
      return key
    }
    throw other ?? PEMError(.noKey, "there is no private key in the file")
  }

  /// If the decrypted bytes are not a key, the passphrase was wrong.
  private static func opened(_ plain: inout SecureBytes) throws(PEMError) -> PEMPrivateKey {
    do { return try pkcs8(plain.span) } catch {
      guard error.code == .malformedKey else { throw error }
      throw EncryptedPrivateKey.wrongPassphrase
    }
  }

  /// PKCS#8's PrivateKeyInfo (RFC 5958 section 2).
  private static func pkcs8(_ bytes: Span<UInt8>) throws(PEMError) -> PEMPrivateKey {
    var outer = DERReader(bytes)
    var info = try outer.reader()
    try outer.finish()
    guard try info.small() <= 1 else { throw PEMError(.unsupported, "a private key of an unknown version") }
    let algorithm = try PEMAlgorithm(reading: &info)
    let key = try info.value(DERReader.octetString)
    switch algorithm {
    case .rsa: return PEMPrivateKey(try rsa(key))
    case .ecdsa(let curve): return PEMPrivateKey(try ec(key, curve))
    case .ed25519:
      var inner = DERReader(key)
      let seed = try inner.value(DERReader.octetString)
      try inner.finish()
      do { return PEMPrivateKey(try PrivateKey.ed25519(seed: seed, point: nil)) } catch {
        throw PEMError(error)
      }
    }
  }

  /// PKCS#1's RSAPrivateKey (RFC 8017 appendix A.1.2).
  private static func rsa(_ bytes: Span<UInt8>) throws(PEMError) -> PrivateKey {
    var outer = DERReader(bytes)
    var key = try outer.reader()
    try outer.finish()
    guard try key.small() == 0 else { throw PEMError(.unsupported, "an RSA key of more than two primes") }
    let modulus = try key.unsignedArray()
    let exponent = try key.unsignedArray()
    let d = try key.unsigned()
    let p = try key.unsigned()
    let q = try key.unsigned()
    do {
      return try PrivateKey.rsa(modulus: modulus, exponent: exponent, privateExponent: d, p: p, q: q)
    } catch { throw PEMError(error) }
  }

  /// SEC 1's ECPrivateKey (RFC 5915 section 3).
  private static func ec(_ bytes: Span<UInt8>, _ curve: Curve?) throws(PEMError) -> PrivateKey {
    var outer = DERReader(bytes)
    var key = try outer.reader()
    try outer.finish()
    guard try key.small() == 1 else {
      throw PEMError(.unsupported, "an elliptic curve key of an unknown version")
    }
    let scalar = try key.value(DERReader.octetString)
    var named = curve
    if key.nextTag == DERReader.context0 {
      var parameters = try key.reader(DERReader.context0)
      let inner = try PEMAlgorithm.curve(&parameters)
      guard named == nil || named == inner else { throw PEMError(.malformedKey, "a key with two curves") }
      named = inner
    }
    var point: [UInt8]?
    if key.nextTag == DERReader.context1 {
      var inner = try key.reader(DERReader.context1)
      point = try inner.bits()
    }
    guard let named else { throw PEMError(.unsupported, "an elliptic curve key without a named curve") }
    do { return try PrivateKey.ecdsa(named, scalar: scalar, point: point) } catch { throw PEMError(error) }
  }
}
