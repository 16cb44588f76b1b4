import CSodium

/// Ed25519 (RFC 8032), computed by libsodium, for messages of any length.
///
/// This does not need `sodium_init`, which sets up random numbers and faster code for other algorithms:
/// Ed25519 uses neither.
enum Ed25519 {
  /// The number of bytes of a seed.
  static let seedSize = Int(crypto_sign_ed25519_SEEDBYTES)
  /// The number of bytes of a public key.
  static let pointSize = Int(crypto_sign_ed25519_PUBLICKEYBYTES)
  /// The number of bytes of a signature.
  static let signatureSize = Int(crypto_sign_ed25519_BYTES)

  /// Whether bytes are a public key: the only valid encoding of a point whose order is the large prime (RFC
  /// 8032 section 5.1). For other points there are signatures that are valid for many messages, and some
  /// about which programs disagree.
  static func isPublicKey(_ point: [UInt8]) -> Bool {
    point.count == pointSize && crypto_core_ed25519_is_valid_point(point) == 1
  }

  /// Whether a signature is valid for the message and the key, which ``isPublicKey(_:)`` must have accepted.
  ///
  /// Each signature has only one encoding: S must be below the order (RFC 8032 section 5.1.7), and R must be
  /// the canonical encoding of a point whose order is not small.
  static func verifies(_ signature: [UInt8], of message: Span<UInt8>, with point: [UInt8]) -> Bool {
    guard signature.count == signatureSize, point.count == pointSize else { return false }
    return message.withUnsafeBufferPointer {
      crypto_sign_ed25519_verify_detached(signature, $0.baseAddress, UInt64($0.count), point) == 0
    }
  }
}

/// A private key for Ed25519, in secure memory.
struct Ed25519PrivateKey: ~Copyable {
  /// The form of libsodium: the seed, then the point.
  private let bytes: SecureBytes
  /// The public key.
  let point: [UInt8]

  /// Makes the key from a seed (RFC 8032 section 5.1.5).
  ///
  /// - Throws: ``GcryptError`` if the seed is not 32 bytes long, or no secure memory is left.
  init(seed: Span<UInt8>) throws(GcryptError) {
    guard seed.count == Ed25519.seedSize else {
      throw GcryptError(.badKey, "use an Ed25519 key of \(seed.count) bytes")
    }
    var bytes = try SecureBytes(count: Int(crypto_sign_ed25519_SECRETKEYBYTES))
    var point = [UInt8](repeating: 0, count: Ed25519.pointSize)
    var pair = bytes.mutableSpan
    let status = pair.withUnsafeMutableBufferPointer { pair in
      seed.withUnsafeBufferPointer { seed in
        guard let pair = pair.baseAddress, let seed = seed.baseAddress else { return Int32(-1) }
        return crypto_sign_ed25519_seed_keypair(&point, pair, seed)
      }
    }
    guard status == 0 else { throw GcryptError(.general, "compute a public key") }
    self.bytes = bytes
    self.point = point
  }

  /// A copy of the seed.
  ///
  /// - Throws: ``GcryptError`` if no secure memory is left.
  borrowing func seed() throws(GcryptError) -> SecureBytes { try bytes.copy(0..<Ed25519.seedSize) }

  /// The signature of a message; it is always the same for the same message.
  ///
  /// - Throws: ``GcryptError`` if libsodium fails.
  borrowing func sign(_ message: Span<UInt8>) throws(GcryptError) -> [UInt8] {
    var signature = [UInt8](repeating: 0, count: Ed25519.signatureSize)
    let status = bytes.span.withUnsafeBufferPointer { key in
      message.withUnsafeBufferPointer { message in
        guard let key = key.baseAddress else { return Int32(-1) }
        return crypto_sign_ed25519_detached(
          &signature, nil, message.baseAddress, UInt64(message.count), key)
      }
    }
    guard status == 0 else { throw GcryptError(.general, "sign") }
    return signature
  }
}
