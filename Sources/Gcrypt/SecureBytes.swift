import CGcrypt

/// Bytes in locked memory (never swapped), outside Swift's heap, which are wiped at the end. Private keys,
/// passphrases and everything that is derived from them live there.
public struct SecureBytes: ~Copyable, @unchecked Sendable {
  private let base: UnsafeMutablePointer<UInt8>
  /// The number of bytes.
  public let count: Int

  /// Makes zero bytes, to be filled in place.
  ///
  /// - Throws: ``GcryptError`` if no secure memory is left.
  public init(count: Int) throws(GcryptError) {
    _ = Library.shared
    guard count >= 0, let memory = gcry_calloc_secure(max(count, 1), 1) else {
      throw GcryptError(.outOfMemory, "allocate \(count) bytes of secure memory")
    }
    base = memory.assumingMemoryBound(to: UInt8.self)
    self.count = count
  }

  /// Copies bytes; the caller wipes the originals.
  ///
  /// - Throws: ``GcryptError`` if no secure memory is left.
  public init(copying bytes: Span<UInt8>) throws(GcryptError) {
    try self.init(count: bytes.count)
    for index in bytes.indices { base[index] = bytes[index] }
  }

  /// Makes random bytes that are good enough for keys of any strength.
  ///
  /// - Throws: ``GcryptError`` if no secure memory is left.
  public init(randomCount count: Int) throws(GcryptError) {
    try self.init(count: count)
    gcry_randomize(base, count, GCRY_VERY_STRONG_RANDOM)
  }

  deinit {
    gcrypt_wipe(base, count)
    gcry_free(base)
  }

  /// The bytes, for reading.
  public var span: Span<UInt8> {
    @_lifetime(borrow self)
    get {
      let span = Span(_unsafeStart: UnsafePointer(base), count: count)
      return _overrideLifetime(span, borrowing: self)
    }
  }

  /// The bytes, for filling or changing them in place.
  public var mutableSpan: MutableSpan<UInt8> {
    @_lifetime(&self)
    mutating get {
      let span = MutableSpan(_unsafeStart: base, count: count)
      return _overrideLifetime(span, mutating: &self)
    }
  }

  /// Copies part of the bytes; the range is clamped to the existing bytes.
  ///
  /// - Throws: ``GcryptError`` if no secure memory is left.
  public borrowing func copy(_ range: Range<Int>) throws(GcryptError) -> SecureBytes {
    try SecureBytes(copying: span.extracting(range.clamped(to: 0..<count)))
  }

  /// Whether the bytes equal other bytes. The time does not depend on where they differ.
  public borrowing func equals(_ other: Span<UInt8>) -> Bool {
    guard other.count == count else { return false }
    var difference: UInt8 = 0
    for index in 0..<count { difference |= base[index] ^ other[index] }
    return difference == 0
  }
}

/// Random bytes that are not secret: salts, nonces, identifiers.
public enum Random {
  /// That many random bytes.
  public static func bytes(_ count: Int) -> [UInt8] {
    _ = Library.shared
    var bytes = [UInt8](repeating: 0, count: max(count, 0))
    bytes.withUnsafeMutableBytes { buffer in
      if let base = buffer.baseAddress { gcry_randomize(base, buffer.count, GCRY_STRONG_RANDOM) }
    }
    return bytes
  }
}
