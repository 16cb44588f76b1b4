import Bytes
import Gcrypt
import LinuxSystem
import Synchronization

/// SHA-256 of content: equal digests are taken as equal content.
struct ContentDigest: Hashable, Sendable {
  private let words: (UInt64, UInt64, UInt64, UInt64)

  init(_ bytes: UnsafeRawBufferPointer) throws(SquashError) {
    do {
      var context = try HashContext(.sha256)
      context.update(bytes)
      self.init(context.finalize())
    } catch { throw SquashError(.library, error.description) }
  }

  init(_ bytes: [UInt8]) {
    words = bytes.withUnsafeBytes { raw in
      func word(_ index: Int) -> UInt64 {
        index + 8 <= raw.count ? raw.loadUnaligned(fromByteOffset: index, as: UInt64.self) : 0
      }
      return (word(0), word(8), word(16), word(24))
    }
  }

  static func == (a: ContentDigest, b: ContentDigest) -> Bool { a.words == b.words }

  func hash(into hasher: inout Hasher) { hasher.combine(words.0) }

  func append(to bytes: inout [UInt8]) {
    withUnsafeBytes(of: words) { bytes.append(contentsOf: $0) }
  }
}

/// A block on its way through the threads.
final class BlockUnit: @unchecked Sendable {
  let input: RawBuffer
  let output: RawBuffer
  var count = 0
  /// The file that a data block belongs to; nil for fragment blocks.
  var file: StoredContent?
  var isLast = false
  var fragment = 0
  // The results of the thread.
  var compressedCount: Int?
  var isHole = false
  var digest: ContentDigest?
  let isDone = Atomic<Bool>(false)

  init(blockSize: Int) {
    input = RawBuffer(count: blockSize)
    output = RawBuffer(count: blockSize)
  }
}

/// Compresses blocks in one thread.
final class BlockWorker: Worker {
  private let compressor: Compressor
  private let storesContent: Bool

  init(_ options: WriterOptions) throws(SquashError) {
    storesContent = options.storesContent
    compressor = try Compressor(options)
  }

  func perform(_ unit: BlockUnit) throws(SquashError) {
    let bytes = UnsafeRawBufferPointer(start: unit.input.start, count: unit.count)
    unit.isHole = unit.file != nil && Self.isZero(bytes)
    unit.compressedCount = nil
    if unit.file != nil { unit.digest = try ContentDigest(bytes) }
    if !unit.isHole, !storesContent {
      unit.compressedCount = try compressor.compress(unit.input.start, unit.count, into: unit.output.start)
    }
    unit.isDone.store(true, ordering: .releasing)
  }

  /// Whether all bytes are zero.
  static func isZero(_ bytes: UnsafeRawBufferPointer) -> Bool {
    var index = 0
    while index + 64 <= bytes.count {
      var sum: UInt64 = 0
      for word in 0..<8 { sum |= bytes.loadUnaligned(fromByteOffset: index + word * 8, as: UInt64.self) }
      if sum != 0 { return false }
      index += 64
    }
    return bytes[index...].allSatisfy { $0 == 0 }
  }
}

/// Turns content into data blocks and fragments. Blocks are cut here, compressed by threads, and written here
/// in the order of the cutting, so that the image does not depend on the threads.
final class BlockPipeline {
  private struct Place {
    var start: Int64
    var words: [UInt32]
  }

  private let writer: any RandomWritable
  private let blockSize: Int
  private let pool: WorkerPool<BlockWorker>
  private var free: [BlockUnit] = []
  private var flying: [BlockUnit] = []
  private let mostFlying: Int
  /// The place of the next block.
  private(set) var position: Int64
  private(set) var duplicates = 0
  /// The fragment blocks' places and words, by index.
  private(set) var fragments: [(start: Int64, word: UInt32)] = []
  private var tails: [ContentDigest: (fragment: UInt32, offset: UInt32)] = [:]
  private var known: [ContentDigest: Place] = [:]
  private var tailUnit: BlockUnit
  private var fragmentCount = 0
  // The file whose blocks are being written.
  private var fileDigests: [UInt8] = []
  private var filePosition: Int64 = 0

  init(
    _ writer: any RandomWritable, at position: Int64, _ options: WriterOptions
  ) throws(SquashError) {
    self.writer = writer
    self.position = position
    blockSize = options.blockSize
    pool = try WorkerPool(threads: options.threads) { () throws(SquashError) in try BlockWorker(options) }
    mostFlying = 4 * options.threads + 4
    tailUnit = BlockUnit(blockSize: blockSize)
  }

  /// Ends the threads. Every exit path has to call it.
  func close() { pool.close() }

  /// An empty block to be filled. If too many are in progress, finished blocks are written first.
  func unit() throws(SquashError) -> BlockUnit {
    if let unit = free.popLast() { return unit }
    if flying.count < mostFlying { return BlockUnit(blockSize: blockSize) }
    try retire()
    return free.popLast() ?? BlockUnit(blockSize: blockSize)
  }

  /// Takes back an unused block.
  func giveBack(_ unit: BlockUnit) { free.append(unit) }

  /// Hands a filled data block to the threads. The blocks of a file come one after another.
  func submit(_ unit: BlockUnit, count: Int, of file: StoredContent, isLast: Bool) throws(SquashError) {
    unit.count = count
    unit.file = file
    unit.isLast = isLast
    try launch(unit)
  }

  private func launch(_ unit: BlockUnit) throws(SquashError) {
    unit.isDone.store(false, ordering: .relaxed)
    flying.append(unit)
    try pool.submit(unit)
  }

  /// Stores a file that is shorter than a block in a fragment block.
  func addTail(_ bytes: UnsafeRawBufferPointer, of file: StoredContent) throws(SquashError) {
    guard !bytes.isEmpty else { return }
    let digest = try ContentDigest(bytes)
    if let place = tails[digest] {
      (file.fragment, file.fragmentOffset) = (place.fragment, place.offset)
      duplicates += 1
      return
    }
    if tailUnit.count + bytes.count > blockSize { try flushFragment() }
    file.fragment = UInt32(fragmentCount)
    file.fragmentOffset = UInt32(tailUnit.count)
    UnsafeMutableRawBufferPointer(rebasing: tailUnit.input.bytes[tailUnit.count...]).copyMemory(from: bytes)
    tails[digest] = (UInt32(fragmentCount), UInt32(tailUnit.count))
    tailUnit.count += bytes.count
  }

  private func flushFragment() throws(SquashError) {
    guard tailUnit.count > 0 else { return }
    let full = tailUnit
    full.file = nil
    full.fragment = fragmentCount
    fragmentCount += 1
    try launch(full)
    tailUnit = try unit()
    tailUnit.count = 0
  }

  /// Whether the image has a file of exactly these blocks; if so, `file` shares it.
  func share(_ digest: ContentDigest, with file: StoredContent) throws(SquashError) -> Bool {
    while !flying.isEmpty { try retire() }
    guard let place = known[digest] else { return false }
    (file.start, file.words) = (place.start, place.words)
    file.sparseBytes = Self.holes(place.words, file.size, blockSize)
    duplicates += 1
    return true
  }

  private static func holes(_ words: [UInt32], _ size: Int64, _ blockSize: Int) -> Int64 {
    var sum: Int64 = 0
    for (index, word) in words.enumerated() where word == 0 {
      sum += min(Int64(blockSize), size - Int64(index) * Int64(blockSize))
    }
    return sum
  }

  /// Writes everything that is in progress, and the last fragment block.
  func finish() throws(SquashError) {
    try flushFragment()
    while !flying.isEmpty { try retire() }
    tails = [:]
    known = [:]
  }

  /// Waits for the oldest block and writes it.
  private func retire() throws(SquashError) {
    let unit = flying.removeFirst()
    try pool.wait { unit.isDone.load(ordering: .acquiring) }
    if let file = unit.file {
      try retire(unit, of: file)
    } else {
      while fragments.count <= unit.fragment { fragments.append((0, 0)) }
      fragments[unit.fragment] = (position, try write(unit))
    }
    unit.file = nil
    free.append(unit)
  }

  private func retire(_ unit: BlockUnit, of file: StoredContent) throws(SquashError) {
    if file.words.isEmpty {
      fileDigests.removeAll(keepingCapacity: true)
      filePosition = position
      file.start = position
    }
    unit.digest?.append(to: &fileDigests)
    if unit.isHole {
      file.words.append(0)
      file.sparseBytes += Int64(unit.count)
    } else {
      file.words.append(try write(unit))
    }
    guard unit.isLast else { return }
    let digest = try Self.digest(ofBlocks: fileDigests, size: file.size)
    if let place = known[digest] {
      file.start = place.start
      file.words = place.words
      position = filePosition
      duplicates += 1
    } else {
      known[digest] = Place(start: file.start, words: file.words)
    }
  }

  /// The digest of a file from its blocks' digests. It includes the length, as the last block may be short.
  static func digest(ofBlocks digests: [UInt8], size: Int64) throws(SquashError) -> ContentDigest {
    var bytes = digests
    bytes.append(littleEndian: size)
    var failure: SquashError?
    let digest = bytes.withUnsafeBytes { raw -> ContentDigest? in
      do throws(SquashError) { return try ContentDigest(raw) } catch {
        failure = error
        return nil
      }
    }
    guard let digest else { throw failure ?? .outOfMemory("a digest") }
    return digest
  }

  private func write(_ unit: BlockUnit) throws(SquashError) -> UInt32 {
    let count = unit.compressedCount ?? unit.count
    let source = unit.compressedCount == nil ? unit.input.start : unit.output.start
    try accessing(try writer.write(UnsafeRawBufferPointer(start: source, count: count), at: position))
    position += Int64(count)
    return UInt32(count) | (unit.compressedCount == nil ? 1 << 24 : 0)
  }
}
