import CGcrypt

/// A message digest that libgcrypt computes.
public struct HashAlgorithm: Hashable, Sendable {
  /// libgcrypt's number of the algorithm (`enum gcry_md_algos`).
  public let identifier: Int32
  /// The name in lower case with underscores, as SIF's signature metadata spells it: `sha256`, `sha512_256`.
  public let name: String
  /// The length of a digest in bytes.
  public let digestSize: Int

  /// The name for people, such as `SHA-1`.
  public var displayName: String {
    switch self {
    case .md5: "MD5"
    case .ripemd160: "RIPEMD-160"
    case .sha3_256: "SHA3-256"
    case .sha3_512: "SHA3-512"
    case .sha512_224: "SHA-512/224"
    case .sha512_256: "SHA-512/256"
    case .blake2s_256: "BLAKE2s-256"
    case .blake2b_256: "BLAKE2b-256"
    case .blake2b_512: "BLAKE2b-512"
    default: "SHA-\(name.dropFirst(3))"
    }
  }

  private init(_ identifier: gcry_md_algos, _ name: String, _ digestSize: Int) {
    self.identifier = Int32(identifier.rawValue)
    self.name = name
    self.digestSize = digestSize
  }

  /// MD5 (RFC 1321): broken. It is only here so that a format can name and refuse it.
  public static let md5 = HashAlgorithm(GCRY_MD_MD5, "md5", 16)
  /// SHA-1 (FIPS 180-4): broken for signatures, but OpenPGP's version 4 fingerprints use it.
  public static let sha1 = HashAlgorithm(GCRY_MD_SHA1, "sha1", 20)
  /// RIPEMD-160: too short for signatures. It is only here so that a format can name and refuse it.
  public static let ripemd160 = HashAlgorithm(GCRY_MD_RMD160, "rmd160", 20)
  /// SHA-224 (FIPS 180-4).
  public static let sha224 = HashAlgorithm(GCRY_MD_SHA224, "sha224", 28)
  /// SHA-256 (FIPS 180-4).
  public static let sha256 = HashAlgorithm(GCRY_MD_SHA256, "sha256", 32)
  /// SHA-384 (FIPS 180-4).
  public static let sha384 = HashAlgorithm(GCRY_MD_SHA384, "sha384", 48)
  /// SHA-512 (FIPS 180-4).
  public static let sha512 = HashAlgorithm(GCRY_MD_SHA512, "sha512", 64)
  /// SHA-512/224 (FIPS 180-4).
  public static let sha512_224 = HashAlgorithm(GCRY_MD_SHA512_224, "sha512_224", 28)
  /// SHA-512/256 (FIPS 180-4).
  public static let sha512_256 = HashAlgorithm(GCRY_MD_SHA512_256, "sha512_256", 32)
  /// SHA3-256 (FIPS 202).
  public static let sha3_256 = HashAlgorithm(GCRY_MD_SHA3_256, "sha3_256", 32)
  /// SHA3-512 (FIPS 202).
  public static let sha3_512 = HashAlgorithm(GCRY_MD_SHA3_512, "sha3_512", 64)
  /// BLAKE2s with 256 bits (RFC 7693).
  public static let blake2s_256 = HashAlgorithm(GCRY_MD_BLAKE2S_256, "blake2s_256", 32)
  /// BLAKE2b with 256 bits (RFC 7693).
  public static let blake2b_256 = HashAlgorithm(GCRY_MD_BLAKE2B_256, "blake2b_256", 32)
  /// BLAKE2b with 512 bits (RFC 7693).
  public static let blake2b_512 = HashAlgorithm(GCRY_MD_BLAKE2B_512, "blake2b_512", 64)
}

/// A digest that is being computed. Feed it with ``update(_:)-(RawSpan)`` and end it with ``finalize()``.
public struct HashContext: ~Copyable, @unchecked Sendable {
  private let handle: gcry_md_hd_t
  /// The algorithm of the digest.
  public let algorithm: HashAlgorithm

  /// Starts a digest.
  ///
  /// - Throws: ``GcryptError`` if this libgcrypt lacks or forbids (FIPS mode) the algorithm.
  public init(_ algorithm: HashAlgorithm) throws(GcryptError) {
    _ = Library.shared
    var opened: gcry_md_hd_t?
    try GcryptError.check(gcry_md_open(&opened, algorithm.identifier, 0), "open a \(algorithm.name) digest")
    guard let opened else { throw GcryptError(.general, "open a \(algorithm.name) digest") }
    handle = opened
    self.algorithm = algorithm
  }

  deinit { gcry_md_close(handle) }

  /// Adds bytes to the digest.
  public mutating func update(_ bytes: UnsafeRawBufferPointer) {
    guard let base = bytes.baseAddress else { return }
    gcry_md_write(handle, base, bytes.count)
  }

  /// Adds bytes to the digest.
  public mutating func update(_ bytes: RawSpan) {
    bytes.withUnsafeBytes { update($0) }
  }

  /// Ends the digest and returns its ``HashAlgorithm/digestSize`` bytes.
  public consuming func finalize() -> [UInt8] {
    guard let digest = gcry_md_read(handle, algorithm.identifier) else { return [] }
    return Array(UnsafeBufferPointer(start: digest, count: algorithm.digestSize))
  }

  /// The digest of a range of bytes.
  ///
  /// - Throws: ``GcryptError`` if this libgcrypt lacks or forbids (FIPS mode) the algorithm.
  public static func digest(_ algorithm: HashAlgorithm, _ bytes: RawSpan) throws(GcryptError) -> [UInt8] {
    var context = try HashContext(algorithm)
    context.update(bytes)
    return context.finalize()
  }
}
