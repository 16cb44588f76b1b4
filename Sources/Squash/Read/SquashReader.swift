import Bytes

/// Reads inodes, directories, attributes and file content of an image.
///
/// It has state (caches, a decompressor), so each thread needs its own. Its memory is a few megabytes,
/// whatever the size of the image.
public final class SquashReader {
  /// The image that it reads.
  public let image: SquashImage
  let metadata: MetadataReader
  /// Compressed bytes of one block.
  let input: RawBuffer
  /// The decompressed block that was read last.
  let output: RawBuffer
  /// The decompressed fragment block that was read last, its index and its length.
  let fragmentBlock: RawBuffer
  var fragmentIndex: UInt32?
  var fragmentCount = 0
  /// The places of the blocks of files that were read piece by piece.
  var blockMaps = BlockMaps()

  /// A reader with caches of its own.
  public init(_ image: SquashImage) throws(SquashError) {
    self.image = image
    metadata = MetadataReader(image.reader, image.superblock)
    let blockSize = image.superblock.blockSize
    input = RawBuffer(count: blockSize)
    output = RawBuffer(count: blockSize)
    fragmentBlock = RawBuffer(count: blockSize)
  }

  /// The root directory's inode.
  public func root() throws(SquashError) -> Inode {
    let inode = try inode(image.superblock.rootInode)
    guard inode.type == .directory else {
      throw image.reader.corrupt("the root inode is not a directory", at: 32)
    }
    return inode
  }

  /// Reads `count` bytes, at most 64, of metadata.
  private func fields(_ count: Int, at position: inout MetadataPosition) throws(SquashError)
    -> UnsafeRawPointer
  {
    try metadata.contiguous(count, at: &position)
  }

  /// Reads an inode by its reference: the offset of its metadata block in the inode table, times 65536, plus
  /// the offset in the block.
  func inode(_ reference: UInt64) throws(SquashError) -> Inode {
    let superblock = image.superblock
    let block = reference >> 16
    guard block < UInt64(superblock.directoryTableStart - superblock.inodeTableStart) else {
      throw SquashError(.corrupt, "an inode outside the inode table")
    }
    var position = MetadataPosition(
      block: superblock.inodeTableStart + Int64(block), offset: Int(reference & 0xFFFF),
      end: superblock.directoryTableStart)
    let place = position.block
    let raw = try fields(16, at: &position)
    let kind = raw.u16(0)
    guard let type = FileType(rawValue: kind > 7 ? kind - 7 : kind) else {
      throw image.reader.corrupt("an inode of type \(kind)", at: place)
    }
    let number = raw.u32(12)
    guard number > 0, number <= superblock.inodeCount else {
      throw image.reader.corrupt(
        "inode number \(number) is not between 1 and \(superblock.inodeCount)", at: place)
    }
    let (user, group) = (Int(raw.u16(4)), Int(raw.u16(6)))
    guard user < image.ids.count, group < image.ids.count else {
      throw image.reader.corrupt("an id index beyond the \(image.ids.count) ids", at: place)
    }
    var inode = Inode(
      type: type, permissions: raw.u16(2) & 0o7777, userID: image.ids[user], groupID: image.ids[group],
      modificationTime: raw.u32(8), number: number, linkCount: 1, xattrIndex: nil, content: .none)
    let isExtended = kind > 7
    switch type {
    case .directory: try readDirectory(&inode, isExtended, at: &position)
    case .regular: try readRegular(&inode, isExtended, at: &position)
    case .symlink: try readSymlink(&inode, isExtended, at: &position)
    case .blockDevice, .characterDevice:
      let raw = try fields(isExtended ? 12 : 8, at: &position)
      inode.linkCount = raw.u32(0)
      inode.content = .device(DeviceNumber(packed: raw.u32(4)))
      inode.xattrIndex = isExtended ? Self.index(raw.u32(8)) : nil
    case .fifo, .socket:
      let raw = try fields(isExtended ? 8 : 4, at: &position)
      inode.linkCount = raw.u32(0)
      inode.xattrIndex = isExtended ? Self.index(raw.u32(4)) : nil
    }
    return inode
  }

  private static func index(_ raw: UInt32) -> UInt32? { raw == Inode.none ? nil : raw }

  private func readDirectory(
    _ inode: inout Inode, _ isExtended: Bool, at position: inout MetadataPosition
  ) throws(SquashError) {
    let raw = try fields(isExtended ? 24 : 16, at: &position)
    // Basic: start, links, size (16 bits), offset, parent. Extended: links, size (32 bits), start, parent,
    // index count, offset, attributes.
    let start = raw.u32(isExtended ? 8 : 0)
    inode.linkCount = raw.u32(isExtended ? 0 : 4)
    let size = isExtended ? Int(raw.u32(4)) : Int(raw.u16(8))
    let offset = Int(raw.u16(isExtended ? 18 : 10))
    inode.xattrIndex = isExtended ? Self.index(raw.u32(20)) : nil
    let parent = raw.u32(12)
    // The listing's length counts 3 bytes for "." and "..", which are not stored.
    guard size >= 3 || size == 0 else {
      throw image.reader.corrupt("a directory of \(size) bytes", at: position.block)
    }
    let superblock = image.superblock
    let end = superblock.fragmentTableStart ?? superblock.exportTableStart ?? superblock.idTableStart
    inode.content = .directory(
      DirectoryLayout(
        position: MetadataPosition(
          block: superblock.directoryTableStart + Int64(start), offset: offset, end: end),
        byteCount: max(size - 3, 0), parent: parent))
  }

  private func readRegular(
    _ inode: inout Inode, _ isExtended: Bool, at position: inout MetadataPosition
  ) throws(SquashError) {
    let place = position.block
    let raw = try fields(isExtended ? 40 : 16, at: &position)
    let start = isExtended ? raw.u64(0) : UInt64(raw.u32(0))
    let size = isExtended ? raw.u64(8) : UInt64(raw.u32(12))
    if isExtended { inode.linkCount = raw.u32(24) }
    let fragment = raw.u32(isExtended ? 28 : 4)
    let fragmentOffset = raw.u32(isExtended ? 32 : 8)
    inode.xattrIndex = isExtended ? Self.index(raw.u32(36)) : nil
    let superblock = image.superblock
    let blockSize = UInt64(superblock.blockSize)
    guard size <= UInt64(Int64.max) - blockSize else {
      throw image.reader.corrupt("a file of \(size) bytes", at: place)
    }
    let hasFragment = fragment != Inode.none
    let blocks = hasFragment ? size / blockSize : (size + blockSize - 1) / blockSize
    // The list of block sizes lies in the inode table, which limits the size that a file can claim.
    let longest = MetadataReader.longestContent(of: position.end - place)
    guard blocks <= UInt64(longest) / 4 else {
      throw image.reader.corrupt(
        "a file of \(size) bytes, whose list of blocks does not fit into the inode table", at: place)
    }
    guard start <= UInt64(superblock.bytesUsed) else {
      throw image.reader.corrupt("a file whose blocks start outside the file system", at: place)
    }
    if hasFragment {
      guard fragment < superblock.fragmentCount else {
        throw image.reader.corrupt(
          "fragment \(fragment), but there are only \(superblock.fragmentCount)", at: place)
      }
      guard UInt64(fragmentOffset) + size % blockSize <= blockSize else {
        throw image.reader.corrupt("a tail that reaches past its fragment block", at: place)
      }
    }
    inode.content = .regular(
      FileLayout(
        size: Int64(size), start: Int64(start), fragment: hasFragment ? fragment : nil,
        fragmentOffset: fragmentOffset, blockList: position, blockCount: Int(blocks)))
  }

  private func readSymlink(
    _ inode: inout Inode, _ isExtended: Bool, at position: inout MetadataPosition
  ) throws(SquashError) {
    let place = position.block
    let raw = try fields(8, at: &position)
    inode.linkCount = raw.u32(0)
    let count = Int(raw.u32(4))
    guard count > 0, count <= Inode.longestTarget else {
      throw image.reader.corrupt("a symbolic link with a target of \(count) bytes", at: place)
    }
    let target = try bytes(count, at: &position)
    guard !target.contains(0) else {
      throw image.reader.corrupt("a symbolic link with a NUL in its target", at: place)
    }
    inode.content = .symlink(target)
    if isExtended { inode.xattrIndex = Self.index(try fields(4, at: &position).u32(0)) }
  }

  /// Reads bytes; the caller has limited their count.
  func bytes(_ count: Int, at position: inout MetadataPosition) throws(SquashError) -> [UInt8] {
    var failure: SquashError?
    let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
      guard count > 0, let base = buffer.baseAddress else { return }
      do throws(SquashError) {
        try metadata.read(base, count, at: &position)
        filled = count
      } catch { failure = error }
    }
    if let failure { throw failure }
    return bytes
  }
}
