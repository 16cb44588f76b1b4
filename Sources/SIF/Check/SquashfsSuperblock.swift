/// Judges the fields of a squashfs superblock by the rules that readers have for them: one that breaks any has files
/// that nobody can read (spec/check.md).
enum SquashfsSuperblock {
  /// The length of a superblock in bytes.
  static let byteCount = 96

  /// "No such table" in a table's start.
  private static let absent = UInt64.max
  /// The shortest inode, and the most that a metadata block holds and the least that it takes, in bytes.
  private static let (shortestInode, metadataBlock, shortestBlock) = (UInt64(20), UInt64(8192), UInt64(3))

  /// The first field that cannot be right, as an offset in the superblock, and why; nil where all of them may be.
  ///
  /// - Parameter bytes: the superblock, ``byteCount`` bytes.
  static func fault(in bytes: [UInt8]) -> (offset: Int64, sentence: String)? {
    func number(_ offset: Int, _ count: Int) -> UInt64 {
      bytes[offset..<offset + count].reversed().reduce(0) { $0 << 8 | UInt64($1) }
    }
    let (major, minor) = (number(28, 2), number(30, 2))
    guard (major, minor) == (4, 0) else { return (28, "its version is \(major).\(minor), not 4.0") }
    let (blockSize, logarithm) = (number(12, 4), number(22, 2))
    guard (12...20).contains(logarithm), blockSize == 1 << logarithm else {
      return (12, "its block size is \(blockSize), with a logarithm of \(logarithm)")
    }
    let used = number(40, 8)
    guard used >= byteCount, used <= Int64.max else { return (40, "its length is \(used) bytes") }
    let tables: [(offset: Int, name: String, isRequired: Bool)] = [
      (48, "id table", true), (56, "table of extended attributes", false), (64, "inode table", true),
      (72, "directory table", true), (80, "fragment table", false), (88, "export table", false),
    ]
    for table in tables {
      let start = number(table.offset, 8)
      if start == absent {
        if table.isRequired { return (Int64(table.offset), "there is no \(table.name)") }
      } else if start < byteCount || start >= used {
        return (Int64(table.offset), "the \(table.name) starts outside of it, at byte \(start)")
      }
    }
    return orderFault(number)
  }

  /// The tables follow each other in one order, and have room for what they are said to hold.
  private static func orderFault(
    _ number: (_ offset: Int, _ count: Int) -> UInt64
  ) -> (offset: Int64, sentence: String)? {
    let (inodeCount, fragmentCount, idCount) = (number(4, 4), number(16, 4), number(26, 2))
    guard idCount > 0 else { return (26, "there are no user and group ids") }
    guard inodeCount > 0 else { return (4, "there are no inodes") }
    let (ids, inodes, directories) = (number(48, 8), number(64, 8), number(72, 8))
    let fragments = fragmentCount == 0 ? absent : number(80, 8)
    // A table of extended attributes that is not there has the greatest number.
    guard inodes < directories, directories < ids, number(56, 8) >= ids,
      fragments == absent || directories <= fragments && fragments <= ids
    else { return (48, "its tables are out of order") }
    guard fragmentCount == 0 || fragments != absent else {
      return (16, "there are \(fragmentCount) fragments without a table")
    }
    // What lies inside the file has fewer than 2^63 bytes: only the product can be too great.
    let (longest, overflow) = ((directories - inodes) / shortestBlock + 1).multipliedReportingOverflow(
      by: metadataBlock)
    guard overflow || inodeCount <= longest / shortestInode else {
      return (4, "the inode table is too short for \(inodeCount) inodes")
    }
    return nil
  }
}
