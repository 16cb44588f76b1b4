import TestSupport
import Testing

@testable import Forensics
@testable import SIF

/// Carving claims no false certainty, never traps, and takes time in proportion to the bytes.
@Suite struct CarvingTests {
  private static func carve(_ bytes: [UInt8], everywhere: Bool = false) throws -> Carving {
    let storage = MemoryStorage(bytes)
    let carving = try Carving(of: storage, everywhere: everywhere)
    for item in carving.items {
      #expect(item.offset >= 0 && item.length > 0 && item.end <= Int64(bytes.count))
    }
    #expect(storage.bytes == bytes)
    return carving
  }

  /// In random bytes every find is only a guess.
  @Test func randomBytes() throws {
    let seed: UInt64 = 40_960
    var random = SeededRandom(seed: seed)
    var bytes: [UInt8] = []
    for _ in 0..<(7 << 20) / 8 { withUnsafeBytes(of: random.next()) { bytes += $0 } }
    // Magics that would appear by chance only once in a gigabyte.
    let magics: [[UInt8]] = [
      Array("hsqs".utf8), [0x4C, 0x55, 0x4B, 0x53, 0xBA, 0xBE, 0, 2], [0x7F, 0x45, 0x4C, 0x46, 2, 1, 1, 0],
      [0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 3], [0x28, 0xB5, 0x2F, 0xFD], Array("ustar\u{0}00".utf8),
      Array("SIF_MAGIC\0".utf8) + Array("01\0".utf8), Array("-----BEGIN PGP SIGNED MESSAGE-----\n".utf8),
      Array("{\"a\":".utf8), [0x53, 0xEF], Array("\n{}".utf8),
    ]
    for (index, magic) in magics.enumerated() {
      for copy in 0..<200 {
        let place = 1000 + (index * 200 + copy) * 3001
        bytes.replaceSubrange(place..<place + magic.count, with: magic)
      }
    }
    let carving = try Self.carve(bytes)
    let sure = carving.items.filter { $0.confidence > .low }
    #expect(sure.isEmpty, "seed \(seed): \(sure.prefix(3))")
    let image = try MapTests.sound() + bytes
    #expect(try Self.carve(image).items.filter { $0.confidence == .high }.isEmpty)
  }

  /// The neighbours show where a stretch without structure begins and ends.
  @Test func gapsBetweenObjects() throws {
    var bytes = try MapTests.sound()
    bytes.replaceSubrange(4096..<4681, with: repeatElement(0, count: 585))
    let carving = try Self.carve(bytes)
    #expect(carving.items.map(\.offset) == [32176])
    #expect(carving.items.map(\.length) == [19])
    #expect(carving.items.map(\.kind) == [.text])
    #expect(carving.items.map(\.confidence) == [.medium])
  }

  /// A slot whose used byte was cleared still describes its object.
  @Test func remainsOfDescriptors() throws {
    var bytes = try MapTests.sound()
    bytes[4096 + 4] = 0
    bytes[5266 + 4] = 0
    let items = try Self.carve(bytes).items
    #expect(items.map(\.descriptor?.id) == [1, 3])
    #expect(items.map(\.confidence) == [.high, .high])
    #expect(items.map(\.kind) == [.text, .json])
    #expect(items[0].reason == "an unused slot still describes it: definition-file, which its bytes confirm")
    // Wiped, and overwritten.
    bytes.replaceSubrange(32176..<32195, with: repeatElement(0, count: 19))
    withUnsafeBytes(of: Int64(33_000).littleEndian) { bytes.replaceSubrange(5266 + 17..<5266 + 25, with: $0) }
    let worse = try Self.carve(bytes).items.filter { $0.descriptor != nil }
    #expect(worse.map(\.confidence) == [.low, .low])
    #expect(worse[0].reason.hasSuffix("its bytes are zeros, as if wiped"))
    #expect(worse[1].reason.hasSuffix("other objects lie there now"))
  }

  /// Without a header the table is still searched for, and without both the bytes are recognised by
  /// themselves.
  @Test func damagedHeaders() throws {
    let bytes = try MapTests.sound()
    let blank = [UInt8](repeating: 0xFF, count: 128) + bytes.dropFirst(128)
    let items = try Self.carve(blank).items.filter { $0.descriptor != nil }
    #expect(items.map(\.descriptor?.id) == [1, 2, 3])
    let labels = Array("{\"a\": \"0123456789abcdef\"}\n".utf8)
    let naked = [UInt8](repeating: 0, count: 40_000) + labels + [0, 0, 5]
    let found = try Self.carve(naked).items
    #expect(found.contains { $0.kind == .json && $0.offset == 40_000 && $0.length == Int64(labels.count) })
  }

  @Test func everywhereFindsObjectsToo() throws {
    let inner = try Fixture.read("images/groups-and-links.sif")
    let items = try Self.carve(inner + [0, 0], everywhere: true).items
    #expect(!items.isEmpty)
    #expect(items.allSatisfy { $0.kind != .sif && $0.offset >= 4096 })
    // The image itself does not count as a find, but an image in an object does.
    let storage = MemoryStorage(limit: 1 << 20)
    _ = try Image.create(.deterministic, in: storage)
    var editor = try ImageEditor(editing: storage)
    var source = BytesSource(inner)
    _ = try editor.add(NewObject(.generic), from: &source)
    let nested = try Self.carve(storage.bytes, everywhere: true).items
    #expect(nested.map(\.kind) == [.sif])
    #expect(nested.first?.length == Int64(inner.count))
    #expect(nested.first?.confidence == .high)
  }

  /// An image of generic objects, some of which were deleted without a trace in the table.
  private static func image(_ contents: [[UInt8]], deleting: ClosedRange<Int>) throws -> [UInt8] {
    let storage = MemoryStorage(limit: 1 << 20)
    _ = try Image.create(.deterministic, in: storage)
    var editor = try ImageEditor(editing: storage)
    for content in contents {
      var source = BytesSource(content)
      _ = try editor.add(NewObject(.generic), from: &source)
    }
    var bytes = storage.bytes
    let slots = 4096 + 585 * deleting.lowerBound..<4096 + 585 * (deleting.upperBound + 1)
    bytes.replaceSubrange(slots, with: repeatElement(0, count: slots.count))
    return bytes
  }

  /// JSON may begin anywhere: the bytes before it need not end in zeros or a line end.
  @Test func objectsBehindOthers() throws {
    let labels = Array("{\"name\": \"something\"}".utf8)
    let random = (1...5000).map { UInt8(truncatingIfNeeded: $0 &* $0 &* 7 &+ 1) | 0x80 }
    let bytes = try Self.image([[1, 2, 3], random, labels, [4, 5, 6]], deleting: 1...2)
    let items = try Self.carve(bytes).items
    let json = items.filter { $0.kind == .json }
    #expect(json.map(\.length) == [Int64(labels.count)])
    #expect(json.map(\.confidence) == [.high])
    #expect(items.contains { $0.offset == 32179 && $0.length == 5000 })
  }

  /// Streams that follow one another may be one object or several.
  @Test func adjacentStreams() throws {
    for (program, kind) in [("gzip", ContentKind.gzip), ("zstd", .zstd)] {
      let first = try Tool.check([program, "-c"], input: Array("the first one\n".utf8)).output
      let second = try Tool.check([program, "-c"], input: Array("the second\n".utf8)).output
      let bytes = try Self.image([[1, 2, 3], first, second, [4, 5, 6]], deleting: 1...2)
      let items = try Self.carve(bytes).items.filter { $0.kind == kind }
      let (a, b) = (Int64(first.count), Int64(second.count))
      #expect(items.map(\.offset) == [32179, 32179, 32179 + a])
      #expect(items.map(\.length) == [a + b, a, b])
    }
  }

  /// If several objects may have lain there, the neighbours do not tell where one of them ends.
  @Test func mergedExtents() throws {
    let contents: [[UInt8]] = [[1, 2, 3], Array("one text".utf8), Array("and another".utf8), [4, 5, 6]]
    let two = try Self.carve(try Self.image(contents, deleting: 1...2)).items
    #expect(two.map(\.length) == [19])
    #expect(two.map(\.confidence) == [.low])
    let one = try Self.carve(try Self.image(contents, deleting: 1...1)).items
    #expect(one.map(\.length) == [8])
    #expect(one.map(\.confidence) == [.medium])
  }

  /// A file that is not an image has no neighbours.
  @Test func otherFiles() throws {
    let items = try Self.carve((1...5000).map { UInt8(truncatingIfNeeded: $0 &* $0 &* 7 &+ 1) | 0x80 }).items
    #expect(items.map(\.confidence) == [.low])
  }

  /// Endless brackets, dashes and magics: the work stays in proportion.
  @Test(arguments: [
    "{\"", "[{", "[[", "-----BEGIN A-----\n", "hsqs", "-----BEGIN PGP SIGNED MESSAGE-----", "SIF_MAGIC\0",
    "\u{1F}\u{8B}\u{8}", "ustar",
  ])
  func repetitions(text: String) throws {
    let part = text == "\u{1F}\u{8B}\u{8}" ? [0x1F, 0x8B, 8] : Array(text.utf8)
    var bytes: [UInt8] = []
    while bytes.count < 60_000 { bytes += part }
    _ = try Self.carve(bytes)
    _ = try Self.carve(try MapTests.sound() + bytes)
  }

  /// Endless Zstandard frames of empty blocks.
  @Test func emptyBlocksWithoutEnd() throws {
    var bytes = try MapTests.sound()
    for _ in 0..<50 { bytes += [0x28, 0xB5, 0x2F, 0xFD, 0, 0x58] + [UInt8](repeating: 0, count: 2000) }
    let items = try Self.carve(bytes).items
    #expect(items.allSatisfy { $0.kind != .zstd || $0.confidence == .low })
  }

  @Test func randomMutations() throws {
    let images = try Fixture.imageNames.map { try Fixture.read("images/\($0)") } + [try MapTests.sound()]
    let seed: UInt64 = 77
    var random = SeededRandom(seed: seed)
    for _ in 0..<200 {
      var bytes = try #require(images.randomElement(using: &random))
      for _ in 0..<Int.random(in: 1...30, using: &random) {
        bytes[Int.random(in: 0..<bytes.count, using: &random)] = .random(in: 0...255, using: &random)
      }
      if Bool.random(using: &random) { bytes.removeLast(Int.random(in: 0..<bytes.count, using: &random)) }
      _ = try Self.carve(bytes, everywhere: Bool.random(using: &random))
    }
  }
}
