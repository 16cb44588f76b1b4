import Bytes

/// The sizes of a run of one file's blocks: enough to read them without the inode table.
struct BlockRun: Sendable {
  /// The offset in the image at which the first block starts.
  var start: Int64
  /// The offset in the file of the first block's bytes.
  var fileOffset: Int64
  /// The words of the block list: the length on disk in 24 bits, with bit 24 set if the block is stored
  /// uncompressed; 0 for a hole.
  var words: [UInt32]
}

/// Reads the list of a file's blocks from front to back.
struct BlockListCursor {
  private static let stored: UInt32 = 1 << 24
  private var position: MetadataPosition
  private var blocksLeft: Int
  private var start: Int64
  private var fileOffset: Int64 = 0

  init(_ layout: FileLayout) {
    position = layout.blockList
    blocksLeft = layout.blockCount
    start = layout.start
  }

  /// The next run of at most `count` blocks, or nil at the end of the list.
  mutating func next(_ reader: SquashReader, count: Int) throws(SquashError) -> BlockRun? {
    guard blocksLeft > 0 else { return nil }
    let count = min(blocksLeft, count)
    var words = [UInt32](repeating: 0, count: count)
    try reader.metadata.read(&words, count * 4, at: &position)
    let superblock = reader.image.superblock
    var end = start
    for index in 0..<count {
      words[index] = UInt32(littleEndian: words[index])
      let length = Int64(words[index] & (Self.stored - 1))
      guard words[index] < Self.stored << 1, length <= superblock.blockSize,
        end + length <= superblock.inodeTableStart
      else { throw reader.image.reader.corrupt("a data block of \(length) bytes on disk", at: end) }
      end += length
    }
    let run = BlockRun(start: start, fileOffset: fileOffset, words: words)
    blocksLeft -= count
    start = end
    fileOffset += Int64(count) * Int64(superblock.blockSize)
    return run
  }
}

extension SquashReader {
  /// The number of blocks that are read or handed out at once: few, so that memory stays small.
  static let runLength = 1024

  /// Reads one block of the image into ``output`` (or `target`).
  ///
  /// - Parameter expected: the length that the block must have after decompression.
  func readBlock(
    at start: Int64, word: UInt32, expected: ClosedRange<Int>, into target: UnsafeMutableRawPointer
  ) throws(SquashError) -> Int {
    let count = Int(word & 0xFF_FFFF)
    guard count > 0, count <= image.superblock.blockSize else {
      throw image.reader.corrupt("a data block of \(count) bytes on disk", at: start)
    }
    var written: Int?
    if word & (1 << 24) != 0 {
      guard expected.contains(count) else {
        throw image.reader.corrupt("a stored data block of \(count) bytes", at: start)
      }
      try image.reader.readExactly(target, count, at: start)
      written = count
    } else {
      try image.reader.readExactly(input.start, count, at: start)
      written = try metadata.decompress(
        input.start, count, into: target, capacity: expected.upperBound)
    }
    guard let written, expected.contains(written) else {
      throw image.reader.corrupt(
        "a data block that \(image.superblock.compression) cannot decompress to its length", at: start)
    }
    return written
  }

  /// Reads a run of blocks, in order.
  ///
  /// - Parameter body: called with the offset in the file and the bytes of each block that is not a hole;
  ///   the bytes are valid during the call.
  func read(
    _ run: BlockRun, of size: Int64,
    _ body: (Int64, UnsafeRawBufferPointer) throws(SquashError) -> Void
  ) throws(SquashError) {
    let blockSize = Int64(image.superblock.blockSize)
    var start = run.start
    var offset = run.fileOffset
    for word in run.words {
      let expected = Int(min(blockSize, size - offset))
      if word != 0 {
        let count = try readBlock(at: start, word: word, expected: expected...expected, into: output.start)
        try body(offset, UnsafeRawBufferPointer(start: output.start, count: count))
      }
      start += Int64(word & 0xFF_FFFF)
      offset += blockSize
    }
  }

  /// Reads the tail of a file from its fragment block; does nothing for an empty tail.
  func readTail(
    of layout: FileLayout, _ body: (Int64, UnsafeRawBufferPointer) throws(SquashError) -> Void
  ) throws(SquashError) {
    let blockSize = Int64(image.superblock.blockSize)
    let count = Int(layout.size % blockSize)
    guard let fragment = layout.fragment, count > 0 else { return }
    try loadFragment(fragment)
    let start = Int(layout.fragmentOffset)
    guard start + count <= fragmentCount else {
      throw SquashError(.corrupt, "a tail that reaches past its fragment block of \(fragmentCount) bytes")
    }
    try body(
      layout.size - Int64(count),
      UnsafeRawBufferPointer(start: fragmentBlock.start + start, count: count))
  }

  /// The place of a fragment block in the image, and the word that says how it is stored.
  func fragmentBlock(_ index: UInt32) throws(SquashError) -> (start: Int64, word: UInt32) {
    let superblock = image.superblock
    guard let table = superblock.fragmentTableStart, index < superblock.fragmentCount else {
      throw SquashError(.corrupt, "fragment \(index), but there are only \(superblock.fragmentCount)")
    }
    let perBlock = UInt32(MetadataReader.blockSize / 16)
    var position = try SquashImage.position(
      ofBlock: Int64(index / perBlock), in: table, reader: image.reader, superblock)
    position.offset = Int(index % perBlock) * 16
    var entry: (UInt64, UInt32, UInt32) = (0, 0, 0)
    try metadata.read(&entry, 16, at: &position)
    let (start, word) = (UInt64(littleEndian: entry.0), UInt32(littleEndian: entry.1))
    guard word < 1 << 25, let start = Int64(exactly: start),
      start <= superblock.inodeTableStart - Int64(word & 0xFF_FFFF)
    else { throw SquashError(.corrupt, "fragment block \(index) lies outside the data") }
    return (start, word)
  }

  private func loadFragment(_ index: UInt32) throws(SquashError) {
    guard fragmentIndex != index else { return }
    let (start, word) = try fragmentBlock(index)
    fragmentIndex = nil
    fragmentCount = try readBlock(
      at: start, word: word, expected: 1...image.superblock.blockSize, into: fragmentBlock.start)
    fragmentIndex = index
  }

  /// Reads a file from front to back.
  ///
  /// - Parameter body: called with the offset in the file and the bytes of each piece that is not a hole, at
  ///   most one block each; the bytes are valid during the call. Holes are the offsets that no call names.
  public func read(
    _ layout: FileLayout, _ body: (Int64, UnsafeRawBufferPointer) throws(SquashError) -> Void
  ) throws(SquashError) {
    var list = BlockListCursor(layout)
    while let run = try list.next(self, count: Self.runLength) {
      try read(run, of: layout.size, body)
    }
    try readTail(of: layout, body)
  }
}

extension SquashReader {
  /// The first bytes of a file, at most `count` and at most a block; holes are zeros.
  public func prefix(of layout: FileLayout, _ count: Int) throws(SquashError) -> [UInt8] {
    let wanted = Int(max(min(Int64(min(count, image.superblock.blockSize)), layout.size), 0))
    var bytes = [UInt8](repeating: 0, count: wanted)
    func take(_ offset: Int64, _ block: UnsafeRawBufferPointer) {
      guard offset == 0 else { return }
      bytes.withUnsafeMutableBytes { $0.copyBytes(from: block.prefix(wanted)) }
    }
    var list = BlockListCursor(layout)
    if let run = try list.next(self, count: 1) {
      try read(run, of: layout.size) { (offset, block) throws(SquashError) in take(offset, block) }
    } else {
      try readTail(of: layout) { (offset, block) throws(SquashError) in take(offset, block) }
    }
    return bytes
  }
}

extension SquashImage {
  /// The contents of one file, whole.
  ///
  /// ```swift
  /// let release = try squashfs.contents(of: "/etc/os-release")
  /// ```
  ///
  /// - Parameters:
  ///   - path: from the root, with or without the leading slash; symbolic links are followed.
  ///   - limit: the longest file to read, in bytes.
  /// - Throws: ``SquashError/Code/notFound``, ``SquashError/Code/notRegularFile``, or
  ///   ``SquashError/Code/limitExceeded`` for a longer file; any other fault of the image.
  public func contents(of path: String, limit: Int = 64 << 20) throws(SquashError) -> [UInt8] {
    let reader = try SquashReader(self)
    let name = Array(path.utf8)
    let entry = try reader.lookup(name, followLast: true)
    guard let layout = entry.inode.layout else {
      throw SquashError(.notRegularFile, "it is not a regular file", path: name)
    }
    guard layout.size <= limit else {
      throw SquashError(
        .limitExceeded, "it is \(layout.size) bytes long, and \(limit) is the limit", path: name)
    }
    var bytes = [UInt8](repeating: 0, count: Int(layout.size))
    try reader.read(layout) { (offset, part) throws(SquashError) in
      bytes.withUnsafeMutableBytes { $0[Int(offset)...].copyBytes(from: part) }
    }
    return bytes
  }
}
