public import Bytes

/// The facts of a squashfs 4.0 superblock: 96 bytes, little-endian, at offset 0.
public struct Superblock: Equatable, Sendable {
  /// The length of the superblock in bytes.
  public static let byteCount = SquashfsSuperblock.byteCount

  /// The number of inodes.
  public var inodeCount: UInt32
  /// The time at which the file system was made, in Unix seconds.
  public var creationTime: UInt32
  /// The size of a data block in bytes: a power of two from 4 KiB to 1 MiB.
  public var blockSize: Int
  /// The number of fragment blocks.
  public var fragmentCount: UInt32
  /// The compressor.
  public var compression: Compression
  /// The flags as stored.
  public var flags: UInt16
  /// The number of distinct user and group ids.
  public var idCount: UInt16
  /// The root directory's inode: the offset of its metadata block in the inode table, times 65536, plus the
  /// offset in the block.
  public var rootInode: UInt64
  /// The length of the file system in bytes, without padding.
  public var bytesUsed: Int64
  /// The offset of the table of ids.
  public var idTableStart: Int64
  /// The offset of the table of extended attributes, if there is one.
  public var xattrTableStart: Int64?
  /// The offset of the inode table.
  public var inodeTableStart: Int64
  /// The offset of the directory table.
  public var directoryTableStart: Int64
  /// The offset of the table of fragments, if there is one.
  public var fragmentTableStart: Int64?
  /// The offset of the table for NFS export, if there is one.
  public var exportTableStart: Int64?

  /// Reads the superblock and checks every field against the others and against the image's length.
  public init(reading reader: some RandomAccess) throws(SquashError) {
    let bytes = try accessing(try reader.read(Self.byteCount, at: 0))
    guard bytes.count == Self.byteCount else {
      throw SquashError(.notSquashfs, "too short for a squashfs superblock")
    }
    let raw = SquashfsSuperblock(decoding: bytes.span.bytes)
    guard raw.hasMagic else { throw SquashError(.notSquashfs, "the squashfs magic is missing") }
    if let flaw = raw.flawOfSizes { throw raw.error(flaw, in: reader) }
    let present = try accessing(try reader.byteCount)
    guard raw.bytesUsed <= present else {
      throw SquashError(.truncated, "truncated: \(present) of \(raw.bytesUsed) bytes present")
    }
    if let flaw = raw.flawOfTables { throw raw.error(flaw, in: reader) }

    inodeCount = raw.inodeCount
    creationTime = raw.creationTime
    blockSize = Int(raw.blockSize)
    fragmentCount = raw.fragmentCount
    compression = Compression(rawValue: raw.compression)
    flags = raw.flags
    idCount = raw.idCount
    rootInode = raw.rootInode
    // The checks above keep each offset below the length, which fits.
    func start(_ table: UInt64) -> Int64? { Int64(exactly: table) }
    bytesUsed = Int64(raw.bytesUsed)
    idTableStart = Int64(raw.idTable)
    xattrTableStart = start(raw.xattrTable)
    inodeTableStart = Int64(raw.inodeTable)
    directoryTableStart = Int64(raw.directoryTable)
    fragmentTableStart = fragmentCount == 0 ? nil : start(raw.fragmentTable)
    exportTableStart = start(raw.exportTable)
  }
}

extension SquashfsSuperblock {
  /// The error for a flaw, with which opening a file system ends.
  fileprivate func error(_ flaw: Flaw, in reader: some RandomAccess) -> SquashError {
    let what =
      switch flaw {
      case .version: "squashfs \(majorVersion).\(minorVersion); only 4.0 is readable"
      case .blockSize: "a block size of \(blockSize) with a logarithm of \(blockLogarithm)"
      case .length: "a length of \(bytesUsed) bytes"
      case .missingTable(let name, _): "there is no \(name)"
      case .tableOutside(let name, _, _): "the \(name) starts outside the file system"
      case .noIDs: "there are no user and group ids"
      case .noInodes: "there are no inodes"
      case .tableOrder: "the tables are out of order"
      case .fragmentsWithoutTable: "\(fragmentCount) fragments without a table"
      case .inodeTableTooShort: "the inode table is too short for \(inodeCount) inodes"
      }
    if flaw == .version { return SquashError(.unsupportedVersion, what) }
    return reader.corrupt(what, at: Int64(flaw.offset))
  }
}
