/// The facts of a squashfs 4.0 superblock: 96 bytes, little-endian, at offset 0.
public struct Superblock: Equatable, Sendable {
  /// `hsqs` read as a little-endian number.
  static let magic: UInt32 = 0x7371_7368
  /// The length of the superblock in bytes.
  public static let byteCount = 96
  /// "No such table" in a table's start.
  static let absent = UInt64.max

  /// How many inodes there are.
  public var inodeCount: UInt32
  /// When the file system was made, in Unix seconds.
  public var creationTime: UInt32
  /// The size of a data block in bytes: a power of two from 4 KiB to 1 MiB.
  public var blockSize: Int
  /// How many fragment blocks there are.
  public var fragmentCount: UInt32
  /// The compressor.
  public var compression: Compression
  /// The flags as stored.
  public var flags: UInt16
  /// How many distinct user and group ids there are.
  public var idCount: UInt16
  /// The root directory's inode: the offset of its metadata block in the inode table, times 65536, plus the
  /// offset in the block.
  public var rootInode: UInt64
  /// The length of the file system in bytes, without padding.
  public var bytesUsed: Int64
  /// Where the table of ids starts.
  public var idTableStart: Int64
  /// Where the table of extended attributes starts, if there is one.
  public var xattrTableStart: Int64?
  /// Where the inodes start.
  public var inodeTableStart: Int64
  /// Where the directory listings start.
  public var directoryTableStart: Int64
  /// Where the table of fragments starts, if there is one.
  public var fragmentTableStart: Int64?
  /// Where the table for NFS export starts, if there is one.
  public var exportTableStart: Int64?

  /// Reads the superblock and checks every field against the others and against the image's length.
  public init(reading reader: some RandomAccessReader) throws(SquashError) {
    let buffer = RawBuffer(count: Self.byteCount)
    guard try reader.read(into: buffer.bytes, at: 0) == Self.byteCount else {
      throw SquashError(.notSquashfs, "too short for a squashfs superblock")
    }
    let raw = UnsafeRawPointer(buffer.start)
    guard raw.u32(0) == Self.magic else { throw SquashError(.notSquashfs, "no squashfs magic") }
    inodeCount = raw.u32(4)
    creationTime = raw.u32(8)
    let blockSize = raw.u32(12)
    fragmentCount = raw.u32(16)
    compression = Compression(rawValue: raw.u16(20))
    let blockLog = raw.u16(22)
    flags = raw.u16(24)
    idCount = raw.u16(26)
    guard raw.u16(28) == 4, raw.u16(30) == 0 else {
      throw SquashError(.unsupportedVersion, "squashfs \(raw.u16(28)).\(raw.u16(30)); only 4.0 is readable")
    }
    guard (12...20).contains(blockLog), blockSize == UInt32(1) << UInt32(blockLog) else {
      throw SquashError(.corrupt, "a block size of \(blockSize) with a logarithm of \(blockLog)", offset: 12)
    }
    self.blockSize = Int(blockSize)
    rootInode = raw.u64(32)

    let used = raw.u64(40)
    guard used >= UInt64(Self.byteCount), used <= UInt64(Int64.max) else {
      throw SquashError(.corrupt, "a length of \(used) bytes", offset: 40)
    }
    guard Int64(used) <= reader.byteCount else {
      throw SquashError(.truncated, "truncated: \(reader.byteCount) of \(used) bytes present")
    }
    bytesUsed = Int64(used)

    func table(_ field: Int, _ name: String) throws(SquashError) -> Int64? {
      let start = raw.u64(field)
      if start == Self.absent { return nil }
      guard start >= UInt64(Self.byteCount), start < used else {
        throw SquashError(.corrupt, "the \(name) starts outside the file system", offset: Int64(field))
      }
      return Int64(start)
    }
    func required(_ start: Int64?, _ field: Int64, _ name: String) throws(SquashError) -> Int64 {
      guard let start else { throw SquashError(.corrupt, "there is no \(name)", offset: field) }
      return start
    }
    idTableStart = try required(try table(48, "id table"), 48, "id table")
    xattrTableStart = try table(56, "table of extended attributes")
    inodeTableStart = try required(try table(64, "inode table"), 64, "inode table")
    directoryTableStart = try required(try table(72, "directory table"), 72, "directory table")
    fragmentTableStart = try table(80, "fragment table")
    exportTableStart = try table(88, "export table")
    if fragmentCount == 0 { fragmentTableStart = nil }
    try checkOrder()
  }

  /// The tables follow each other in one order, which is what bounds each of them.
  private func checkOrder() throws(SquashError) {
    guard idCount > 0 else { throw SquashError(.corrupt, "there are no user and group ids", offset: 26) }
    guard inodeCount > 0 else { throw SquashError(.corrupt, "there are no inodes", offset: 4) }
    guard inodeTableStart < directoryTableStart, directoryTableStart < idTableStart,
      (fragmentTableStart ?? idTableStart) <= idTableStart,
      (fragmentTableStart ?? directoryTableStart) >= directoryTableStart,
      (xattrTableStart ?? idTableStart) >= idTableStart
    else { throw SquashError(.corrupt, "the tables are out of order", offset: 48) }
    guard fragmentCount == 0 || fragmentTableStart != nil else {
      throw SquashError(.corrupt, "\(fragmentCount) fragments without a table", offset: 16)
    }
    let longest = Int64(MetadataReader.longestContent(of: directoryTableStart - inodeTableStart))
    guard Int64(inodeCount) <= longest / Int64(Inode.shortest) else {
      throw SquashError(.corrupt, "the inode table is too short for \(inodeCount) inodes", offset: 4)
    }
  }
}
