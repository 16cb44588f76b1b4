import Bytes
import SIF

/// Finds, in a stretch of a file, the next place with a format's magic and structure.
struct MagicScanner {
  /// A find.
  struct Hit {
    let start: Int64
    let kind: ContentKind
    let shape: CarvedShape
  }

  private let storage: any Storage
  private let stretch: Range<Int64>
  /// The places where something ends, or once ended.
  private let edges: CarveEdges
  private(set) var unreadable: [Range<Int64>] = []
  private let budget: CarveBudget
  /// One block for all reads: allocating memory each time costs more than reading into it.
  private var block = [UInt8](repeating: 0, count: blockBytes)
  private var armorEnds = ArmorEnds()
  private static let blockBytes = 256 << 10
  /// The longest magic: this many bytes at the end of a block are read again.
  private static let overlap = 16
  private static let sector: Int64 = 4096
  /// The most unreadable places that are listed one by one.
  private static let mostUnreadable = 1000

  init(_ storage: any Storage, _ stretch: Range<Int64>, edges: CarveEdges, _ budget: CarveBudget) {
    self.storage = storage
    self.stretch = stretch
    self.edges = edges
    self.budget = budget
  }

  /// The next find whose magic is at or after a position.
  ///
  /// - Parameters:
  ///   - earliest: the earliest possible start; bytes before it belong to the previous find.
  ///   - isInside: whether the position is inside something whose end is unknown. If so, only finds that
  ///     cannot be chance count.
  mutating func next(from position: Int64, earliest: Int64, isInside: Bool) -> Hit? {
    var position = position
    var previous: UInt8 = 0
    while position < stretch.upperBound {
      guard let data = try? storage.nextData(from: position), data < stretch.upperBound else {
        // Beyond the end of a file that became shorter there are no zeros.
        let present = max((try? storage.byteCount) ?? position, position)
        if present < stretch.upperBound { note(present..<stretch.upperBound) }
        return nil
      }
      if data > position {
        position = data
        previous = 0
      }
      let wanted = Int(min(Int64(Self.blockBytes), stretch.upperBound - position))
      let read = fill(wanted, at: position)
      guard read > 0 else {
        let end = min(position + Self.sector, stretch.upperBound)
        note(position..<end)
        position = end
        continue
      }
      // Magics that begin in the last bytes are checked with the next block, unless there is none.
      let isLast = position + Int64(read) >= stretch.upperBound
      let count = isLast || read <= Self.overlap ? read : read - Self.overlap
      for index in 0..<count where Self.isFirst[Int(block[index])] {
        let place = position + Int64(index)
        let before = index > 0 ? block[index - 1] : previous
        if let hit = hit(block[..<read], index, place, before, earliest, isInside) { return hit }
      }
      previous = block[count - 1]
      position += Int64(count)
    }
    return nil
  }

  /// Reads into the block; returns the number of bytes, 0 if they cannot be read.
  private mutating func fill(_ wanted: Int, at position: Int64) -> Int {
    let storage = self.storage
    return block.withUnsafeMutableBytes { buffer in
      let part = UnsafeMutableRawBufferPointer(rebasing: buffer[..<wanted])
      return (try? storage.read(into: part, at: position)) ?? 0
    }
  }

  private mutating func note(_ range: Range<Int64>) {
    if let last = unreadable.last, last.upperBound == range.lowerBound {
      unreadable[unreadable.count - 1] = last.lowerBound..<range.upperBound
    } else if unreadable.count < Self.mostUnreadable {
      unreadable.append(range)
    }
  }

  /// The magics: their bytes, their kind, and their distance from the beginning of the content.
  private static let magics: [(bytes: [UInt8], kind: ContentKind, distance: Int64)] = [
    (ContentMagic.squashfs, .squashfs, 0), (ContentMagic.luks, .luks, 0),
    (ContentMagic.ext, .ext, Int64(ContentMagic.extOffset)), ([0x7F, 0x45, 0x4C, 0x46], .elf, 0),
    ([0x1F, 0x8B, 0x08], .gzip, 0),
    ([0x28, 0xB5, 0x2F, 0xFD], .zstd, 0), (Array("ustar".utf8), .tar, 257),
    (Header.magic, .sif, Header.Fields.magic.offset), (ContentMagic.armor, .pem, 0),
    (Array("{".utf8), .json, 0), (Array("[".utf8), .json, 0),
  ]

  private static let isFirst: [Bool] = (0...255).map { byte in
    magics.contains { $0.bytes.first == UInt8(byte) }
  }

  /// Whether bytes begin like a JSON object of some length.
  private static func looksLikeObject(_ bytes: ArraySlice<UInt8>) -> Bool {
    let head = bytes.prefix(16)
    return head.count == 16 && head.dropFirst().first { $0 > 0x20 } == UInt8(ascii: "\"")
      && head.first == UInt8(ascii: "{") && head.allSatisfy { $0 >= 9 }
  }

  private mutating func hit(
    _ block: ArraySlice<UInt8>, _ index: Int, _ place: Int64, _ before: UInt8, _ earliest: Int64,
    _ isInside: Bool
  ) -> Hit? {
    for magic in Self.magics where block[index] == magic.bytes[0] {
      let start = place - magic.distance
      guard start >= earliest, block[index...].starts(with: magic.bytes) else { continue }
      if magic.kind == .json {
        // Brackets are everywhere: JSON has to begin where something ended, or after a zero or a line end. An
        // object whose first bytes are text is tried anywhere.
        let isAtEdge = start == earliest || edges.contains(start) || before == 0 || before == 0x0A
        guard isInside || isAtEdge || Self.looksLikeObject(block[index...]) else { continue }
      }
      guard budget.hasRoom(for: magic.kind) else { continue }
      let window = StorageWindow(storage, start..<stretch.upperBound)
      guard let (kind, shape) = shape(magic.kind, window), shape.length > 0 else { continue }
      // Two brackets after a zero are probably chance, and do not count.
      let isAtEdge = start == earliest || edges.contains(start)
      if kind == .json, shape.confidence == .low, !isAtEdge { continue }
      if isInside, shape.confidence < .high, kind != .luks { continue }
      return Hit(start: start, kind: kind, shape: shape)
    }
    return nil
  }

  private mutating func shape(_ kind: ContentKind, _ window: StorageWindow) -> (ContentKind, CarvedShape)? {
    let shape: CarvedShape? =
      switch kind {
      case .squashfs: CarveFormats.squashfs(window)
      case .luks: CarveFormats.luks(window)
      case .ext: CarveFormats.ext(window)
      case .elf: CarveFormats.elf(window)
      case .gzip: CarveFormats.gzip(window, budget)
      case .zstd: CarveFormats.zstd(window, budget)
      case .tar: CarveFormats.tar(window)
      case .sif: CarveFormats.sif(window)
      case .json: CarveFormats.json(window, budget)
      default: nil
      }
    if kind == .pem { return CarveFormats.armor(window, &armorEnds) }
    return shape.map { (kind, $0) }
  }
}

/// The budget of a search for things that turn out to be something else, so that a file full of magics does
/// not cost its length squared.
final class CarveBudget {
  /// The number of bytes that looked like JSON but were something else.
  var wastedJSON = 0
  /// The number of bytes that may still be decompressed to find the ends of streams.
  var contentBytes: Int64 = 64 << 30
  /// The number of blocks whose headers may still be read: an empty block takes only three bytes.
  private var blocks = 4_000_000
  private var attempts: [ContentKind: Int] = [:]
  private static let mostJSON = 16 << 20
  /// The number of times that a structure may be followed, according to its cost: the table of an image, the
  /// header of a volume.
  private static let mostAttempts: [ContentKind: Int] = [
    .sif: 2000, .pem: 100_000, .luks: 10_000, .elf: 10_000, .squashfs: 50_000, .tar: 500_000, .gzip: 500_000,
    .zstd: 500_000,
  ]

  /// Whether something was left out.
  private(set) var isSpent = false

  /// Whether another block may be read.
  func takeBlock() -> Bool {
    blocks -= 1
    if blocks <= 0 { isSpent = true }
    return blocks > 0
  }

  /// Whether another structure of a kind may be followed; counts the expensive ones.
  func hasRoom(for kind: ContentKind) -> Bool {
    if kind == .json {
      if wastedJSON < Self.mostJSON { return true }
    } else if let most = Self.mostAttempts[kind] {
      attempts[kind, default: 0] += 1
      let isContent = kind == .gzip || kind == .zstd
      if attempts[kind, default: 0] <= most, !isContent || contentBytes > 0 { return true }
    } else {
      return true
    }
    isSpent = true
    return false
  }
}
