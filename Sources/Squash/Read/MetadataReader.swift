/// A place in a run of metadata blocks.
struct MetadataPosition: Hashable, Sendable {
  /// Where the block's two-byte header lies in the image.
  var block: Int64
  /// The offset in the decompressed block.
  var offset: Int
  /// Where the run ends in the image; no block starts there or later.
  var end: Int64
}

/// Reads and caches metadata blocks: at most 8 KiB each, behind a two-byte header with the length on disk,
/// whose highest bit says "stored as it is".
///
/// It has state: one for each thread. Its memory does not grow with the image.
final class MetadataReader {
  /// The length of every decompressed block but the last of a run.
  static let blockSize = 8192
  private static let slotCount = 64
  /// Compressed bytes are fetched in pieces of this size, because tables are read from front to back.
  private static let windowSize = 64 * 1024

  private struct Slot {
    var block: Int64 = -1
    var count = 0
    var next: Int64 = 0
    var lastUse = 0
  }

  let image: SquashImage
  private let decompressor: Decompressor
  private let memory = RawBuffer(count: slotCount * blockSize)
  private let window = RawBuffer(count: windowSize)
  private var windowStart: Int64 = 0
  private var windowCount = 0
  private var slots = [Slot](repeating: Slot(), count: slotCount)
  private var slotOfBlock: [Int64: Int] = [:]
  private var latest = 0
  private var clock = 0

  init(_ image: SquashImage) throws(SquashError) {
    self.image = image
    decompressor = try Decompressor(image.superblock.compression, blockSize: image.superblock.blockSize)
    slotOfBlock.reserveCapacity(Self.slotCount)
  }

  /// The most bytes that a run of `count` bytes on disk can hold: no block takes fewer than three.
  static func longestContent(of count: Int64) -> Int64 {
    let (bytes, overflow) = (count / 3 + 1).multipliedReportingOverflow(by: Int64(blockSize))
    return overflow ? .max : bytes
  }

  /// Reads `count` bytes and moves the position behind them.
  func read(
    _ destination: UnsafeMutableRawPointer, _ count: Int, at position: inout MetadataPosition
  ) throws(SquashError) {
    var done = 0
    while done < count {
      let slot = try slot(of: position)
      let available = slots[slot].count - position.offset
      guard available > 0 else {
        // Only the first byte behind a full block may be named by an offset of 8192.
        guard position.offset == slots[slot].count else {
          throw SquashError(
            .corrupt, "an offset behind the end of its metadata block", offset: position.block)
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

  /// Moves a position forward without copying.
  func skip(_ count: Int, at position: inout MetadataPosition) throws(SquashError) {
    var left = count
    while left > 0 {
      let slot = try slot(of: position)
      let part = min(slots[slot].count - position.offset, left)
      guard part > 0 || position.offset == slots[slot].count else {
        throw SquashError(.corrupt, "an offset behind the end of its metadata block", offset: position.block)
      }
      position.offset += part
      left -= part
      if left > 0 {
        position.block = slots[slot].next
        position.offset = 0
      }
    }
  }

  /// The cache slot that holds a position's block, fetched if need be.
  private func slot(of position: MetadataPosition) throws(SquashError) -> Int {
    if slots[latest].block == position.block { return latest }
    guard position.block >= Int64(Superblock.byteCount), position.block < position.end else {
      throw SquashError(.corrupt, "a metadata block outside its table", offset: position.block)
    }
    clock += 1
    if let found = slotOfBlock[position.block] {
      latest = found
      slots[found].lastUse = clock
      return found
    }
    var oldest = 0
    for index in 1..<Self.slotCount where slots[index].lastUse < slots[oldest].lastUse { oldest = index }
    slotOfBlock[slots[oldest].block] = nil
    slots[oldest].block = -1
    try fetch(position, into: oldest)
    slotOfBlock[position.block] = oldest
    slots[oldest].lastUse = clock
    latest = oldest
    return oldest
  }

  private func fetch(_ position: MetadataPosition, into slot: Int) throws(SquashError) {
    let start = position.block
    let header = UnsafeRawPointer(try bytes(2, at: start, end: image.superblock.bytesUsed)).u16(0)
    let stored = header & 0x8000 != 0
    let count = Int(header & 0x7FFF)
    guard count > 0, count <= Self.blockSize, start + 2 + Int64(count) <= position.end else {
      throw SquashError(.corrupt, "a metadata block of \(count) bytes on disk", offset: start)
    }
    let source = try bytes(count, at: start + 2, end: image.superblock.bytesUsed)
    let target = memory.start + slot * Self.blockSize
    if stored {
      target.copyMemory(from: source, byteCount: count)
      slots[slot].count = count
    } else {
      guard let written = decompressor.decompress(source, count, into: target, capacity: Self.blockSize),
        written > 0
      else {
        throw SquashError(
          .corrupt, "a metadata block that \(image.superblock.compression) cannot decompress", offset: start)
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
      windowCount = 0
      let wanted = Int(min(Int64(Self.windowSize), end - offset))
      guard wanted >= count else {
        throw SquashError(.corrupt, "a structure outside the file system", offset: offset)
      }
      try image.reader.readExactly(window.start, wanted, at: offset)
      windowStart = offset
      windowCount = wanted
    }
    return window.start + Int(offset - windowStart)
  }
}
