import LinuxSystem

/// The places of the blocks of recently read files, so that reading a file piece by piece does not walk the
/// list of its blocks from the front each time.
struct BlockMaps {
  /// One file's list of blocks: a position in it every ``interval`` blocks, and the blocks after one such
  /// position.
  struct Map {
    let list: MetadataPosition
    var places: [BlockListCursor]
    var number = -1
    var words: [UInt32] = []
    var starts: [Int64] = []
  }

  static let interval = 512
  private static let capacity = 8
  private var maps: [Map] = []

  /// The map of a file, moved to the end; a new map displaces the first one.
  mutating func take(_ layout: FileLayout) -> Map {
    if let index = maps.lastIndex(where: { $0.list == layout.blockList }) { return maps.remove(at: index) }
    return Map(list: layout.blockList, places: [BlockListCursor(layout)])
  }

  mutating func put(_ map: Map) {
    if maps.count == Self.capacity { maps.removeFirst() }
    maps.append(map)
  }
}

extension SquashReader {
  /// Reads a range of a file.
  ///
  /// - Parameters:
  ///   - offset: the start of the range in the file.
  ///   - count: the number of bytes; fewer are read if the file ends.
  ///   - body: called with each piece of the range, in order and without gaps; holes are zeros. The bytes are
  ///     valid during the call.
  public func read(
    _ layout: FileLayout, at offset: Int64, count: Int, _ cache: BlockCache,
    _ body: (UnsafeRawBufferPointer) throws(SquashError) -> Void
  ) throws(SquashError) {
    guard offset >= 0, count > 0, offset < layout.size else { return }
    let blockSize = Int64(image.superblock.blockSize)
    let end = offset + min(Int64(count), layout.size - offset)
    var position = offset
    while position < end {
      let number = position / blockSize
      let skipped = Int(position % blockSize)
      var piece = Int(min(blockSize - Int64(skipped), end - position))
      if number < layout.blockCount {
        let expected = Int(min(blockSize, layout.size - number * blockSize))
        let (start, word) = try place(ofBlock: Int(number), layout)
        if word == 0 {
          piece = min(piece, Zeros.bytes.count)
          try body(UnsafeRawBufferPointer(rebasing: Zeros.bytes[..<piece]))
        } else {
          let block = try cache.block(BlockCache.Key(start: start, word: word, byteCount: expected)) {
            (target) throws(SquashError) in
            try readBlock(at: start, word: word, expected: expected...expected, into: target)
          }
          try withExtendedLifetime(block) { () throws(SquashError) in
            try body(UnsafeRawBufferPointer(rebasing: block.bytes[skipped..<(skipped + piece)]))
          }
        }
      } else {
        try readTail(of: layout, skipping: skipped, piece, cache, body)
      }
      position += Int64(piece)
    }
  }

  /// Reads a piece of a file's tail from its fragment block.
  private func readTail(
    of layout: FileLayout, skipping skipped: Int, _ count: Int, _ cache: BlockCache,
    _ body: (UnsafeRawBufferPointer) throws(SquashError) -> Void
  ) throws(SquashError) {
    guard let index = layout.fragment else {
      throw SquashError(.corrupt, "a file whose list of blocks is too short")
    }
    let (start, word) = try fragmentBlock(index)
    let limit = image.superblock.blockSize
    // The key has a length that no data block has: a fragment block's length is not known in advance.
    let block = try cache.block(BlockCache.Key(start: start, word: word, byteCount: -1)) {
      (target) throws(SquashError) in
      try readBlock(at: start, word: word, expected: 1...limit, into: target)
    }
    let first = Int(layout.fragmentOffset) + skipped
    try withExtendedLifetime(block) { () throws(SquashError) in
      let bytes = block.bytes
      guard first + count <= bytes.count else {
        throw SquashError(.corrupt, "a tail that reaches past its fragment block of \(bytes.count) bytes")
      }
      try body(UnsafeRawBufferPointer(rebasing: bytes[first..<(first + count)]))
    }
  }

  /// The place of a file's block, and its word in the list.
  private func place(ofBlock number: Int, _ layout: FileLayout) throws(SquashError) -> (Int64, UInt32) {
    var map = blockMaps.take(layout)
    defer { blockMaps.put(map) }
    let wanted = number / BlockMaps.interval
    if map.number != wanted {
      map.number = -1
      var index = min(wanted, map.places.count - 1)
      while true {
        var cursor = map.places[index]
        guard let run = try cursor.next(self, count: BlockMaps.interval) else {
          throw SquashError(.corrupt, "a file whose list of blocks is too short")
        }
        if index + 1 == map.places.count { map.places.append(cursor) }
        if index == wanted {
          map.words = run.words
          map.starts.removeAll(keepingCapacity: true)
          var start = run.start
          for word in run.words {
            map.starts.append(start)
            start += Int64(word & 0xFF_FFFF)
          }
          map.number = wanted
          break
        }
        index += 1
      }
    }
    let index = number % BlockMaps.interval
    return (map.starts[index], map.words[index])
  }
}

/// A name in a directory, and the inode that it leads to.
public struct ListedName: Sendable {
  /// The name, as raw bytes.
  public let name: [UInt8]
  /// The argument of ``SquashReader/inode(at:)``.
  public let reference: UInt64
  /// The inode's number.
  public let number: UInt32
  /// The inode's type, if the directory gives a valid one.
  public let type: FileType?
}

/// A place in a directory's listing. A copy continues from the same place.
public struct DirectoryListing: Sendable {
  private var cursor: DirectoryCursor

  /// The listing of a directory, from its first name on; nil for any other inode.
  public init?(_ inode: Inode) {
    guard case .directory(let layout) = inode.content else { return nil }
    cursor = DirectoryCursor(layout)
  }

  /// The next name; nil at the end. Names that a file system must not show are skipped.
  public mutating func next(_ reader: SquashReader) throws(SquashError) -> ListedName? {
    var fault: SquashError?
    while let entry = try cursor.next(reader.metadata, fault: &fault) {
      guard fault == nil else { continue }
      return ListedName(name: cursor.name, reference: entry.reference, number: entry.number, type: entry.type)
    }
    return nil
  }
}

extension SquashReader {
  /// The reference of the root directory's inode.
  public var rootReference: UInt64 { image.superblock.rootInode }

  /// Reads the inode of a reference, such as that of a listed name.
  public func inode(at reference: UInt64) throws(SquashError) -> Inode { try inode(reference) }

  /// The inode of a listed name. Throws if the two contradict each other.
  public func inode(of listed: ListedName) throws(SquashError) -> Inode {
    let inode = try inode(listed.reference)
    guard inode.number == listed.number, inode.type == listed.type else {
      throw SquashError(.corrupt, "the directory entry and its inode disagree", path: listed.name)
    }
    return inode
  }

  /// Finds a name in a directory; nil if it does not exist.
  public func listed(_ name: [UInt8], in directory: Inode) throws(SquashError) -> ListedName? {
    guard var listing = DirectoryListing(directory) else {
      throw SquashError(.notDirectory, "not a directory")
    }
    while let listed = try listing.next(self) {
      if listed.name == name { return listed }
      // A listing gives its names in order.
      if name.lexicographicallyPrecedes(listed.name) { return nil }
    }
    return nil
  }
}
