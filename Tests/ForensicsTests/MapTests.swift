import Bytes
import Testing
import TestSupport

@testable import Forensics
@testable import SIF

/// A map has every byte exactly once, whatever the image is.
@Suite struct MapTests {
  /// The rules for a map of any bytes: regions follow one another and add up, and the sums agree.
  static func check(_ bytes: [UInt8], _ note: @autoclosure () -> String = "") throws {
    let storage = MemoryStorage(bytes, limit: 1 << 22)
    let map = try ImageMap(of: storage)
    var position: Int64 = 0
    for region in map.regions {
      #expect(region.offset == position, "\(note())")
      #expect(region.length > 0, "\(note())")
      position = region.end
    }
    #expect(position == Int64(bytes.count), "\(note())")
    #expect(map.regions.reduce(0) { $0 + $1.length } == map.fileSize, "\(note())")
    for (object, descriptor) in zip(map.objects, try LenientImage(reading: storage).descriptors) {
      #expect(object.id == descriptor.id)
      if descriptor.end != nil {
        #expect(object.mapped + object.shared + object.missing == descriptor.size, "\(note())")
      }
    }
    let mapped = map.objects.reduce(0) { $0 + $1.mapped }
    #expect(mapped == map.regions.filter { $0.kind == .object }.reduce(0) { $0 + $1.length }, "\(note())")
    #expect(map.overlaps.reduce(0) { $0 + $1.length } == map.objects.reduce(0) { $0 + $1.shared })
    #expect(!map.parts(limit: 5).isEmpty || bytes.isEmpty)
    #expect(map.parts(limit: 5).reduce(0) { $0 + $1.length } == map.fileSize)
    #expect(map.parts(limit: 5).count <= 5)
    _ = (MapDrawing(map).document(title: "x"), map.strip())
    for width in [Int.min, -1, 0, 1, .max] { _ = (map.strip(width: width), map.parts(limit: width)) }
    if storage.bytes != bytes { Issue.record("mapping changed the image") }
  }

  /// A sound image with three objects, one of them a partition after padding.
  static func sound() throws -> [UInt8] {
    let storage = MemoryStorage(limit: 1 << 20)
    _ = try Image.create(.deterministic, in: storage)
    var editor = try ImageEditor(editing: storage)
    var text = BytesSource(Array("Bootstrap: scratch\n".utf8))
    _ = try editor.add(NewObject(.definitionFile), from: &text)
    var disk = BytesSource(Array("hsqs".utf8) + [UInt8](repeating: 7, count: 5000))
    _ = try editor.add(
      NewObject(
        .partition,
        metadata: .partition(
          PartitionMetadata(fileSystem: .squashfs, type: .primarySystem, architecture: .unknown))),
      from: &disk)
    var labels = BytesSource(Array("{\"a\": 1}".utf8))
    _ = try editor.add(NewObject(.labels), from: &labels)
    return storage.bytes
  }

  @Test(arguments: Fixture.imageNames)
  func fixtures(name: String) throws { try Self.check(try Fixture.read("images/\(name)")) }

  @Test func emptyAndTiny() throws {
    for count in [0, 1, 31, 32, 41, 42, 100, 127, 128, 129] {
      try Self.check(Array(try Self.sound().prefix(count)), "\(count) bytes")
    }
    try Self.check([UInt8](repeating: 0x41, count: 100_000))
  }

  @Test func regionsOfASoundImage() throws {
    let bytes = try Self.sound()
    let map = try ImageMap(of: MemoryStorage(bytes))
    #expect(
      map.regions.map(\.kind) == [
        .launchScript, .header, .header, .header, .header, .padding, .descriptor, .descriptor, .descriptor,
        .unusedSlots, .object, .padding, .object, .object,
      ])
    #expect(map.regions.map(\.offset).prefix(10).suffix(5) == [128, 4096, 4681, 5266, 5851])
    #expect(map.regions[10].what == "object 1: definition-file")
    #expect(map.regions[10].length == 19)
    #expect(map.regions[11].what == "padding before object 2")
    #expect(map.regions[12].measure.content == .squashfs)
    #expect(map.regions[13].measure.content == .json)
    #expect(map.regions[9].slotCount == 45)
    #expect(map.overlaps.isEmpty)
    #expect(map.problems.isEmpty)
  }

  /// Digests match sha256sum, entropies match the formula.
  @Test func measuresAreRight() throws {
    let bytes =
      try Fixture.read("images/partitions.sif") + (0..<200_000).map { UInt8(truncatingIfNeeded: $0 * $0) }
    let map = try ImageMap(of: MemoryStorage(bytes))
    let directory = try Scratch()
    let image = try directory.write("image", bytes)
    let program = """
      import hashlib, math, sys
      data = open(sys.argv[1], "rb").read()
      for line in sys.stdin:
          start, end = map(int, line.split())
          part = data[start:end]
          counts = [part.count(bytes([value])) for value in range(256)]
          entropy = abs(sum(-n / len(part) * math.log2(n / len(part)) for n in counts if n))
          print(hashlib.sha256(part).hexdigest(), "%.6f" % entropy, counts[0] == len(part))
      """
    let ranges = map.regions.map { "\($0.offset) \($0.end)\n" }.joined()
    let lines = try Tool.check(["python3", "-c", program, image], input: Array(ranges.utf8)).text
    for (region, line) in zip(map.regions, lines.split(separator: "\n")) {
      let words = line.split(separator: " ")
      #expect(region.measure.sha256?.hexadecimal == String(words[0]), "\(region.what)")
      #expect(abs(region.measure.entropy - (Double(words[1]) ?? -1)) < 1e-5, "\(region.what)")
      #expect(region.measure.isZero == (words[2] == "True"), "\(region.what)")
    }
    #expect(lines.split(separator: "\n").count == map.regions.count)
  }

  @Test func fieldsAtTheirExtremes() throws {
    let good = try Self.sound()
    let extremes: [Int64] = [
      .min, -4096, -1, 0, 1, 100, 127, 128, 585, 4095, 4096, 5000, 32176, 32190, 32768, 37_000, 1 << 40,
      .max - 4096, .max,
    ]
    for value in extremes {
      for first in Array(stride(from: 80, to: 128, by: 8))
        + [17, 25, 33].flatMap({ [4096 + $0, 4681 + $0] })
      {
        var bytes = good
        withUnsafeBytes(of: value.littleEndian) { bytes.replaceSubrange(first..<first + 8, with: $0) }
        try Self.check(bytes, "\(value) at \(first)")
      }
      for other in extremes {
        var bytes = good
        withUnsafeBytes(of: value.littleEndian) { bytes.replaceSubrange(4096 + 17..<4096 + 25, with: $0) }
        withUnsafeBytes(of: other.littleEndian) { bytes.replaceSubrange(4096 + 25..<4096 + 33, with: $0) }
        try Self.check(bytes, "offset \(value), size \(other)")
      }
    }
  }

  @Test func truncation() throws {
    let good = try Self.sound()
    for count in stride(from: 0, to: good.count, by: 97) {
      try Self.check(Array(good.prefix(count)), "\(count) bytes")
    }
  }

  @Test func randomMutations() throws {
    let images = try Fixture.imageNames.map { try Fixture.read("images/\($0)") } + [try Self.sound()]
    let seed: UInt64 = 4711
    var random = SeededRandom(seed: seed)
    for round in 0..<300 {
      var bytes = try #require(images.randomElement(using: &random))
      for _ in 0..<Int.random(in: 1...6, using: &random) {
        let limit = Bool.random(using: &random) ? 128 : 4096 + 8 * 585
        let position = Int.random(in: 0..<min(bytes.count, limit), using: &random)
        bytes[position] = UInt8.random(in: 0...255, using: &random)
      }
      if Bool.random(using: &random) { bytes.removeLast(Int.random(in: 0..<bytes.count, using: &random)) }
      try Self.check(bytes, "seed \(seed), round \(round)")
    }
  }

  @Test func overlapsAreCountedOnce() throws {
    var bytes = try Self.sound()
    // Object 3 begins in the middle of object 2, object 1 covers the header and the table.
    withUnsafeBytes(of: Int64(33_000).littleEndian) {
      bytes.replaceSubrange(5266 + 17..<5266 + 25, with: $0)
    }
    withUnsafeBytes(of: Int64(10).littleEndian) { bytes.replaceSubrange(4096 + 17..<4096 + 25, with: $0) }
    withUnsafeBytes(of: Int64(32_200).littleEndian) { bytes.replaceSubrange(4096 + 25..<4096 + 33, with: $0) }
    try Self.check(bytes)
    let map = try ImageMap(of: MemoryStorage(bytes))
    #expect(
      map.overlaps == [
        MapOverlap(offset: 10, length: 118, objectID: 1, with: "header"),
        MapOverlap(offset: 4096, length: 28_080, objectID: 1, with: "descriptor table"),
        MapOverlap(offset: 33_000, length: 8, objectID: 3, with: "object 2"),
      ])
    #expect(map.objects[0].mapped == 32_200 - 118 - 28_080)
    #expect(map.objects[2].mapped == 0)
  }

  /// The remains in a slot are named, and unexplained bytes are a gap.
  @Test func remainsAndGaps() throws {
    var bytes = try Self.sound()
    bytes[4681 + 4] = 0
    bytes += [1, 2, 3]
    let map = try ImageMap(of: MemoryStorage(bytes))
    let remains = try #require(map.regions.first { $0.kind == .descriptorRemains })
    #expect(remains.what == "slot 1: unused, but not zero: partition")
    #expect(remains.slot == 1)
    let gap = try #require(map.regions.first { $0.kind == .gap })
    #expect(gap.what == "gap between object 1 and object 3")
    #expect(map.regions.last?.kind == .trailing)
    #expect(map.regions.last?.length == 3)
  }

  /// Unreadable bytes are named, and everything else is measured.
  @Test func unreadableSectors() throws {
    let bytes = try Self.sound()
    let map = try ImageMap(of: BrokenStorage(bytes, broken: 33_000..<33_001))
    let broken = map.regions.filter { $0.measure.unreadableBytes > 0 }
    #expect(broken.map(\.what) == ["object 2: partition"])
    #expect(broken.first?.measure.sha256 == nil)
    #expect((1...4096).contains(broken.first?.measure.unreadableBytes ?? 0))
    #expect(map.regions.count { $0.measure.sha256 == nil } == 1)
  }
}

/// Storage that cannot read some bytes, like a failing disk.
final class BrokenStorage: Storage {
  private let storage: MemoryStorage
  private let broken: Range<Int64>

  init(_ bytes: [UInt8], broken: Range<Int64>) {
    storage = MemoryStorage(bytes)
    self.broken = broken
  }

  var byteCount: Int64 { storage.byteCount }
  func read(into buffer: UnsafeMutableRawBufferPointer, at offset: Int64) throws(StorageFault) -> Int {
    if !broken.clamped(to: offset..<offset + Int64(buffer.count)).isEmpty {
      throw StorageFault(.system, "Input/output error", offset: offset)
    }
    return storage.read(into: buffer, at: offset)
  }
  func write(_ bytes: UnsafeRawBufferPointer, at offset: Int64) throws(StorageFault) {
    try storage.write(bytes, at: offset)
  }
  func truncate(to length: Int64) throws(StorageFault) { try storage.truncate(to: length) }
  func synchronize() {}
}
