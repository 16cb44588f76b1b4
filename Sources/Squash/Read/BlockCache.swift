import Synchronization

/// Decompressed blocks that all readers of one image share: a few megabytes, whatever the size of the image.
///
/// A file system asks for parts of blocks, from several threads at once. Each block is decompressed once;
/// other threads that need it meanwhile wait.
public final class BlockCache: Sendable {
  /// The identity of a block. It includes the word, since hostile images use one place with several lengths.
  struct Key: Hashable, Sendable {
    var start: Int64
    var word: UInt32
    var byteCount: Int
  }

  private struct Slot: Sendable {
    var key: Key
    var block: CachedBlock
    /// Whether the block was used since the hand last passed it.
    var isRecent: Bool
  }

  private struct State: Sendable {
    var slots: [Slot] = []
    var index: [Key: Int] = [:]
    var hand = 0
  }

  /// The most bytes that are kept; eight blocks are kept in any case.
  private static let byteLimit = 16 << 20
  private static let mostSlots = 1024

  private let blockSize: Int
  private let slotLimit: Int
  private let state = Mutex(State())

  /// An empty cache for an image's blocks.
  public init(for image: SquashImage) {
    blockSize = image.superblock.blockSize
    slotLimit = min(max(Self.byteLimit / blockSize, 8), Self.mostSlots)
  }

  /// The block of a key; `fill` decompresses it if the cache does not have it.
  ///
  /// - Parameter fill: writes into a buffer of one block, and returns the number of bytes.
  func block(
    _ key: Key, _ fill: (UnsafeMutableRawPointer) throws(SquashError) -> Int
  ) throws(SquashError) -> CachedBlock {
    let block = state.withLock { state in
      if let slot = state.index[key] {
        state.slots[slot].isRecent = true
        return state.slots[slot].block
      }
      let block = CachedBlock(capacity: blockSize)
      insert(Slot(key: key, block: block, isRecent: false), &state)
      return block
    }
    try block.fill(fill)
    return block
  }

  /// Replaces the next block in turn that was not used since the last turn.
  private func insert(_ slot: Slot, _ state: inout State) {
    guard state.slots.count == slotLimit else {
      state.index[slot.key] = state.slots.count
      state.slots.append(slot)
      return
    }
    while state.slots[state.hand].isRecent {
      state.slots[state.hand].isRecent = false
      state.hand = (state.hand + 1) % slotLimit
    }
    state.index[state.slots[state.hand].key] = nil
    state.index[slot.key] = state.hand
    state.slots[state.hand] = slot
    state.hand = (state.hand + 1) % slotLimit
  }
}

/// A decompressed block. Its bytes are written once, under its lock, and only read afterwards.
final class CachedBlock: Sendable {
  private struct Content: ~Copyable, @unchecked Sendable {
    let buffer: RawBuffer
    var count: Int?
  }

  private let content: Mutex<Content>

  init(capacity: Int) {
    content = Mutex(Content(buffer: RawBuffer(count: capacity), count: nil))
  }

  /// Fills the block unless another thread has done so; waits for a thread that is doing it. After a failure
  /// the next caller tries again.
  func fill(_ body: (UnsafeMutableRawPointer) throws(SquashError) -> Int) throws(SquashError) {
    try content.withLock { (content) throws(SquashError) in
      if content.count == nil { content.count = try body(content.buffer.start) }
    }
  }

  /// The bytes; they stay where they are as long as this object lives.
  var bytes: UnsafeRawBufferPointer {
    content.withLock { content in
      nonisolated(unsafe) let bytes = UnsafeRawBufferPointer(
        start: content.buffer.start, count: content.count ?? 0)
      return bytes
    }
  }
}
