import CGcrypt

/// HKDF (RFC 5869): makes keys for several purposes from one secret that is random already.
public enum ExtractAndExpand {
  /// Derives a key.
  ///
  /// - Parameters:
  ///   - hash: the hash function of HMAC.
  ///   - secret: the secret.
  ///   - salt: further random bytes; without any, as many zeros as a digest has bytes.
  ///   - purpose: what the key is for (`info`).
  ///   - count: the length of the key, at most 255 digests.
  public static func key(
    _ hash: HashAlgorithm, from secret: Span<UInt8>, salt: [UInt8] = [], purpose: [UInt8], count: Int
  ) throws(GcryptError) -> SecureBytes {
    let operation = "derive a key for one purpose"
    guard (0...255 * hash.digestSize).contains(count) else { throw GcryptError(.badValue, operation) }
    let zeros = [UInt8](repeating: 0, count: hash.digestSize)
    let extracted = try code(hash, key: (salt.isEmpty ? zeros : salt).span) { $0.update(secret) }
    var result = try SecureBytes(count: count)
    var block = try SecureBytes(count: 0)
    var done = 0
    var number: UInt8 = 1
    while done < count {
      let previous = block
      block = try code(hash, key: extracted.span) { context in
        context.update(previous.span)
        context.update(purpose.span)
        context.update([number].span)
      }
      var target = result.mutableSpan
      for index in 0..<min(block.count, count - done) { target[done + index] = block.span[index] }
      done += block.count
      number &+= 1
    }
    return result
  }

  /// What is authenticated, in secure memory.
  private struct Context: ~Copyable {
    let handle: gcry_md_hd_t

    deinit { gcry_md_close(handle) }

    func update(_ bytes: Span<UInt8>) {
      bytes.withUnsafeBufferPointer { gcry_md_write(handle, $0.baseAddress, $0.count) }
    }
  }

  /// The HMAC of some bytes.
  private static func code(
    _ hash: HashAlgorithm, key: Span<UInt8>, _ body: (borrowing Context) -> Void
  ) throws(GcryptError) -> SecureBytes {
    let operation = "compute an HMAC"
    _ = Library.shared
    var opened: gcry_md_hd_t?
    let flags = UInt32(GCRY_MD_FLAG_HMAC.rawValue | GCRY_MD_FLAG_SECURE.rawValue)
    try GcryptError.check(gcry_md_open(&opened, hash.identifier, flags), operation)
    guard let opened else { throw GcryptError(.general, operation) }
    let context = Context(handle: opened)
    try GcryptError.check(
      key.withUnsafeBufferPointer { gcry_md_setkey(opened, $0.baseAddress, $0.count) }, operation)
    body(context)
    guard let digest = gcry_md_read(context.handle, hash.identifier) else {
      throw GcryptError(.general, operation)
    }
    return try SecureBytes(copying: Span(_unsafeStart: UnsafePointer(digest), count: hash.digestSize))
  }
}
