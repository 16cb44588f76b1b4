import TestSupport
import Testing

@testable import SIF

/// Any bytes lead to a result or a typed error, never to a trap, and nothing is written.
@Suite struct HostileTests {
  /// Does everything that can be done with an image, as far as it goes.
  static func exercise(_ bytes: [UInt8]) {
    let storage = MemoryStorage(bytes, limit: 1 << 20)
    _ = try? ImageCheck(of: storage)
    guard let image = try? Image(reading: storage) else { return }
    for descriptor in image.descriptors {
      _ = try? image.bytes(of: descriptor).prefix(64)
      _ = image.signatures(covering: descriptor)
    }
    _ = try? image.differences(from: image)
    let compacted = MemoryStorage(limit: 1 << 20)
    try? ImageRewriter(image).compact(into: compacted)
    let grown = MemoryStorage(limit: 1 << 20)
    try? ImageRewriter(image).grow(toCapacity: max(image.header.descriptorsTotal, 0) &+ 5, into: grown)
    if storage.bytes != bytes { Issue.record("reading changed the image") }
    if var editor = try? ImageEditor(editing: storage) {
      _ = try? editor.repairCounters()
      var source = BytesSource([1, 2, 3])
      _ = try? editor.add(NewObject(.generic, alignment: 512), from: &source)
      for descriptor in image.descriptors.prefix(4) {
        try? editor.setPrimaryPartition(id: descriptor.id)
        try? editor.delete(id: descriptor.id, options: [.zero, .compact])
      }
    }
  }

  static let extremes: [Int64] = [
    .min, .min + 1, -4096, -1, 0, 1, 127, 128, 585, 4095, 4096, 32176, 32768, 41_000, 1 << 31, 1 << 32,
    1 << 40,
    .max - 4096, .max - 1, .max,
  ]

  @Test func headerFieldsAtTheirExtremes() throws {
    let good = try CheckTests.sound()
    for first in stride(from: 64, to: 128, by: 8) {
      for value in Self.extremes {
        var bytes = good
        withUnsafeBytes(of: value.littleEndian) { bytes.replaceSubrange(first..<first + 8, with: $0) }
        Self.exercise(bytes)
      }
    }
  }

  @Test func descriptorFieldsAtTheirExtremes() throws {
    let good = try CheckTests.sound()
    for object in 0..<2 {
      for first in [0, 4, 5, 9, 13, 17, 25, 33, 41, 49, 57, 65, 73, 201, 205, 209] {
        for value in Self.extremes {
          var bytes = good
          let start = 4096 + object * 585 + first
          let count =
            [4: 1, 73: 8].merging([0: 4, 5: 4, 9: 4, 13: 4, 201: 4, 205: 4, 209: 3]) { $1 }[first] ?? 8
          withUnsafeBytes(of: value.littleEndian) {
            bytes.replaceSubrange(start..<start + count, with: $0.prefix(count))
          }
          Self.exercise(bytes)
        }
      }
    }
  }

  /// Pairs of extremes: offsets and sizes that wrap around together.
  @Test func extentsThatWrap() throws {
    let good = try CheckTests.sound()
    for offset in Self.extremes {
      for size in Self.extremes {
        var bytes = good
        withUnsafeBytes(of: offset.littleEndian) { bytes.replaceSubrange(4096 + 17..<4096 + 25, with: $0) }
        withUnsafeBytes(of: size.littleEndian) { bytes.replaceSubrange(4096 + 25..<4096 + 33, with: $0) }
        withUnsafeBytes(of: size.littleEndian) { bytes.replaceSubrange(4096 + 33..<4096 + 41, with: $0) }
        Self.exercise(bytes)
      }
    }
  }

  /// An image cut at every byte: the rest is checked, and opening fails unless header and table are whole.
  @Test func truncationAtEveryByte() throws {
    let good = try CheckTests.sound()
    #expect(good.count < 1 << 16)
    for count in 0..<good.count {
      let storage = MemoryStorage(Array(good.prefix(count)))
      let check = try ImageCheck(of: storage)
      #expect(check.worst == .error, "\(count) bytes")
      let code = EditorTests.code { () throws(SIFError) in _ = try Image(reading: storage) }
      if count < 41 {
        #expect(code == .notSIF, "\(count) bytes")
      } else if count < 4096 + 48 * 585 {
        #expect(code == .truncated, "\(count) bytes")
      } else {
        #expect(code == nil, "\(count) bytes")
      }
    }
  }

  @Test func randomMutations() throws {
    let images = try Fixture.imageNames.map { try Fixture.read("images/\($0)") } + [try CheckTests.sound()]
    let seed: UInt64 = 20_261
    var random = SeededRandom(seed: seed)
    for _ in 0..<1000 {
      var bytes = images.randomElement(using: &random) ?? []
      for _ in 0..<Int.random(in: 1...6, using: &random) where !bytes.isEmpty {
        // Mostly in the structures: the header and the first slots.
        let limit = Bool.random(using: &random) ? 128 : 4096 + 8 * 585
        let position = Int.random(in: 0..<min(bytes.count, limit), using: &random)
        bytes[position] = UInt8.random(in: 0...255, using: &random)
      }
      if Int.random(in: 0..<4, using: &random) == 0 {
        bytes.removeLast(Int.random(in: 0..<bytes.count, using: &random))
      }
      Self.exercise(bytes)
    }
  }
}
