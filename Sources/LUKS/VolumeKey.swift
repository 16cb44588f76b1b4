import Gcrypt

/// The key of a volume's data, in secure memory.
public final class VolumeKey: Sendable {
  private let bytes: SecureBytes

  init(_ bytes: consuming SecureBytes) { self.bytes = bytes }

  /// Makes a new key from random bytes.
  convenience init(randomCount count: Int) throws(LUKSError) {
    do { self.init(try SecureBytes(randomCount: count)) } catch { throw LUKSError(error) }
  }

  /// Lets a C function read the key.
  func read(_ body: (UnsafeBufferPointer<CChar>) -> Int32) -> Int32 { Self.read(bytes, body) }

  // A span of a class's property would outlive the access to that property; a span of a parameter does not.
  private static func read(
    _ bytes: borrowing SecureBytes, _ body: (UnsafeBufferPointer<CChar>) -> Int32
  ) -> Int32 {
    bytes.span.withUnsafeBufferPointer { $0.withMemoryRebound(to: CChar.self, body) }
  }

  /// The cipher for the sectors of a volume with this key.
  func sectorCipher(_ header: VolumeHeader) throws(LUKSError) -> SectorCipher {
    do throws(GcryptError) { return try Self.cipher(bytes, header) } catch { throw LUKSError(error) }
  }

  private static func cipher(
    _ bytes: borrowing SecureBytes, _ header: VolumeHeader
  ) throws(GcryptError) -> SectorCipher {
    try SectorCipher(
      header.cipher.algorithm, header.cipher.mode, key: bytes.span,
      sectorSize: Int(header.facts.sectorSize), numberBytes: header.cipher.numberBytes,
      firstNumber: header.firstSectorNumber)
  }
}
