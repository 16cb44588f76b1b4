/// Builds squashfs images byte by byte; every field can hold a false value. Metadata is stored uncompressed.
public struct ForgedImage: Sendable {
  /// Blocks of files, directly after the superblock.
  public var data: [UInt8] = []
  /// The inodes so far.
  public var inodes: [UInt8] = []
  /// The listings so far.
  public var directories: [UInt8] = []
  /// Fragment blocks: their places and words.
  public var fragments: [(start: UInt64, word: UInt32)] = []
  /// Names and values of extended attributes.
  public var xattrPairs: [UInt8] = []
  /// Sets of extended attributes.
  public var xattrSets: [(reference: UInt64, count: UInt32, size: UInt32)] = []
  /// Users and groups.
  public var ids: [UInt32] = [0]
  /// The number of inodes that the superblock claims.
  public var inodeCount: UInt32 = 100
  /// The reference of the root's inode.
  public var root: UInt64 = 0
  /// The logarithm of the size of blocks.
  public var blockLog: UInt16 = 17
  /// The number of the compressor.
  public var compression: UInt16 = 1
  /// Changes to the finished superblock, by offset.
  public var patches: [(offset: Int, bytes: [UInt8])] = []
  /// Changes to the claimed number of fragments and sets of attributes.
  public var fragmentCount: UInt32?
  /// The same for sets of attributes.
  public var xattrCount: UInt32?

  /// The bytes of a number, the least significant first.
  public static func le<Value: FixedWidthInteger>(_ value: Value) -> [UInt8] {
    withUnsafeBytes(of: value.littleEndian, Array.init)
  }

  /// An empty image.
  public init() {}

  /// The reference of the next inode or listing.
  private static func reference(_ table: [UInt8]) -> UInt64 {
    UInt64(table.count / 8192 * 8194) << 16 | UInt64(table.count % 8192)
  }

  /// Adds an inode with a body of its own; returns its reference.
  public mutating func inode(type: UInt16, number: UInt32, mode: UInt16 = 0o755, _ body: [UInt8]) -> UInt64 {
    let reference = Self.reference(inodes)
    inodes += Self.le(type) + Self.le(mode) + Self.le(UInt16(0)) + Self.le(UInt16(0))
    inodes += Self.le(UInt32(1_000_000)) + Self.le(number) + body
    return reference
  }

  /// Adds a regular file whose inode may claim anything.
  public mutating func file(
    number: UInt32, size: UInt64, start: UInt64 = 96, words: [UInt32] = [], fragment: UInt32 = .max,
    offset: UInt32 = 0, links: UInt32 = 1, xattr: UInt32 = .max
  ) -> UInt64 {
    inode(
      type: 9, number: number, mode: 0o644,
      Self.le(start) + Self.le(size) + Self.le(UInt64(0)) + Self.le(links) + Self.le(fragment)
        + Self.le(offset) + Self.le(xattr) + words.flatMap(Self.le))
  }

  /// A symbolic link.
  public mutating func symlink(number: UInt32, _ target: [UInt8]) -> UInt64 {
    inode(type: 3, number: number, Self.le(UInt32(1)) + Self.le(UInt32(target.count)) + target)
  }

  /// Adds a directory with the entries in the given order.
  public mutating func directory(
    number: UInt32, _ entries: [(name: [UInt8], number: UInt32, reference: UInt64, type: UInt16)]
  ) -> UInt64 {
    let place = Self.reference(directories)
    var count = 0
    for entry in entries {
      // One header for each entry, so that entries need not fit together.
      let listing =
        Self.le(UInt32(0)) + Self.le(UInt32(entry.reference >> 16)) + Self.le(entry.number)
        + Self.le(UInt16(entry.reference & 0xFFFF)) + Self.le(Int16(0)) + Self.le(entry.type)
        + Self.le(UInt16(truncatingIfNeeded: entry.name.count - 1)) + entry.name
      directories += listing
      count += listing.count
    }
    return inode(
      type: 8, number: number,
      Self.le(UInt32(2)) + Self.le(UInt32(count + 3)) + Self.le(UInt32(place >> 16)) + Self.le(UInt32(1))
        + Self.le(UInt16(0)) + Self.le(UInt16(place & 0xFFFF)) + Self.le(UInt32.max))
  }

  private static func blocks(_ bytes: [UInt8]) -> [UInt8] {
    var result: [UInt8] = []
    for start in stride(from: 0, to: bytes.count, by: 8192) {
      let part = bytes[start..<min(start + 8192, bytes.count)]
      result += le(UInt16(part.count) | 0x8000) + part
    }
    return result
  }

  /// The image.
  public func build() -> [UInt8] {
    var body = data
    func position() -> UInt64 { UInt64(96 + body.count) }
    let inodeStart = position()
    body += Self.blocks(inodes)
    let directoryStart = position()
    body += Self.blocks(directories.isEmpty ? [0] : directories)
    var fragmentStart = UInt64.max
    if !fragments.isEmpty {
      let block = position()
      body += Self.blocks(fragments.flatMap { Self.le($0.start) + Self.le($0.word) + Self.le(UInt32(0)) })
      fragmentStart = position()
      body += Self.le(block)
    }
    let idBlock = position()
    body += Self.blocks(ids.flatMap(Self.le))
    let idStart = position()
    body += Self.le(idBlock)
    var xattrStart = UInt64.max
    if !xattrSets.isEmpty {
      let pairs = position()
      body += Self.blocks(xattrPairs)
      let sets = position()
      body += Self.blocks(xattrSets.flatMap { Self.le($0.reference) + Self.le($0.count) + Self.le($0.size) })
      xattrStart = position()
      body +=
        Self.le(pairs) + Self.le(xattrCount ?? UInt32(xattrSets.count)) + Self.le(UInt32(0)) + Self.le(sets)
    }
    var image: [UInt8] = []
    image += Self.le(UInt32(0x7371_7368)) + Self.le(inodeCount) + Self.le(UInt32(0))
    image += Self.le(UInt32(1) << UInt32(blockLog)) + Self.le(fragmentCount ?? UInt32(fragments.count))
    image += Self.le(compression) + Self.le(blockLog) + Self.le(UInt16(0)) + Self.le(UInt16(ids.count))
    image += Self.le(UInt16(4)) + Self.le(UInt16(0)) + Self.le(root) + Self.le(position())
    image += Self.le(idStart) + Self.le(xattrStart) + Self.le(inodeStart) + Self.le(directoryStart)
    image += Self.le(fragmentStart) + Self.le(UInt64.max)
    image += body
    for patch in patches {
      image.replaceSubrange(patch.offset..<(patch.offset + patch.bytes.count), with: patch.bytes)
    }
    return image
  }

  /// An image whose root directory holds the entries.
  public static func withRoot(
    _ make: (inout ForgedImage) -> [(name: [UInt8], number: UInt32, reference: UInt64, type: UInt16)]
  ) -> ForgedImage {
    var forged = ForgedImage()
    let entries = make(&forged)
    forged.root = forged.directory(number: 1, entries)
    return forged
  }
}
