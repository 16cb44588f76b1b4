import CGcrypt
import Synchronization

/// The ways to encrypt a disk's sectors: each one separately, with a vector made from its number.
public enum SectorMode: Hashable, Sendable {
  /// XTS (IEEE 1619): the key consists of two keys, and the vector is the number, little-endian.
  case xts
  /// CBC; the vector is the number, little-endian.
  case cbc
  /// CBC; the vector is the number, encrypted with the SHA-256 of the key.
  case cbcESSIV
}

/// A cipher for sectors, like dm-crypt's (spec/encryption.md, "Sectors and tweaks"). Several threads may use
/// it: each takes its own handle from a pool.
public final class SectorCipher: Sendable {
  /// libgcrypt's state for one thread; the key is in secure memory.
  private final class Handle: @unchecked Sendable {
    let sectors: gcry_cipher_hd_t
    /// Encrypts the vectors, for the mode that needs it.
    let vectors: gcry_cipher_hd_t?

    init(_ sectors: gcry_cipher_hd_t, _ vectors: gcry_cipher_hd_t?) {
      self.sectors = sectors
      self.vectors = vectors
    }

    deinit {
      gcry_cipher_close(sectors)
      gcry_cipher_close(vectors)
    }
  }

  /// The number of bytes of a sector, a multiple of 512.
  public let sectorSize: Int
  private let algorithm: CipherAlgorithm
  private let mode: SectorMode
  private let vectorBytes: Int
  private let firstNumber: UInt64
  private let key: SecureBytes
  private let pool = Mutex<[Handle]>([])

  /// Makes a cipher with its key.
  ///
  /// - Parameters:
  ///   - algorithm: a cipher with blocks of 16 bytes.
  ///   - key: for XTS twice as long as the algorithm's.
  ///   - sectorSize: the number of bytes of a sector, a multiple of 512.
  ///   - numberBytes: how many bytes of a sector's number are used for the vector: 8, or 4 in old modes.
  ///   - firstNumber: the number of the first sector; numbers count units of 512 bytes.
  /// - Throws: ``GcryptError`` if the key has the wrong length, or libgcrypt lacks the algorithm.
  public init(
    _ algorithm: CipherAlgorithm, _ mode: SectorMode, key: Span<UInt8>, sectorSize: Int,
    numberBytes: Int = 8, firstNumber: UInt64 = 0
  ) throws(GcryptError) {
    let keySize = mode == .xts ? 2 * algorithm.keySize : algorithm.keySize
    guard key.count == keySize, algorithm.blockSize == 16, sectorSize > 0, sectorSize % 512 == 0,
      numberBytes == 4 || numberBytes == 8
    else { throw GcryptError(.badValue, "set up a cipher for sectors") }
    self.algorithm = algorithm
    self.mode = mode
    self.sectorSize = sectorSize
    vectorBytes = numberBytes
    self.firstNumber = firstNumber
    self.key = try SecureBytes(copying: key)
    // If the library refuses the key, fail here and not in the middle of the work.
    let first = try makeHandle()
    pool.withLock { $0.append(first) }
  }

  /// Decrypts whole sectors in place.
  ///
  /// - Parameters:
  ///   - bytes: whole sectors.
  ///   - position: the offset of the first sector, in bytes from the start of the data; a multiple of ``sectorSize``.
  public func decrypt(_ bytes: UnsafeMutableRawBufferPointer, at position: Int64) throws(GcryptError) {
    try apply(bytes, position, "decrypt a sector", gcry_cipher_decrypt)
  }

  /// Encrypts whole sectors in place; the parameters are those of ``decrypt(_:at:)``.
  public func encrypt(_ bytes: UnsafeMutableRawBufferPointer, at position: Int64) throws(GcryptError) {
    try apply(bytes, position, "encrypt a sector", gcry_cipher_encrypt)
  }

  private typealias Function = (
    gcry_cipher_hd_t?, UnsafeMutableRawPointer?, Int, UnsafeRawPointer?, Int
  ) -> gcry_error_t

  private func apply(
    _ bytes: UnsafeMutableRawBufferPointer, _ position: Int64, _ operation: String, _ function: Function
  ) throws(GcryptError) {
    guard position >= 0, position % Int64(sectorSize) == 0, bytes.count % sectorSize == 0 else {
      throw GcryptError(.badValue, operation)
    }
    guard let base = bytes.baseAddress else { return }
    let pooled = pool.withLock { $0.popLast() }
    let handle: Handle
    if let pooled { handle = pooled } else { handle = try makeHandle() }
    defer { pool.withLock { $0.append(handle) } }
    var number = firstNumber &+ UInt64(position) / 512
    var status: gcry_error_t = 0
    withUnsafeTemporaryAllocation(byteCount: 16, alignment: 16) { vector in
      vector.initializeMemory(as: UInt8.self, repeating: 0)
      for offset in stride(from: 0, to: bytes.count, by: sectorSize) {
        if vectorBytes == 8 {
          vector.storeBytes(of: number.littleEndian, as: UInt64.self)
        } else {
          vector.storeBytes(of: UInt32(truncatingIfNeeded: number).littleEndian, as: UInt32.self)
        }
        if let vectors = handle.vectors {
          status = gcry_cipher_encrypt(vectors, vector.baseAddress, 16, nil, 0)
          guard status == 0 else { return }
        }
        status = gcry_cipher_setiv(handle.sectors, vector.baseAddress, 16)
        guard status == 0 else { return }
        // Encryption filled all bytes of the vector, but the next number only overwrites its own bytes.
        if handle.vectors != nil { vector.initializeMemory(as: UInt8.self, repeating: 0) }
        status = function(handle.sectors, base + offset, sectorSize, nil, 0)
        guard status == 0 else { return }
        number &+= UInt64(sectorSize / 512)
      }
    }
    try GcryptError.check(status, operation)
  }

  private func makeHandle() throws(GcryptError) -> Handle {
    let libraryMode =
      switch mode {
      case .xts: GCRY_CIPHER_MODE_XTS
      case .cbc, .cbcESSIV: GCRY_CIPHER_MODE_CBC
      }
    let sectors = try Self.open(algorithm, libraryMode, key)
    guard mode == .cbcESSIV else { return Handle(sectors, nil) }
    do {
      // ESSIV with SHA-256 has a key of 32 bytes, so it needs the algorithm with the longest key.
      let salt = try Self.digest(of: key)
      return Handle(sectors, try Self.open(algorithm.widened, GCRY_CIPHER_MODE_ECB, salt))
    } catch {
      gcry_cipher_close(sectors)
      throw error
    }
  }

  private static func digest(of key: borrowing SecureBytes) throws(GcryptError) -> SecureBytes {
    let digest = try HashContext.digest(.sha256, key.span.bytes)
    return try SecureBytes(copying: digest.span)
  }

  private static func open(
    _ algorithm: CipherAlgorithm, _ mode: gcry_cipher_modes, _ key: borrowing SecureBytes
  ) throws(GcryptError) -> gcry_cipher_hd_t {
    let operation = "set up a cipher for sectors"
    _ = Library.shared
    var opened: gcry_cipher_hd_t?
    try GcryptError.check(
      gcry_cipher_open(
        &opened, algorithm.identifier, Int32(mode.rawValue), UInt32(GCRY_CIPHER_SECURE.rawValue)), operation)
    guard let opened else { throw GcryptError(.general, operation) }
    let status = key.span.withUnsafeBufferPointer { gcry_cipher_setkey(opened, $0.baseAddress, $0.count) }
    guard status == 0 else {
      gcry_cipher_close(opened)
      throw GcryptError(status: status, operation: operation)
    }
    return opened
  }
}
