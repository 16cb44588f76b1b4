import Bytes

/// A place in a run of metadata blocks.
struct MetadataPosition: Hashable, Sendable {
  /// The offset in the image of the block's two-byte header.
  var block: Int64
  /// The offset in the decompressed block.
  var offset: Int
  /// The end of the run in the image; every block starts before it.
  var end: Int64
}

/// Reads and caches metadata blocks: at most 8 KiB each, after a two-byte header with the length on disk,
/// whose highest bit means "stored uncompressed".
///
/// It has state, so each thread needs its own. Its memory does not grow with the image.
final class MetadataReader {
  /// The length of each decompressed block except the last of a run.
  static let blockSize = 8192
  private static let slotCount = 64
  /// Compressed bytes are fetched in pieces that grow to this size while tables are read from front to back.
  private static let windowSize = 64 * 1024
  /// The size of a piece that does not follow another: the longest block with its header.
  private static let shortestPiece = 2 + blockSize
  /// The most bytes that ``contiguous(_:at:)`` returns.
  static let longestField = 4096

  private struct Slot {
    var block: Int64 = -1
    var count = 0
    var next: Int64 = 0
    var lastUse = 0
  }

  let reader: any RandomAccess
  private let superblock: Superblock
  private var ownDecompressor: Decompressor?
  private let memory = RawBuffer(count: slotCount * blockSize)
  private let window = RawBuffer(count: windowSize)
  private var windowStart: Int64 = 0
  private var windowCount = 0
  private let joined = RawBuffer(count: longestField)
  private var slots = [Slot](repeating: Slot(), count: slotCount)
  private var latest = 0
  private var clock = 0

  init(_ reader: any RandomAccess, _ superblock: Superblock) {
    self.reader = reader
    self.superblock = superblock
  }

  /// Decompresses one block of the image, metadata or data. The decompressor is made when first needed: the
  /// ids of most images are stored uncompressed.
  ///
  /// - Returns: the number of bytes written, or nil if the input is not a valid block of at most that size.
  func decompress(
    _ source: UnsafeRawPointer, _ count: Int, into destination: UnsafeMutableRawPointer, capacity: Int
  ) throws(SquashError) -> Int? {
    if ownDecompressor == nil {
      ownDecompressor = try Decompressor(superblock.compression, blockSize: superblock.blockSize)
    }
    return ownDecompressor?.decompress(source, count, into: destination, capacity: capacity)
  }

  /// The most bytes that a run of `count` bytes on disk can hold: each block takes at least three.
  static func longestContent(of count: Int64) -> Int64 {
    let (bytes, overflow) = (count / 3 + 1).multipliedReportingOverflow(by: Int64(blockSize))
    return overflow ? .max : bytes
  }

  /// Reads `count` bytes and moves the position past them.
  func read(
    _ destination: UnsafeMutableRawPointer, _ count: Int, at position: inout MetadataPosition
  ) throws(SquashError) {
    var done = 0
    while done < count {
      let slot = try slot(of: position)
      let available = slots[slot].count - position.offset
      guard available > 0 else {
        // An offset of 8192 is valid only as the end of a full block.
        guard position.offset == slots[slot].count else {
          throw reader.corrupt("an offset past the end of its metadata block", at: position.block)
        }
        position.block = slots[slot].next
        position.offset = 0
        continue
      }
      let part = min(available, count - done)
      (destination + done).copyMemory(
        from: memory.start + slot * Self.blockSize + position.offset, byteCount: part)
      position.offset += part
      done += part
    }
  }

  /// Returns the next `count` bytes, at most ``longestField``, and moves the position past them. They are
  /// valid until the next call of any method.
  func contiguous(_ count: Int, at position: inout MetadataPosition) throws(SquashError) -> UnsafeRawPointer {
    let slot = try slot(of: position)
    if position.offset <= slots[slot].count - count {
      defer { position.offset += count }
      return UnsafeRawPointer(memory.start + slot * Self.blockSize + position.offset)
    }
    try read(joined.start, count, at: &position)
    return UnsafeRawPointer(joined.start)
  }

  /// Moves a position forward without copying.
  func skip(_ count: Int, at position: inout MetadataPosition) throws(SquashError) {
    var left = count
    while left > 0 {
      let slot = try slot(of: position)
      let part = min(slots[slot].count - position.offset, left)
      guard part > 0 || position.offset == slots[slot].count else {
        throw reader.corrupt("an offset past the end of its metadata block", at: position.block)
      }
      position.offset += part
      left -= part
      if left > 0 {
        position.block = slots[slot].next
        position.offset = 0
      }
    }
  }

  /// The cache slot that holds a position's block, fetched if necessary.
  private func slot(of position: MetadataPosition) throws(SquashError) -> Int {
    if slots[latest].block == position.block { return latest }
    guard position.block >= Int64(Superblock.byteCount), position.block < position.end else {
      throw reader.corrupt("a metadata block outside its table", at: position.block)
    }
    clock += 1
    var oldest = 0
    for index in 0..<Self.slotCount {
      if slots[index].block == position.block {
        latest = index
        slots[index].lastUse = clock
        return index
      }
      if slots[index].lastUse < slots[oldest].lastUse { oldest = index }
    }
    slots[oldest].block = -1
    try fetch(position, into: oldest)
    slots[oldest].lastUse = clock
    latest = oldest
    return oldest
  }

  private func fetch(_ position: MetadataPosition, into slot: Int) throws(SquashError) {
    let start = position.block
    let header = UnsafeRawPointer(try bytes(2, at: start, end: superblock.bytesUsed)).u16(0)
    let stored = header & 0x8000 != 0
    let count = Int(header & 0x7FFF)
    guard count > 0, count <= Self.blockSize, start + 2 + Int64(count) <= position.end else {
      throw reader.corrupt("a metadata block of \(count) bytes on disk", at: start)
    }
    let source = try bytes(count, at: start + 2, end: superblock.bytesUsed)
    let target = memory.start + slot * Self.blockSize
    if stored {
      target.copyMemory(from: source, byteCount: count)
      slots[slot].count = count
    } else {
      guard let written = try decompress(source, count, into: target, capacity: Self.blockSize), written > 0
      else {
        throw reader.corrupt("a metadata block that \(superblock.compression) cannot decompress", at: start)
      }
      slots[slot].count = written
    }
    slots[slot].block = start
    slots[slot].next = start + 2 + Int64(count)
  }

  /// A pointer to bytes of the image, valid until the next call.
  private func bytes(_ count: Int, at offset: Int64, end: Int64) throws(SquashError)
    -> UnsafeMutableRawPointer
  {
    if offset < windowStart || offset + Int64(count) > windowStart + Int64(windowCount) {
      let goesOn = windowCount > 0 && (windowStart...windowStart + Int64(windowCount)).contains(offset)
      let piece = goesOn ? min(windowCount * 2, Self.windowSize) : Self.shortestPiece
      windowCount = 0
      let wanted = Int(min(Int64(piece), end - offset))
      guard wanted >= count else {
        throw reader.corrupt("a structure outside the file system", at: offset)
      }
      try reader.readExactly(window.start, wanted, at: offset)
      windowStart = offset
      windowCount = wanted
    }
    return window.start + Int(offset - windowStart)
  }
}
