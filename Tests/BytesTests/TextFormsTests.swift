import Bytes
import Testing
import TestSupport

@Suite struct CivilTimeTests {
  /// Compares with date(1), over the years that it prints.
  @Test func likeDate() throws {
    let seed = UInt64.random(in: 0 ... .max)
    var random = SeededRandom(seed: seed)
    var seconds: [Int64] = [0, -1, 86_399, 951_782_400, 951_868_799, 4_107_542_399, -62_135_596_800]
    seconds += (0..<300).map { _ in Int64.random(in: -62_135_596_800...253_402_300_799, using: &random) }
    let lines = seconds.map { "@\($0)\n" }.joined()
    let printed = try Tool.check(
      ["date", "-u", "-f", "-", "+%Y-%m-%dT%H:%M:%SZ"], input: Array(lines.utf8))
    let expected = printed.text.split(separator: "\n").map(String.init)
    #expect(seconds.map { CivilTime(seconds: $0).iso8601 } == expected, "seed \(seed)")
  }

  /// Every number of seconds has a time: the first and the last, and those around the year 0.
  @Test func endsOfTheRange() {
    for (seconds, text) in [
      (Int64.max, "292277026596-12-04T15:30:07Z"), (Int64.min, "-292277022657-01-27T08:29:52Z"),
      (-62_167_219_200, "0000-01-01T00:00:00Z"), (-62_167_219_201, "-0001-12-31T23:59:59Z"),
      (253_402_300_800, "10000-01-01T00:00:00Z"),
    ] {
      #expect(CivilTime(seconds: seconds).iso8601 == text)
    }
  }

  /// A day later is the next day, over more than one of the calendar's cycles.
  @Test func daysFollowOneAnother() {
    var previous = CivilTime(day: -150_000, secondOfDay: 0)
    for day in Int64(-149_999)...150_000 {
      let next = CivilTime(day: day, secondOfDay: 0)
      let isNext =
        (next.year, next.month, next.day) == (previous.year, previous.month, previous.day + 1)
        || (next.year, next.month, next.day) == (previous.year, previous.month + 1, 1) && previous.day >= 28
        || (next.year, next.month, next.day) == (previous.year + 1, 1, 1) && previous.month == 12
      if !isNext { Issue.record("\(previous) \(next)") }
      previous = next
    }
  }
}

@Suite struct ByteTextTests {
  @Test func decimal() {
    for (count, text) in [
      (0, "0 bytes"), (1, "1 byte"), (999, "999 bytes"), (1000, "1.0 kB"), (999_949, "999.9 kB"),
      (999_950, "1.0 MB"), (9_000_000_000, "9.0 GB"), (Int64.max, "9.2 EB"),
    ] {
      #expect(ByteText.decimal(count) == text)
    }
    #expect(ByteText.part(3_100_000_000, of: 9_000_000_000) == "3.1 of 9.0 GB")
    #expect(ByteText.ranges([5, 1, 3, 2, 2]) == "1–3, 5")
  }

  /// As the reference prints sizes.
  @Test func binary() {
    for (count, text) in [
      (0, "0 B"), (1023, "1023 B"), (1024, "1 KiB"), (1535, "1 KiB"), (1536, "2 KiB"), (1 << 20, "1 MiB"),
      (Int64.max, "8 EiB"), (Int64.min, "-8 EiB"), (-1, "-1 B"),
    ] {
      #expect(ByteText.binary(count) == text)
    }
  }
}

@Suite struct LittleEndianTests {
  /// Fields that are written one by one are read back; missing fields read as zeros.
  @Test func fields() {
    var writer = LittleEndianWriter(capacity: 32)
    writer.append(UInt16(0x0102))
    writer.append(Int64(-2))
    writer.append([1, 2, 3], count: 5)
    writer.append([1, 2, 3], count: 2)
    #expect(writer.bytes == [2, 1, 0xFE] + Array(repeating: 0xFF, count: 7) + [1, 2, 3, 0, 0, 1, 2])
    for length in 0...writer.bytes.count {
      let bytes = Array(writer.bytes.prefix(length))
      let whole = bytes + Array(repeating: 0, count: writer.bytes.count - length)
      var reader = LittleEndianReader(bytes.span.bytes)
      #expect(reader.integer() as UInt16 == UInt16(whole[0]) | UInt16(whole[1]) << 8)
      #expect(
        reader.integer() as UInt64 == whole[2..<10].reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) })
      #expect(reader.paddedField(5) == Array(whole[10..<15]).withoutTrailingNULs)
      #expect(reader.field(2) == Array(whole[15...]))
      #expect(reader.position == 17)
      #expect(reader.integer() as Int32 == 0)
    }
    var bytes = [UInt8](repeating: 9, count: 6)
    bytes.put(littleEndian: UInt32(0x0403_0201), at: 1)
    #expect(bytes == [9, 1, 2, 3, 4, 9])
  }
}

@Suite struct SquashfsSuperblockTests {
  private typealias Offset = SquashfsSuperblock.Offset

  /// A superblock without flaws.
  private static let sound: [UInt8] = {
    var writer = LittleEndianWriter(capacity: 96)
    writer.append(ContentMagic.squashfs, count: 4)
    for value in [UInt32(3), 0, 131_072, 1] { writer.append(value) }
    for value in [UInt16(6), 17, 0, 1, 4, 0] { writer.append(value) }
    for value in [UInt64(0), 5000, 900, .max, 96, 300, 700, .max] { writer.append(value) }
    return writer.bytes
  }()

  @Test func fields() {
    let superblock = SquashfsSuperblock(decoding: Self.sound.span.bytes)
    #expect(Self.sound.count == SquashfsSuperblock.byteCount && superblock.hasMagic)
    #expect(superblock.flawOfSizes == nil && superblock.flawOfTables == nil)
    #expect((superblock.bytesUsed, superblock.blockSize, superblock.compression) == (5000, 131_072, 6))
    // A part of it still has its first fields.
    let part = Array(Self.sound.prefix(48))
    let decoded = SquashfsSuperblock(decoding: part.span.bytes)
    #expect(decoded.bytesUsed == 5000)
  }

  /// Each rule is broken on its own, and the flaw names the field that breaks it.
  @Test func flaws() {
    let cases: [(offset: Int, value: UInt64, width: Int, flaw: SquashfsSuperblock.Flaw)] = [
      (Offset.version, 3, 2, .version), (Offset.version + 2, 1, 2, .version),
      (Offset.blockSize, 131_073, 4, .blockSize), (22, 21, 2, .blockSize),
      (Offset.bytesUsed, 95, 8, .length), (Offset.bytesUsed, 1 << 63, 8, .length),
      (Offset.idTable, .max, 8, .missingTable(name: "id table", field: 48)),
      (Offset.inodeTable, .max, 8, .missingTable(name: "inode table", field: 64)),
      (Offset.directoryTable, .max, 8, .missingTable(name: "directory table", field: 72)),
      (Offset.exportTable, 95, 8, .tableOutside(name: "export table", field: 88, start: 95)),
      (
        Offset.xattrTable, 5000, 8,
        .tableOutside(name: "table of extended attributes", field: 56, start: 5000)
      ),
      (Offset.idCount, 0, 2, .noIDs), (Offset.inodeCount, 0, 4, .noInodes),
      (Offset.inodeTable, 301, 8, .tableOrder), (Offset.fragmentTable, 299, 8, .tableOrder),
      (Offset.xattrTable, 899, 8, .tableOrder), (Offset.fragmentTable, .max, 8, .fragmentsWithoutTable),
      (Offset.inodeCount, UInt64(UInt32.max), 4, .inodeTableTooShort),
    ]
    for (offset, value, width, flaw) in cases {
      var bytes = Self.sound
      for index in 0..<width {
        bytes[offset + index] = UInt8(truncatingIfNeeded: value >> (8 * UInt64(index)))
      }
      let superblock = SquashfsSuperblock(decoding: bytes.span.bytes)
      #expect((superblock.flawOfSizes ?? superblock.flawOfTables) == flaw, "\(offset)")
    }
  }
}
