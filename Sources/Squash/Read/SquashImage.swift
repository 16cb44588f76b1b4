public import Bytes
import LinuxSystem

/// An open squashfs: its superblock and ids, and the places of its tables. Immutable, so threads can share
/// it.
///
/// Everything else is read through a ``SquashReader``; each thread has its own.
public final class SquashImage: Sendable {
  /// The bytes of the image.
  public let reader: any RandomAccess
  /// The facts of the superblock.
  public let superblock: Superblock
  /// The user and group ids that inodes refer to by index.
  let ids: [UInt32]

  /// Opens a squashfs that starts at the reader's first byte.
  ///
  /// - Throws: ``SquashError`` if it is not a squashfs, is truncated, contradicts itself, or uses a
  ///   compressor that this build lacks.
  public init(_ reader: any RandomAccess) throws(SquashError) {
    self.reader = reader
    let superblock = try Superblock(reading: reader)
    self.superblock = superblock
    if superblock.compression != .gzip, superblock.compression != .zstd {
      // Find out before anything is read whether libsquashfs has the compressor; only trying tells.
      _ = try Decompressor(superblock.compression, blockSize: superblock.blockSize)
    }
    let count = Int(superblock.idCount)
    var ids: [UInt32] = []
    let metadata = MetadataReader(reader, superblock)
    let buffer = RawBuffer(count: MetadataReader.blockSize)
    while ids.count < count {
      let number = Int64(ids.count / (MetadataReader.blockSize / 4))
      var position = try Self.position(
        ofBlock: number, in: superblock.idTableStart, reader: reader, superblock)
      let part = min(MetadataReader.blockSize, (count - ids.count) * 4)
      try metadata.read(buffer.start, part, at: &position)
      for index in 0..<(part / 4) { ids.append(UnsafeRawPointer(buffer.start).u32(index * 4)) }
    }
    self.ids = ids
  }

  /// Opens the squashfs in a file.
  ///
  /// - Throws: ``SquashError``, also if the file cannot be opened.
  public convenience init(opening path: String) throws(SquashError) {
    let file: RandomAccessFile
    do throws(SystemError) { file = try RandomAccessFile(opening: path) } catch { throw SquashError(error) }
    try self.init(file)
  }

  /// The position of the metadata block with a number, from a table of 64-bit block locations. The blocks lie
  /// before the table of their locations.
  static func position(
    ofBlock number: Int64, in table: Int64, reader: any RandomAccess, _ superblock: Superblock
  ) throws(SquashError) -> MetadataPosition {
    let entry = table + number * 8
    guard number >= 0, entry + 8 <= superblock.bytesUsed else {
      throw reader.corrupt("a table of locations that ends outside the file system", at: table)
    }
    var raw: UInt64 = 0
    try reader.readExactly(&raw, 8, at: entry)
    let location = UInt64(littleEndian: raw)
    guard location >= UInt64(Superblock.byteCount), location < UInt64(table) else {
      throw reader.corrupt("a metadata block outside its table", at: entry)
    }
    return MetadataPosition(block: Int64(location), offset: 0, end: table)
  }
}
