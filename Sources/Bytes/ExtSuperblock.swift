/// The superblock of an ext2, ext3 or ext4 file system, as far as it says of which kind and how long the file system is
/// (spec/runtime.md "Ext3 file systems").
package struct ExtSuperblock: Equatable, Sendable {
  /// Where the superblock begins in the file system.
  package static let offset: Int64 = 1024
  /// The number of bytes that are decoded.
  package static let byteCount = 104

  /// Whether the magic is right.
  package let hasMagic: Bool
  /// The length of the file system in blocks.
  package let blockCount: UInt32
  /// The logarithm of the block size in KiB, to the base 2.
  package let blockLogarithm: UInt32
  /// Features that a reader may ignore.
  package let compatible: UInt32
  /// Features without which nothing can be read.
  package let incompatible: UInt32
  /// Features without which nothing can be written.
  package let compatibleForReading: UInt32

  /// Reads a superblock.
  ///
  /// - Parameter bytes: ``byteCount`` bytes; missing ones count as zeros.
  package init(decoding bytes: RawSpan) {
    var reader = LittleEndianReader(bytes)
    _ = reader.field(4)
    blockCount = reader.integer()
    _ = reader.field(16)
    blockLogarithm = reader.integer()
    _ = reader.field(28)
    hasMagic = reader.field(ContentMagic.ext.count) == ContentMagic.ext
    _ = reader.field(34)
    compatible = reader.integer()
    incompatible = reader.integer()
    compatibleForReading = reader.integer()
  }

  /// Whether this is ext3: with a journal, and without the features of ext4.
  package var isExt3: Bool {
    let (journal, directories, recovery, groups): (UInt32, UInt32, UInt32, UInt32) = (4, 2, 4, 16)
    let (sparse, large, trees): (UInt32, UInt32, UInt32) = (1, 2, 4)
    return hasMagic && compatible & journal != 0 && incompatible & ~(directories | recovery | groups) == 0
      && compatibleForReading & ~(sparse | large | trees) == 0
  }

  /// The length in bytes; nil if the block size is not one of ext3's.
  package var length: Int64? {
    // 1 KiB to 64 KiB.
    blockLogarithm <= 6 ? Int64(blockCount) << Int64(10 + blockLogarithm) : nil
  }
}
