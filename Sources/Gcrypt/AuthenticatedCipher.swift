import CGcrypt
import Synchronization

/// AES with 256 bits in Galois/Counter Mode (NIST SP 800-38D): it encrypts, and detects every change. Several threads may
/// use it: each takes its own handle from a pool.
public final class AuthenticatedCipher: Sendable {
  /// libgcrypt's state for one thread; the key is in secure memory.
  private final class Handle: @unchecked Sendable {
    let cipher: gcry_cipher_hd_t

    init(_ cipher: gcry_cipher_hd_t) { self.cipher = cipher }

    deinit { gcry_cipher_close(cipher) }
  }

  /// The number of bytes of a key.
  public static let keyBytes = 32
  /// The number of bytes of a tag, which proves that nothing was changed.
  public static let tagBytes = 16

  private let key: SecureBytes
  private let pool = Mutex<[Handle]>([])

  /// Makes a cipher with its key of ``keyBytes``.
  ///
  /// - Throws: ``GcryptError`` if the key has another length, or libgcrypt lacks the mode.
  public init(key: Span<UInt8>) throws(GcryptError) {
    guard key.count == Self.keyBytes else { throw GcryptError(.badValue, Self.setUp) }
    self.key = try SecureBytes(copying: key)
    // If the library refuses the key, fail here and not in the middle of the work.
    let first = try Self.makeHandle(self.key)
    pool.withLock { $0.append(first) }
  }

  /// Encrypts bytes.
  ///
  /// - Parameters:
  ///   - plain: the bytes.
  ///   - target: where the result goes, with as many bytes; it may be the same place.
  ///   - iv: a vector that no other encryption with this key has; any length but zero.
  ///   - authenticated: bytes that are only protected from changes, not encrypted.
  ///   - tag: where the tag of ``tagBytes`` goes.
  public func encrypt(
    _ plain: UnsafeRawBufferPointer, into target: UnsafeMutableRawBufferPointer,
    iv: UnsafeRawBufferPointer, authenticating authenticated: UnsafeRawBufferPointer,
    tag: UnsafeMutableRawBufferPointer
  ) throws(GcryptError) {
    let operation = "encrypt a block"
    guard plain.count == target.count, tag.count == Self.tagBytes else {
      throw GcryptError(.badValue, operation)
    }
    try withHandle(iv, authenticated, operation) { cipher throws(GcryptError) in
      try GcryptError.check(
        gcry_cipher_encrypt(cipher, target.baseAddress, target.count, plain.baseAddress, plain.count),
        operation)
      try GcryptError.check(gcry_cipher_gettag(cipher, tag.baseAddress, tag.count), operation)
    }
  }

  /// Decrypts bytes, with the parameters of ``encrypt(_:into:iv:authenticating:tag:)``.
  ///
  /// - Returns: whether key, vector, bytes and tag belong together. If not, the target is all zero.
  public func decrypt(
    _ encrypted: UnsafeRawBufferPointer, into target: UnsafeMutableRawBufferPointer,
    iv: UnsafeRawBufferPointer, authenticating authenticated: UnsafeRawBufferPointer,
    tag: UnsafeRawBufferPointer
  ) throws(GcryptError) -> Bool {
    let operation = "decrypt a block"
    guard encrypted.count == target.count, tag.count == Self.tagBytes else {
      throw GcryptError(.badValue, operation)
    }
    return try withHandle(iv, authenticated, operation) { cipher throws(GcryptError) in
      try GcryptError.check(
        gcry_cipher_decrypt(
          cipher, target.baseAddress, target.count, encrypted.baseAddress, encrypted.count), operation)
      let status = gcry_cipher_checktag(cipher, tag.baseAddress, tag.count)
      guard gcry_err_code(status) != GPG_ERR_CHECKSUM else {
        // Nobody may use bytes that somebody may have made up.
        target.initializeMemory(as: UInt8.self, repeating: 0)
        return false
      }
      try GcryptError.check(status, operation)
      return true
    }
  }

  private static let setUp = "set up an authenticated cipher"

  private func withHandle<Result>(
    _ iv: UnsafeRawBufferPointer, _ authenticated: UnsafeRawBufferPointer, _ operation: String,
    _ body: (gcry_cipher_hd_t) throws(GcryptError) -> Result
  ) throws(GcryptError) -> Result {
    guard !iv.isEmpty else { throw GcryptError(.badValue, operation) }
    let pooled = pool.withLock { $0.popLast() }
    let handle: Handle
    if let pooled { handle = pooled } else { handle = try Self.makeHandle(key) }
    defer { pool.withLock { $0.append(handle) } }
    try GcryptError.check(
      gcry_cipher_ctl(handle.cipher, Int32(GCRYCTL_RESET.rawValue), nil, 0), operation)
    try GcryptError.check(gcry_cipher_setiv(handle.cipher, iv.baseAddress, iv.count), operation)
    if !authenticated.isEmpty {
      try GcryptError.check(
        gcry_cipher_authenticate(handle.cipher, authenticated.baseAddress, authenticated.count), operation)
    }
    return try body(handle.cipher)
  }

  private static func makeHandle(_ key: borrowing SecureBytes) throws(GcryptError) -> Handle {
    _ = Library.shared
    var opened: gcry_cipher_hd_t?
    try GcryptError.check(
      gcry_cipher_open(
        &opened, CipherAlgorithm.aes256.identifier, Int32(GCRY_CIPHER_MODE_GCM.rawValue),
        UInt32(GCRY_CIPHER_SECURE.rawValue)), setUp)
    guard let opened else { throw GcryptError(.general, setUp) }
    let handle = Handle(opened)
    try GcryptError.check(
      key.span.withUnsafeBufferPointer { gcry_cipher_setkey(opened, $0.baseAddress, $0.count) }, setUp)
    return handle
  }
}
