/// The layout of an encrypted file: a header, and blocks that are encrypted one by one (spec/encryption.md, "Encrypted
/// files of gocryptfs").
enum BlockFormat {
  /// The number of bytes of a block before encryption; the last one may be shorter.
  static let plainBytes = 4096
  /// The number of bytes of a block's vector, which comes first.
  static let ivBytes = 16
  /// The number of bytes of a block's tag, which comes last.
  static let tagBytes = 16
  /// The bytes that a block is longer by.
  static let overhead = ivBytes + tagBytes
  /// The number of bytes of a whole encrypted block.
  static let blockBytes = plainBytes + overhead
  /// Two bytes with the version, and the identity of the file.
  static let headerBytes = 2 + idBytes
  /// The number of bytes of a file's identity.
  static let idBytes = 16
  /// The version in the header.
  static let version: [UInt8] = [0, 2]

  /// The length of the plain bytes of an encrypted file; nil if a file of this length ends inside its header or
  /// inside the vector and tag of a block.
  static func plainByteCount(of encrypted: Int64) -> Int64? {
    guard encrypted > 0 else { return encrypted == 0 ? 0 : nil }
    guard encrypted >= headerBytes else { return nil }
    let (blocks, rest) = (encrypted - Int64(headerBytes)).quotientAndRemainder(dividingBy: Int64(blockBytes))
    guard rest == 0 || rest > overhead else { return nil }
    return blocks * Int64(plainBytes) + max(rest - Int64(overhead), 0)
  }

  /// The length of the encrypted file of so many plain bytes; nil if no file can be so long.
  static func encryptedByteCount(of plain: Int64) -> Int64? {
    guard plain > 0 else { return plain == 0 ? 0 : nil }
    let blocks = (plain - 1) / Int64(plainBytes) + 1
    let (sum, overflow) = plain.addingReportingOverflow(blocks * Int64(overhead) + Int64(headerBytes))
    return overflow ? nil : sum
  }

  /// What a block is authenticated with: its number, and the identity of its file. The master key has neither a file nor a
  /// number other than 0.
  static func authenticated(_ number: UInt64, _ id: [UInt8]) -> [UInt8] {
    (0..<8).map { UInt8(truncatingIfNeeded: number >> (56 - 8 * UInt64($0))) } + id
  }
}
