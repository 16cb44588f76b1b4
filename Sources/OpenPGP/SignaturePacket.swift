import Gcrypt

/// The type of a signature (RFC 9580 section 5.2.1).
struct SignatureType: RawRepresentable, Hashable, Sendable {
  let rawValue: UInt8

  static let binary = SignatureType(rawValue: 0x00)
  static let text = SignatureType(rawValue: 0x01)
  static let positiveCertification = SignatureType(rawValue: 0x13)
  static let subkeyBinding = SignatureType(rawValue: 0x18)
  static let primaryKeyBinding = SignatureType(rawValue: 0x19)
  static let directKey = SignatureType(rawValue: 0x1F)
  static let keyRevocation = SignatureType(rawValue: 0x20)
  static let subkeyRevocation = SignatureType(rawValue: 0x28)
  static let certificationRevocation = SignatureType(rawValue: 0x30)

  /// Whether it certifies a user ID, at one of four levels, which programs do not distinguish.
  var isCertification: Bool { 0x10...0x13 ~= rawValue }

  /// Whether it revokes a key, a subkey or what was said about a user ID.
  var isRevocation: Bool {
    self == .keyRevocation || self == .subkeyRevocation || self == .certificationRevocation
  }

  /// Whether it says something about a primary key.
  var isAboutPrimaryKey: Bool {
    self == .directKey || self == .keyRevocation || self == .certificationRevocation
  }

  /// Whether it says something about a user ID.
  var isAboutUserID: Bool { isCertification || self == .certificationRevocation }

  /// Whether it says something about a subkey.
  var isAboutSubkey: Bool { self == .subkeyBinding || self == .subkeyRevocation }
}

/// A signature (RFC 9580 section 5.2) as it was read. Nothing in it can be trusted before it is verified.
struct SignaturePacket: Hashable, Sendable {
  /// 4 or 6.
  let version: Int
  let type: SignatureType
  let algorithm: PublicKeyAlgorithm
  let hash: HashID
  /// The packet from its version to the end of the hashed subpackets, which is hashed after the data.
  let hashedPart: [UInt8]
  /// Version 6's salt, which is hashed first.
  let salt: [UInt8]
  /// The first two bytes of the digest.
  let digestStart: [UInt8]
  /// The numbers; nil if the algorithm is not implemented.
  let value: SignatureValue?
  let subpackets: Subpackets

  /// Whether the signature names that key as its issuer. A fingerprint takes precedence over a key ID.
  func claimsIssuer(_ key: PublicKeyPacket) -> Bool {
    if let fingerprint = subpackets.issuerFingerprint { return fingerprint == key.fingerprint }
    return subpackets.issuerKeyID == key.keyID
  }

  /// The name of the part of its method that is not implemented; empty if all of it is.
  var method: String {
    if value == nil { return algorithm.name }
    return hash.algorithm == nil ? hash.headerName ?? "digest algorithm \(hash.rawValue)" : ""
  }

  /// Whether it cannot be verified with any key, because its algorithm or its digest is not implemented.
  var isBeyondUs: Bool { value == nil || hash.algorithm == nil }

  /// Reads a packet's body. An embedded signature must not embed another.
  static func read(
    _ bytes: Span<UInt8>, at start: Int, isEmbedded: Bool = false
  ) throws(OpenPGPError) -> SignaturePacket {
    var cursor = ByteCursor(bytes, origin: start)
    let version = Int(try cursor.byte())
    guard version == 4 || version == 6 else {
      throw cursor.fail(.unsupported, "a signature of version \(version)")
    }
    let type = SignatureType(rawValue: try cursor.byte())
    let algorithm = PublicKeyAlgorithm(rawValue: try cursor.byte())
    let hash = HashID(rawValue: try cursor.byte())
    let lengthSize = version == 4 ? 2 : 4
    var subpackets = Subpackets()
    let hashed = try cursor.skip(try cursor.integer(lengthSize))
    let hashedEnd = cursor.offset
    try subpackets.read(
      cursor.extracting(hashed), at: start + hashed.lowerBound, isHashed: true, isEmbedded: isEmbedded)
    let unhashed = try cursor.skip(try cursor.integer(lengthSize))
    try subpackets.read(
      cursor.extracting(unhashed), at: start + unhashed.lowerBound, isHashed: false, isEmbedded: isEmbedded)
    try subpackets.checkIssuer(cursor)
    let digestStart = try cursor.array(2)
    let salt = version == 6 ? try cursor.array(Int(try cursor.byte())) : []
    // RFC 9580 section 5.2.3: the hash algorithm determines the salt's length.
    guard version == 4 || salt.count == saltSize(hash) else {
      throw cursor.fail(.malformedPacket, "a salt of the wrong length")
    }
    let value = try readValue(&cursor, algorithm)
    guard value == nil || cursor.remaining == 0 else {
      throw cursor.fail(.malformedPacket, "more bytes after a signature")
    }
    return SignaturePacket(
      version: version, type: type, algorithm: algorithm, hash: hash,
      hashedPart: cursor.array(in: 0..<hashedEnd), salt: salt, digestStart: digestStart, value: value,
      subpackets: subpackets)
  }

  /// RFC 9580 section 9.5, table 23.
  private static func saltSize(_ hash: HashID) -> Int {
    switch hash.rawValue {
    case 9: 24
    case 10, 14: 32
    default: 16
    }
  }

  /// RFC 9580 section 5.2.3.1 and following.
  private static func readValue(
    _ cursor: inout ByteCursor, _ algorithm: PublicKeyAlgorithm
  ) throws(OpenPGPError) -> SignatureValue? {
    switch algorithm {
    case .rsa, .rsaSignOnly: return .rsa(try cursor.mpi())
    case .ecdsa: return .ecdsa(r: try cursor.mpi(), s: try cursor.mpi())
    case .eddsaLegacy:
      let (r, s) = (try cursor.mpi(), try cursor.mpi())
      guard r.count <= 32, s.count <= 32 else {
        throw cursor.fail(.malformedPacket, "an Ed25519 signature that is too long")
      }
      return .ed25519(BigEndian.padded(r, 32) + BigEndian.padded(s, 32))
    case .ed25519: return .ed25519(try cursor.array(64))
    default: return nil
    }
  }

  /// Hashes the signed data and the trailer (RFC 9580 section 5.2.4).
  static func digest(
    _ hash: HashAlgorithm, salt: [UInt8], hashedPart: [UInt8], _ parts: [[UInt8]]
  ) throws(OpenPGPError) -> [UInt8] {
    var context = try gcrypt { () throws(GcryptError) in try HashContext(hash) }
    context.update(salt.span.bytes)
    for part in parts { context.update(part.span.bytes) }
    context.update(hashedPart.span.bytes)
    let trailer =
      [hashedPart.first ?? 4, 0xFF] + BigEndian.bytes(UInt32(truncatingIfNeeded: hashedPart.count))
    context.update(trailer.span.bytes)
    return context.finalize()
  }

  /// Whether the digest of those bytes begins as the signature says. That costs little, and tells which part of a key a
  /// signature is about; only ``verifies(with:over:)`` tells whether it is right.
  func mayBe(over parts: [[UInt8]]) throws(OpenPGPError) -> Bool {
    guard let algorithm = hash.algorithm else { return false }
    let digest = try Self.digest(algorithm, salt: salt, hashedPart: hashedPart, parts)
    return Array(digest.prefix(2)) == digestStart
  }

  /// Whether the signature was made with that key over those bytes. Its meaning is not considered.
  func verifies(with key: PublicKeyPacket, over parts: [[UInt8]]) throws(OpenPGPError) -> Bool {
    guard let value, let verifyingKey = key.verifyingKey, let algorithm = hash.algorithm,
      self.algorithm.isSame(as: key.algorithm), version == key.version
    else { return false }
    let digest = try Self.digest(algorithm, salt: salt, hashedPart: hashedPart, parts)
    guard Array(digest.prefix(2)) == digestStart else { return false }
    return try gcrypt { () throws(GcryptError) in
      try verifyingKey.verify(value, of: digest.span, hash: algorithm)
    }
  }
}

extension PublicKeyAlgorithm {
  /// Whether a key of the other algorithm may have made a signature of this one: the two numbers of RSA are
  /// equivalent.
  func isSame(as other: PublicKeyAlgorithm) -> Bool {
    func canonical(_ algorithm: PublicKeyAlgorithm) -> PublicKeyAlgorithm {
      algorithm == .rsaSignOnly ? .rsa : algorithm
    }
    return canonical(self) == canonical(other)
  }
}
