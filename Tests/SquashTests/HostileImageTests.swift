import Bytes
import Squash
import Testing
import TestSupport

/// False claims of images, and their consequences.
@Suite struct HostileImageTests {
  private static func text(_ text: String) -> [UInt8] { Array(text.utf8) }

  @Test(arguments: [
    ("/", "a name with a slash"), ("a/b", "a name with a slash"), ("..", "another directory"),
    (".", "another directory"), ("a\u{0}b", "a NUL"), ("\u{0}", "a NUL"),
    (String(repeating: "x", count: 256), "256 bytes"),
  ])
  func namesThatAreNoNamesAreRefused(name: String, reason: String) throws {
    let image = ForgedImage.withRoot { forged in
      let file = forged.file(number: 2, size: 0)
      return [(Self.text(name), 2, file, 2), (Self.text("zz"), 2, file, 2)]
    }
    let (paths, faults) = try walk(image.build())
    #expect(paths == [[], Self.text("zz")])
    #expect(faults.map(\.code) == [.hostileName])
    #expect(faults.first?.what.contains(reason) == true)
  }

  @Test func anEmptyNameIsRefused() throws {
    // The format stores the length minus one, so an empty name has the length 65536, which is invalid too.
    let image = ForgedImage.withRoot { forged in [([], 2, forged.file(number: 2, size: 0), 2)] }
    let (paths, faults) = try walk(image.build())
    #expect(paths == [[]])
    #expect(faults.map(\.code) == [.corrupt])
  }

  @Test func oddNamesAreKeptByteForByte() throws {
    let names: [[UInt8]] = [
      [0x1B, 0x5B, 0x33, 0x31, 0x6D], [0x61, 0x0A], Self.text(String(repeating: "n", count: 255)),
      [0xFF, 0xFE],
    ]
    let image = ForgedImage.withRoot { forged in
      let file = forged.file(number: 2, size: 0)
      return names.map { ($0, 2, file, 2) }
    }
    let (paths, faults) = try walk(image.build())
    #expect(paths == [[]] + names)
    #expect(faults.isEmpty)
    #expect(names[0].escapedName == "\\x1b[31m")
    #expect(names[3].escapedName == "\\xff\\xfe")
    #expect(Self.text("Grüße\\\u{202E}").escapedName == "Grüße\\\\\\xe2\\x80\\xae")
  }

  @Test func duplicateAndUnsortedEntriesAreRefused() throws {
    let image = ForgedImage.withRoot { forged in
      let file = forged.file(number: 2, size: 0)
      return ["b", "b", "a", "c"].map { (Self.text($0), 2, file, 2) }
    }
    let (paths, faults) = try walk(image.build())
    #expect(paths == [[], Self.text("b"), Self.text("c")])
    #expect(faults.map(\.code) == [.duplicateEntry, .unsortedEntry])
  }

  @Test func aDirectoryThatContainsItselfEndsTheWalk() throws {
    var forged = ForgedImage()
    // The root's inode comes first, so its reference is known before it is made.
    forged.root = forged.directory(number: 1, [(Self.text("loop"), 1, 0, 1)])
    let (paths, faults) = try walk(forged.build())
    #expect(paths == [[]])
    #expect(faults.map(\.code) == [.directoryLoop])
  }

  @Test func aDirectoryWithTwoParentsIsWalkedOnce() throws {
    // Forty directories, each twice in the one above: 2^40 paths.
    var forged = ForgedImage()
    var below = forged.directory(number: 50, [])
    for number in (1..<41).reversed() {
      let next = UInt32(number + 1 == 41 ? 50 : number + 1)
      below = forged.directory(
        number: UInt32(number), [(Self.text("a"), next, below, 1), (Self.text("b"), next, below, 1)])
    }
    forged.root = below
    let (paths, faults) = try walk(forged.build())
    #expect(paths.count == 41)
    #expect(faults.count == 40 && faults.allSatisfy { $0.code == .directoryLoop })
  }

  @Test func nestingIsBounded() throws {
    var forged = ForgedImage()
    forged.inodeCount = 100_001
    var below = forged.directory(number: 100_001, [])
    for number in (1...100_000).reversed() {
      below = forged.directory(number: UInt32(number), [(Self.text("d"), UInt32(number + 1), below, 1)])
    }
    forged.root = below
    let (paths, faults) = try walk(forged.build())
    #expect(paths.count == TreeWalker.deepest)
    #expect(faults.map(\.code) == [.tooDeep])
    let reader = try SquashReader(try SquashImage(MemoryReader(forged.build())))
    let path = [UInt8](repeating: 0x64, count: 200_000).enumerated().map {
      $0.offset % 2 == 0 ? $0.element : 0x2F
    }
    let error = #expect(throws: SquashError.self) { () throws in try reader.lookup(path) }
    #expect(error?.code == .tooDeep)
  }

  private static let sizes: [UInt64] = [
    0x1000_0000_0000_0000, .max, 0x8000_0000_0000_0000, 0xFFFF_FFFF_FFFE_0000, 0x7FFF_FFFF_FFFE_0000,
    0x2000_0000_0000,
  ]

  @Test(arguments: sizes)
  func sizesThatTheInodeTableCannotHoldAreRefused(size: UInt64) throws {
    let image = ForgedImage.withRoot { forged in [(Self.text("f"), 2, forged.file(number: 2, size: size), 2)]
    }
    let (paths, faults) = try walk(image.build())
    #expect(paths == [[]])
    #expect(faults.map(\.code) == [.corrupt])
  }

  private func readFile(_ forged: ForgedImage) throws(SquashError) -> Int {
    let reader = try SquashReader(try SquashImage(MemoryReader(forged.build())))
    guard let layout = try reader.lookup(Self.text("f")).inode.layout else { return -1 }
    var count = 0
    try reader.read(layout) { (_, bytes) throws(SquashError) in count += bytes.count }
    return count
  }

  private static let tails: [(UInt32, UInt32)] = [(0, 500), (0, 131_000), (0, .max), (1, 0), (.max - 1, 0)]

  @Test(arguments: tails)
  func aTailPastItsFragmentBlockIsRefused(fragment: UInt32, offset: UInt32) throws {
    var forged = ForgedImage.withRoot { forged in
      [(Self.text("f"), 2, forged.file(number: 2, size: 1000, fragment: fragment, offset: offset), 2)]
    }
    forged.data = [UInt8](repeating: 7, count: 1200)
    forged.fragments = [(96, 1200 | 1 << 24)]
    let error = #expect(throws: SquashError.self) { () throws in try readFile(forged) }
    #expect(error?.code == .corrupt)
    forged = ForgedImage.withRoot { forged in
      [(Self.text("f"), 2, forged.file(number: 2, size: 1000, fragment: 0, offset: 200), 2)]
    }
    forged.data = [UInt8](repeating: 7, count: 1200)
    forged.fragments = [(96, 1200 | 1 << 24)]
    #expect(try readFile(forged) == 1000)
  }

  private static let stored: UInt32 = 0x100_0000
  private static let wrongWords: [[UInt32]] = [
    [200_000], [131_073 | stored], [2 * stored], [5], [99 | stored], [0xFF_FFFF | stored],
  ]

  @Test(arguments: wrongWords) func blocksThatCannotBeAreRefused(words: [UInt32]) throws {
    var forged = ForgedImage.withRoot { forged in
      [(Self.text("f"), 2, forged.file(number: 2, size: 100, words: words), 2)]
    }
    forged.data = [UInt8](repeating: 7, count: 300_000)
    let error = #expect(throws: SquashError.self) { () throws in try readFile(forged) }
    #expect(error?.code == .corrupt)
  }

  @Test(arguments: [
    (1, "python3 -c 'import sys,zlib; sys.stdout.buffer.write(zlib.compress(bytes(64 << 20), 9))'"),
    (4, "head -c 64M /dev/zero | xz -9 --check=crc32"),
    (4, "head -c 1000 /dev/zero | xz --check=crc32 --lzma2=dict=1536MiB"),
    (6, "head -c 1G /dev/zero | zstd -q -19 -c"),
    (6, "head -c 1000 /dev/zero | zstd -q --ultra -22 --long=31 -c"),
  ])
  func blocksThatGrowBeyondTheirSizeAreRefused(compression: UInt16, bomb: String) throws {
    let scratch = try Scratch()
    try shell("\(bomb) > \(scratch.file("bomb"))")
    let bytes = try readBytes(scratch.file("bomb"))
    try #require(bytes.count < 131_072)
    var forged = ForgedImage.withRoot { forged in
      [(Self.text("f"), 2, forged.file(number: 2, size: 131_072, words: [UInt32(bytes.count)]), 2)]
    }
    forged.compression = compression
    forged.data = bytes
    let error = #expect(throws: SquashError.self) { () throws in try readFile(forged) }
    #expect(error?.code == .corrupt)
  }

  @Test func metadataThatGrowsBeyondItsBlockIsRefused() throws {
    let scratch = try Scratch()
    try shell(
      "python3 -c 'import sys,zlib; sys.stdout.buffer.write(zlib.compress(bytes(1 << 20), 9))' > \(scratch.file("bomb"))"
    )
    let bytes = try readBytes(scratch.file("bomb"))
    var forged = ForgedImage.withRoot { _ in [] }
    forged.data = ForgedImage.le(UInt16(bytes.count)) + bytes
    // The inode table lies in place of the data.
    forged.patches = [(64, ForgedImage.le(UInt64(96))), (32, ForgedImage.le(UInt64(0)))]
    let error = #expect(throws: SquashError.self) { () throws in try walk(forged.build()) }
    #expect(error?.code == .corrupt)
    #expect(error?.what.contains("decompress") == true)
  }

  private static let places: [UInt64] = [0, 1, 95, 0x100_0000_0000, .max - 1, 0x8000_0000_0000_0000]

  @Test(arguments: [32, 40, 48, 56, 64, 72, 80], places) func tablesOutsideTheFileAreRefused(
    offset: Int, value: UInt64
  ) throws {
    var forged = ForgedImage.withRoot { forged in
      forged.xattrPairs = [0]
      forged.xattrSets = [(0, 0, 0)]
      return [(Self.text("f"), 2, forged.file(number: 2, size: 10, fragment: 0), 2)]
    }
    forged.data = [UInt8](repeating: 7, count: 100)
    forged.fragments = [(96, 100 | 1 << 24)]
    forged.patches = [(offset, ForgedImage.le(value))]
    #expect(throws: SquashError.self) {
      let image = forged.build()
      _ = try walk(image)
      // Offset 32 may name another inode by chance; nothing else may.
      if offset == 32 { throw SquashError(.corrupt, "") }
    }
  }

  private static let counts: [(Int, UInt32)] = [
    (4, 0), (4, .max), (16, .max), (12, 0), (12, 0x4000_0000), (26, 0),
  ]

  @Test(arguments: counts) func wrongCountsAreRefused(offset: Int, value: UInt32) throws {
    var forged = ForgedImage.withRoot { forged in [(Self.text("f"), 2, forged.file(number: 2, size: 0), 2)] }
    forged.patches = [(offset, offset == 26 ? [0, 0] : ForgedImage.le(value))]
    let bytes = forged.build()
    #expect(throws: SquashError.self) { () throws in try walk(bytes) }
  }

  @Test(arguments: [UInt32(0), 101, .max]) func inodeNumbersOutOfRangeAreRefused(number: UInt32) throws {
    var forged = ForgedImage()
    let file = forged.file(number: number, size: 0)
    forged.root = forged.directory(number: 1, [(Self.text("f"), number, file, 2)])
    let image = forged
    let (paths, faults) = try walk(image.build())
    #expect(paths == [[]])
    #expect(faults.map(\.code) == [.corrupt])
  }

  @Test func entriesAndInodesThatDisagreeAreRefused() throws {
    let image = ForgedImage.withRoot { forged in
      let file = forged.file(number: 2, size: 0)
      return [
        (Self.text("a"), 2, file, 1), (Self.text("b"), 3, file, 2), (Self.text("c"), 2, file, 9),
        (Self.text("d"), 2, file, 2),
      ]
    }
    let (paths, faults) = try walk(image.build())
    #expect(paths == [[], Self.text("d")])
    #expect(faults.map(\.code) == [.corrupt, .corrupt, .corrupt])
  }

  @Test(arguments: [[], Array("a\u{0}b".utf8), [UInt8](repeating: 0x61, count: 4096)] as [[UInt8]])
  func targetsThatAreNoTargetsAreRefused(target: [UInt8]) throws {
    let image = ForgedImage.withRoot { forged in [(Self.text("l"), 2, forged.symlink(number: 2, target), 3)] }
    let (paths, faults) = try walk(image.build())
    #expect(paths == [[]])
    #expect(faults.map(\.code) == [.corrupt])
  }

  @Test func linksThatLeadToEachOtherEnd() throws {
    let image = ForgedImage.withRoot { forged in
      [
        (Self.text("a"), 2, forged.symlink(number: 2, Self.text("/b")), 3),
        (Self.text("b"), 3, forged.symlink(number: 3, Self.text("../../a/.")), 3),
      ]
    }
    let reader = try SquashReader(try SquashImage(MemoryReader(image.build())))
    let error = #expect(throws: SquashError.self) { () throws in
      try reader.lookup(Self.text("a"), followLast: true)
    }
    #expect(error?.code == .symlinkLoop)
    #expect(try reader.lookup(Self.text("/./a")).inode.symlinkTarget == Self.text("/b"))
  }

  /// Namespace, name length, value length, number of pairs, number of sets, whether that is valid.
  private static let attributes: [(UInt16, UInt16, UInt32, UInt32, UInt32, Bool)] = [
    (0, 1, 1, 1, 1, true), (3, 1, 1, 1, 1, false), (0, 0, 1, 1, 1, false),
    (0, 251, 1, 1, 1, false), (0, 1, 65537, 1, 1, false), (0, 1, .max, 1, 1, false),
    (0, 1, 1, 9363, 1, false),
    (0, 1, 1, .max, 1, false), (0, 1, 1, 1, 0, false), (0x100, 1, 8, 1, 1, false),
  ]

  @Test(arguments: attributes) func attributeCountsAreChecked(
    type: UInt16, name: UInt16, value: UInt32, pairs: UInt32, sets: UInt32, isValid: Bool
  ) throws {
    var forged = ForgedImage.withRoot { forged in
      [(Self.text("f"), 2, forged.file(number: 2, size: 0, xattr: 0), 2)]
    }
    forged.xattrPairs = ForgedImage.le(type) + ForgedImage.le(name) + [0x61] + ForgedImage.le(value) + [0x62]
    forged.xattrPairs += [UInt8](repeating: 0xFF, count: 20)
    forged.xattrSets = [(0, pairs, 0)]
    forged.xattrCount = sets
    let reader = try SquashReader(try SquashImage(MemoryReader(forged.build())))
    let inode = try reader.lookup(Self.text("f")).inode
    if isValid {
      let expected = [ExtendedAttribute(name: Self.text("user.a"), value: Self.text("b"))]
      #expect(try reader.extendedAttributes(of: inode) == expected)
    } else {
      let error = #expect(throws: SquashError.self) { () throws in try reader.extendedAttributes(of: inode) }
      #expect(error?.code == .corrupt)
    }
  }

  @Test func theCompressorThatIsMissingIsNamed() throws {
    let missing: [(UInt16, String)] = [(3, "lzo"), (7, "unknown-7"), (0, "unknown-0")]
    for (number, name) in missing {
      var forged = ForgedImage.withRoot { _ in [] }
      forged.compression = number
      let bytes = forged.build()
      let error = #expect(throws: SquashError.self) { () throws in try walk(bytes) }
      #expect(error?.code == .unsupportedCompression)
      #expect(error?.description.contains(name) == true)
    }
  }

  @Test func aTruncatedImageSaysHowMuchIsThere() throws {
    let bytes = ForgedImage.withRoot { _ in [] }.build()
    for count in 0..<bytes.count {
      let error = #expect(throws: SquashError.self) { () throws in try walk(Array(bytes[..<count])) }
      #expect(error?.code == (count < 96 ? .notSquashfs : .truncated))
    }
    #expect(try walk(bytes).paths == [[]])
  }
}
