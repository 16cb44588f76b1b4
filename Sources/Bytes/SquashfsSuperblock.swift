/// The superblock of a squashfs: its first 96 bytes, as numbers.
///
/// It is here because the check of images, carving and encryption examine a superblock without reading files.
package struct SquashfsSuperblock: Equatable, Sendable {
  /// The length of a superblock in bytes.
  package static let byteCount = 96
  /// "No such table" in a table's start.
  package static let absent = UInt64.max

  /// The offset of each field.
  package enum Offset {
    package static let inodeCount = 4
    package static let blockSize = 12
    package static let fragmentCount = 16
    package static let idCount = 26
    package static let version = 28
    package static let bytesUsed = 40
    package static let idTable = 48
    package static let xattrTable = 56
    package static let inodeTable = 64
    package static let directoryTable = 72
    package static let fragmentTable = 80
    package static let exportTable = 88
  }

  /// Whether the magic is right.
  package let hasMagic: Bool
  /// The number of inodes.
  package let inodeCount: UInt32
  /// The time at which the file system was made, in Unix seconds.
  package let creationTime: UInt32
  /// The size of a data block in bytes.
  package let blockSize: UInt32
  /// The number of fragment blocks.
  package let fragmentCount: UInt32
  /// The number of the compressor.
  package let compression: UInt16
  /// The logarithm of the block size, to the base 2.
  package let blockLogarithm: UInt16
  /// The flags.
  package let flags: UInt16
  /// The number of distinct user and group ids.
  package let idCount: UInt16
  /// The version before the point.
  package let majorVersion: UInt16
  /// The version after the point.
  package let minorVersion: UInt16
  /// The root directory's inode: the offset of its metadata block in the inode table, times 65536, plus the offset in
  /// the block.
  package let rootInode: UInt64
  /// The length of the file system in bytes, without padding.
  package let bytesUsed: UInt64
  /// The start of each table, in bytes from the start of the file system, or ``absent``.
  package let idTable: UInt64
  package let xattrTable: UInt64
  package let inodeTable: UInt64
  package let directoryTable: UInt64
  package let fragmentTable: UInt64
  package let exportTable: UInt64

  /// Reads a superblock.
  ///
  /// - Parameter bytes: ``byteCount`` bytes; missing ones count as zeros.
  package init(decoding bytes: RawSpan) {
    var reader = LittleEndianReader(bytes)
    hasMagic = reader.field(ContentMagic.squashfs.count) == ContentMagic.squashfs
    inodeCount = reader.integer()
    creationTime = reader.integer()
    blockSize = reader.integer()
    fragmentCount = reader.integer()
    compression = reader.integer()
    blockLogarithm = reader.integer()
    flags = reader.integer()
    idCount = reader.integer()
    majorVersion = reader.integer()
    minorVersion = reader.integer()
    rootInode = reader.integer()
    bytesUsed = reader.integer()
    idTable = reader.integer()
    xattrTable = reader.integer()
    inodeTable = reader.integer()
    directoryTable = reader.integer()
    fragmentTable = reader.integer()
    exportTable = reader.integer()
  }

  /// The reason why the fields cannot be right. These are the rules of readers: if a file system breaks one,
  /// not all of its files can be read (spec/check.md).
  package enum Flaw: Equatable, Sendable {
    /// A version that is not 4.0.
    case version
    /// The block size is not the power of two that its logarithm says, from 4 KiB to 1 MiB.
    case blockSize
    /// A length shorter than the superblock, or longer than any file.
    case length
    /// A required table is missing.
    case missingTable(name: String, field: Int)
    /// A table that starts outside of the file system.
    case tableOutside(name: String, field: Int, start: UInt64)
    case noIDs
    case noInodes
    /// The tables are not in the one possible order.
    case tableOrder
    case fragmentsWithoutTable
    /// More inodes than there is room for.
    case inodeTableTooShort

    /// The field that shows the flaw, as an offset in the superblock.
    package var offset: Int {
      switch self {
      case .version: Offset.version
      case .blockSize: Offset.blockSize
      case .length: Offset.bytesUsed
      case .missingTable(_, let field), .tableOutside(_, let field, _): field
      case .noIDs: Offset.idCount
      case .noInodes, .inodeTableTooShort: Offset.inodeCount
      case .tableOrder: Offset.idTable
      case .fragmentsWithoutTable: Offset.fragmentCount
      }
    }
  }

  /// The flaw in version, block size or length; nil if there is none.
  package var flawOfSizes: Flaw? {
    guard (majorVersion, minorVersion) == (4, 0) else { return .version }
    guard (12...20).contains(blockLogarithm), blockSize == UInt32(1) << UInt32(blockLogarithm) else {
      return .blockSize
    }
    guard bytesUsed >= Self.byteCount, bytesUsed <= Int64.max else { return .length }
    return nil
  }

  /// The flaw in the tables; nil if there is none. ``flawOfSizes`` must be nil.
  package var flawOfTables: Flaw? {
    let tables: [(start: UInt64, field: Int, name: String, isRequired: Bool)] = [
      (idTable, Offset.idTable, "id table", true),
      (xattrTable, Offset.xattrTable, "table of extended attributes", false),
      (inodeTable, Offset.inodeTable, "inode table", true),
      (directoryTable, Offset.directoryTable, "directory table", true),
      (fragmentTable, Offset.fragmentTable, "fragment table", false),
      (exportTable, Offset.exportTable, "export table", false),
    ]
    for table in tables {
      if table.start == Self.absent {
        if table.isRequired { return .missingTable(name: table.name, field: table.field) }
      } else if table.start < Self.byteCount || table.start >= bytesUsed {
        return .tableOutside(name: table.name, field: table.field, start: table.start)
      }
    }
    guard idCount > 0 else { return .noIDs }
    guard inodeCount > 0 else { return .noInodes }
    let fragments = fragmentCount == 0 ? Self.absent : fragmentTable
    // If there is no table of extended attributes, its start is the greatest number.
    guard inodeTable < directoryTable, directoryTable < idTable, xattrTable >= idTable,
      fragments == Self.absent || directoryTable <= fragments && fragments <= idTable
    else { return .tableOrder }
    guard fragmentCount == 0 || fragments != Self.absent else { return .fragmentsWithoutTable }
    guard UInt64(inodeCount) <= Self.mostContent(of: directoryTable - inodeTable) / Self.shortestInode else {
      return .inodeTableTooShort
    }
    return nil
  }

  /// The length of the shortest inode in bytes.
  package static let shortestInode: UInt64 = 20
  /// The most bytes that a metadata block holds.
  package static let metadataBlockSize = 8192

  /// The most content that metadata blocks of `byteCount` bytes can have: a block takes at least three bytes.
  package static func mostContent(of byteCount: UInt64) -> UInt64 {
    let (bytes, overflow) = (byteCount / 3 + 1).multipliedReportingOverflow(by: UInt64(metadataBlockSize))
    return overflow ? .max : bytes
  }
}
