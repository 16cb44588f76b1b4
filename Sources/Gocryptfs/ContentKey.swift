import Bytes
import Gcrypt

/// The key of encrypted files' contents, in secure memory.
public final class ContentKey: Sendable {
  private let cipher: AuthenticatedCipher

  /// The text that separates this key from others that are made from the same secret.
  private static let purpose = Array("AES-GCM file content encryption".utf8)

  /// Derives the key from a secret: the master key, or what scrypt makes of a passphrase.
  init(from secret: Span<UInt8>) throws(GcryptError) {
    let key = try ExtractAndExpand.key(
      .sha256, from: secret, purpose: Self.purpose, count: AuthenticatedCipher.keyBytes)
    cipher = try AuthenticatedCipher(key: key.span)
  }

  /// Decrypts a block: vector, ciphertext and tag.
  ///
  /// - Parameter target: as long as the plain bytes.
  /// - Returns: whether the block is unchanged.
  func decrypt(
    _ block: UnsafeRawBufferPointer, into target: UnsafeMutableRawBufferPointer,
    authenticating authenticated: [UInt8]
  ) throws(GcryptError) -> Bool {
    guard block.count == target.count + BlockFormat.overhead else { return false }
    let end = block.count - BlockFormat.tagBytes
    return try Self.reading(authenticated) { authenticated throws(GcryptError) in
      try cipher.decrypt(
        UnsafeRawBufferPointer(rebasing: block[BlockFormat.ivBytes..<end]), into: target,
        iv: UnsafeRawBufferPointer(rebasing: block[..<BlockFormat.ivBytes]), authenticating: authenticated,
        tag: UnsafeRawBufferPointer(rebasing: block[end...]))
    }
  }

  /// Encrypts bytes into a block: vector, ciphertext and tag.
  ///
  /// - Parameters:
  ///   - iv: the vector, of random bytes.
  ///   - block: as long as the plain bytes and ``BlockFormat/overhead``.
  func encrypt(
    _ plain: UnsafeRawBufferPointer, iv: UnsafeRawBufferPointer, into block: UnsafeMutableRawBufferPointer,
    authenticating authenticated: [UInt8]
  ) throws(GcryptError) {
    let end = BlockFormat.ivBytes + plain.count
    block.copyMemory(from: iv)
    try Self.reading(authenticated) { authenticated throws(GcryptError) in
      try cipher.encrypt(
        plain, into: UnsafeMutableRawBufferPointer(rebasing: block[BlockFormat.ivBytes..<end]), iv: iv,
        authenticating: authenticated, tag: UnsafeMutableRawBufferPointer(rebasing: block[end...]))
    }
  }

  // The function of the standard library does not keep the type of an error.
  private static func reading<Result>(
    _ bytes: [UInt8], _ body: (UnsafeRawBufferPointer) throws(GcryptError) -> Result
  ) throws(GcryptError) -> Result {
    try bytes.span.bytes.withUnsafeBytes { (buffer) throws(GcryptError) in try body(buffer) }
  }
}

extension Configuration {
  /// Finds the key of the files. Its cost is ``cost``, but this method does not enforce limits.
  ///
  /// - Parameter passphrase: the exact passphrase.
  /// - Throws: ``GocryptfsError/Code/wrongKey`` if it does not open the master key. That also happens if the
  ///   configuration was altered: nothing in the file tells the two apart.
  public func unlock(_ passphrase: Span<UInt8>) throws(GocryptfsError) -> ContentKey {
    let wrapping = try wrappingKey(passphrase)
    var master = try computing { () throws(GcryptError) in try SecureBytes(count: Self.keyBytes) }
    var target = master.mutableSpan
    let isRight = try target.withUnsafeMutableBytes { (target) throws(GocryptfsError) in
      try encryptedKey.span.bytes.withUnsafeBytes { (block) throws(GocryptfsError) in
        try computing { () throws(GcryptError) in
          try wrapping.decrypt(block, into: target, authenticating: BlockFormat.authenticated(0, []))
        }
      }
    }
    guard isRight else {
      throw GocryptfsError(.wrongKey, "the key does not open \(Self.name), or the file was altered")
    }
    return try Self.contentKey(master)
  }

  private func wrappingKey(_ passphrase: Span<UInt8>) throws(GocryptfsError) -> ContentKey {
    guard !passphrase.isEmpty else { throw GocryptfsError(.wrongKey, "an empty passphrase opens nothing") }
    // libgcrypt has only this block size, and gocryptfs writes no other.
    guard cost.blockSize == 8 else {
      throw GocryptfsError(.unsupported, "scrypt with r = \(cost.blockSize) is not supported, only with 8")
    }
    guard let iterations = Int32(exactly: cost.iterations), let lanes = Int32(exactly: cost.lanes) else {
      throw GocryptfsError(
        .unsupported, "scrypt with N = \(cost.iterations), p = \(cost.lanes) is not supported")
    }
    let derivation = KeyDerivation.scrypt(salt: salt, cost: Int(iterations), lanes: Int(lanes))
    return try computing { () throws(GcryptError) in
      let derived = try derivation.key(passphrase, count: Self.keyBytes)
      return try ContentKey(from: derived.span)
    }
  }

  private static func contentKey(_ master: borrowing SecureBytes) throws(GocryptfsError) -> ContentKey {
    do { return try ContentKey(from: master.span) } catch { throw GocryptfsError(error) }
  }

  /// The longest passphrase that gocryptfs reads, in bytes.
  private static let longestPassphrase = 2048

  /// Makes a configuration with a new master key, as gocryptfs does with plain names.
  ///
  /// - Parameters:
  ///   - passphrase: what will open it. gocryptfs reads it as one line.
  ///   - creator: the name of the program, for people.
  /// - Throws: ``GocryptfsError/Code/invalidArgument`` if gocryptfs could not read the passphrase.
  public static func make(
    passphrase: Span<UInt8>, creator: String, cost: ScryptCost = .standard
  ) throws(GocryptfsError) -> (configuration: Configuration, key: ContentKey) {
    guard (1...longestPassphrase).contains(passphrase.count) else {
      throw GocryptfsError(
        .invalidArgument,
        "a passphrase of \(passphrase.count) bytes; gocryptfs reads 1 to \(longestPassphrase) of them")
    }
    for index in passphrase.indices where passphrase[index] == 0x0A {
      throw GocryptfsError(.invalidArgument, "gocryptfs reads one line, and the passphrase has several")
    }
    var configuration = Configuration(
      creator: creator, features: required + ["PlaintextNames"], cost: cost, salt: Random.bytes(32),
      encryptedKey: [])
    let wrapping = try configuration.wrappingKey(passphrase)
    let master = try computing { () throws(GcryptError) in try SecureBytes(randomCount: keyBytes) }
    let iv = Random.bytes(BlockFormat.ivBytes)
    var block = [UInt8](repeating: 0, count: BlockFormat.overhead + keyBytes)
    var failure: GcryptError?
    block.withUnsafeMutableBytes { block in
      iv.withUnsafeBytes { iv in
        master.span.bytes.withUnsafeBytes { master in
          do throws(GcryptError) {
            try wrapping.encrypt(
              master, iv: iv, into: block, authenticating: BlockFormat.authenticated(0, []))
          } catch { failure = error }
        }
      }
    }
    if let failure { throw GocryptfsError(failure) }
    configuration = Configuration(
      creator: creator, features: configuration.features, cost: cost, salt: configuration.salt,
      encryptedKey: block)
    return (configuration, try contentKey(master))
  }
}
