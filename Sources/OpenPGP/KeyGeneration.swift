import Gcrypt

/// A new key: a primary key that certifies and signs, with one name.
public struct GeneratedKey: ~Copyable {
  /// The public part.
  public let primary: PublicKeyPacket
  /// The packets of the public key, as rings keep them.
  public let publicPackets: [UInt8]
  private let secretPacket: SecureBytes
  private let namePackets: [UInt8]

  /// The kinds of new keys.
  public enum Kind: Sendable {
    /// Ed25519 in the encoding that every program can read (RFC 9580 section 5.5.5.8's EdDSALegacy).
    case ed25519
    /// RSA with that many bits.
    case rsa(bits: Int)
  }

  /// Makes a key.
  ///
  /// - Parameters:
  ///   - kind: the algorithm.
  ///   - userID: the owner's name, by convention `Name <address>`.
  ///   - passphrase: the passphrase that locks the secret: AES-256, with a key from salted SHA-256 that is
  ///     iterated over 65 011 712 bytes. If it is empty, the secret is not encrypted.
  ///   - time: the creation time in the key, in Unix seconds.
  ///   - lifetime: the number of seconds after which the key expires; nil for never.
  public init(
    _ kind: Kind, userID: String, passphrase: borrowing SecureBytes, at time: Int64, lifetime: UInt32? = nil
  ) throws(OpenPGPError) {
    guard let seconds = UInt32(exactly: time) else {
      throw OpenPGPError(.unsupported, "a key with a creation time that OpenPGP cannot represent")
    }
    guard !userID.isEmpty,
      userID.unicodeScalars.allSatisfy({ $0.value >= 0x20 && !(0x7F..<0xA0 ~= $0.value) })
    else { throw OpenPGPError(.unsupported, "a user ID that is empty or has control characters") }
    let secret: PrivateKey
    do {
      switch kind {
      case .ed25519: secret = try PrivateKey.generateEd25519()
      case .rsa(let bits): secret = try PrivateKey.generateRSA(bits: bits)
      }
    } catch { throw OpenPGPError(error) }
    let body = Self.publicBody(secret.publicKey, seconds)
    let key = try PublicKeyPacket.readWhole(body.span, at: 0)
    let secretPacket = try Self.secretPacket(secret, body, passphrase)
    // Key flags: certify and sign. Preferences: AES, SHA-2, no compression. Features: integrity protection.
    var statement = Subpackets.encode(27, [Subpackets.certifies | Subpackets.signs])
    if let lifetime { statement += Subpackets.encode(9, BigEndian.bytes(lifetime), isCritical: true) }
    statement += Subpackets.encode(25, [1]) + Subpackets.encode(11, [9, 8, 7])
    statement += Subpackets.encode(21, [8, 9, 10]) + Subpackets.encode(30, [1])
    let name = UserID(bytes: Array(userID.utf8), signatures: [])
    let signer = SigningKey(secret, key: key, primary: key)
    let certification = try signer.sign(
      [key.hashed, name.hashed], type: .positiveCertification, at: time, subpackets: statement)
    namePackets =
      PacketReader.encode(.userID, name.bytes) + PacketReader.encode(.signature, certification)
    publicPackets = PacketReader.encode(.publicKey, body) + namePackets
    primary = key
    self.secretPacket = secretPacket
  }

  /// The packets of the secret key, as rings keep them.
  ///
  /// - Throws: ``OpenPGPError`` if no secure memory is left.
  public borrowing func secretPackets() throws(OpenPGPError) -> SecureBytes {
    do {
      var result = try SecureBytes(count: secretPacket.count + namePackets.count)
      let length = secretPacket.count
      var target = result.mutableSpan
      for index in 0..<length { target[index] = secretPacket.span[index] }
      for index in namePackets.indices { target[length + index] = namePackets[index] }
      return result
    } catch { throw OpenPGPError(error) }
  }

  private static func publicBody(_ key: PublicKey, _ created: UInt32) -> [UInt8] {
    let head = [4] + BigEndian.bytes(created)
    switch key {
    case .rsa(let modulus, let exponent):
      return head + [PublicKeyAlgorithm.rsa.rawValue] + BigEndian.mpi(modulus) + BigEndian.mpi(exponent)
    case .ed25519(let point):
      let oid = CurveOID.ed25519Legacy
      return head + [PublicKeyAlgorithm.eddsaLegacy.rawValue, UInt8(truncatingIfNeeded: oid.count)] + oid
        + BigEndian.mpi([0x40] + point)
    case .ecdsa(let curve, let point):
      let oid = CurveOID.identifier(curve)
      return head + [PublicKeyAlgorithm.ecdsa.rawValue, UInt8(truncatingIfNeeded: oid.count)] + oid
        + BigEndian.mpi(point)
    }
  }

  /// The secret key packet with its header (RFC 9580 section 5.5.3).
  private static func secretPacket(
    _ key: borrowing PrivateKey, _ publicBody: [UInt8], _ passphrase: borrowing SecureBytes
  ) throws(OpenPGPError) -> SecureBytes {
    do {
      var numbers = SecureWriter(try SecureBytes(count: 8192))
      switch key.publicKey {
      case .rsa:
        for name in ["d", "p", "q", "u"] as [StaticString] { numbers.mpi(try key.part(name)) }
      default: numbers.mpi(try key.part("d"))
      }
      let isLocked = passphrase.count > 0
      if isLocked {
        let check = try HashContext.digest(.sha1, numbers.written.bytes)
        numbers.append(check.span)
      } else {
        let sum = numbers.sum
        numbers.append(BigEndian.bytes(sum).span)
      }
      var secret = try numbers.finish()
      var protection: [UInt8] = [0]
      if isLocked {
        let salt = Random.bytes(8)
        let iv = Random.bytes(16)
        // 254: encrypted, with a SHA-1 checksum. 9: AES-256. 3: iterated and salted S2K, with SHA-256 and the
        // largest count.
        protection = [254, 9, 3, HashID.sha256.rawValue] + salt + [0xFF] + iv
        let derivation = KeyDerivation.iterated(.sha256, salt: salt, count: 65_011_712)
        let lock = try derivation.key(passphrase.span, count: 32)
        try Cipher.encrypt(&secret, .aes256, .cfb, key: lock.span, iv: iv)
      }
      let count = publicBody.count + protection.count + secret.count
      let header = [0xC0 | PacketType.secretKey.rawValue] + PacketReader.length(count)
      var packet = SecureWriter(try SecureBytes(count: header.count + count))
      packet.append(header.span)
      packet.append(publicBody.span)
      packet.append(protection.span)
      packet.append(secret.span)
      return try packet.finish()
    } catch { throw OpenPGPError(error) }
  }
}

/// Appends to secure memory of a fixed size.
private struct SecureWriter: ~Copyable {
  private var bytes: SecureBytes
  private var used = 0

  init(_ bytes: consuming SecureBytes) {
    self.bytes = bytes
  }

  mutating func append(_ more: Span<UInt8>) {
    let start = used
    let count = min(more.count, bytes.count - start)
    var target = bytes.mutableSpan
    for index in 0..<count { target[start + index] = more[index] }
    used = start + count
  }

  /// Appends a multiprecision integer (RFC 9580 section 3.2) with the value of an unsigned number.
  mutating func mpi(_ number: borrowing SecureBytes) {
    let span = number.span
    var first = 0
    while first < span.count, span[first] == 0 { first += 1 }
    let bits = first < span.count ? (span.count - first) * 8 - span[first].leadingZeroBitCount : 0
    append(BigEndian.bytes(UInt16(truncatingIfNeeded: bits)).span)
    append(span.extracting(first..<span.count))
  }

  var written: Span<UInt8> {
    @_lifetime(borrow self)
    get { bytes.span.extracting(first: used) }
  }

  /// The sum of the bytes modulo 65536 (RFC 9580 section 5.5.3).
  var sum: UInt16 {
    let span = written
    var sum: UInt16 = 0
    for index in span.indices { sum &+= UInt16(span[index]) }
    return sum
  }

  consuming func finish() throws(GcryptError) -> SecureBytes {
    try bytes.copy(0..<used)
  }
}

/// Keys as text, for passing them on.
public enum KeyArmor {
  /// Public key packets as an armored block, with a final newline.
  public static func publicKey(_ packets: [UInt8]) -> [UInt8] {
    Armor.encode(packets.span, .publicKey) + [0x0A]
  }
}
