import Bytes
import Squash
import Testing
import TestSupport

/// Ranges of files, and listings that go on from a place, as a mounted file system needs them.
@Suite struct RandomAccessTests {
  @Test(arguments: [("gzip", 4096), ("zstd", 131072), ("lz4", 1_048_576)])
  func rangesAreThoseOfTheWholeFile(compressor: String, blockSize: Int) throws {
    let scratch = try Scratch()
    // Blocks without a tail, with one, holes at either end, and more blocks than one part of the list.
    try shell(
      """
      cd \(scratch.path); mkdir tree; head -c 5000000 /dev/urandom > tree/many; printf x > tree/tiny; : > tree/empty
      seq 300000 | head -c \(blockSize * 3) > tree/even; seq 900000 > tree/text
      truncate -s 3000000 tree/hole; printf end >> tree/hole; truncate -s 9000001 tree/hole
      mksquashfs tree image -comp \(compressor) -b \(blockSize) -noappend -quiet -no-progress
      """)
    let image = try openImage(scratch.file("image"))
    let cache = BlockCache(for: image)
    let readers = [try SquashReader(image), try SquashReader(image)]
    let seed = UInt64.random(in: .min ... .max)
    var random = Generator(state: seed)
    for name in ["many", "tiny", "empty", "even", "text", "hole"] {
      let whole = try contents(of: scratch.file("tree/\(name)"))
      let layout = try #require(try readers[0].lookup(Array(name.utf8)).inode.layout)
      for _ in 0..<60 {
        let offset = Int64.random(in: 0...Int64(whole.count + 10), using: &random)
        let count = Int.random(in: 0...(3 * blockSize), using: &random)
        var bytes: [UInt8] = []
        let reader = readers[Int.random(in: 0...1, using: &random)]
        try reader.read(layout, at: offset, count: count, cache) { (piece) throws(SquashError) in
          bytes += Array(piece)
        }
        let expected = whole[min(Int(offset), whole.count)..<min(Int(offset) + count, whole.count)]
        #expect(bytes == Array(expected), "\(name) \(offset) \(count), seed \(seed)")
      }
    }
  }

  @Test func listingsGoOnFromACopy() throws {
    let scratch = try Scratch()
    try shell(
      "cd \(scratch.path); mkdir tree; cd tree; seq -w 3000 | xargs touch; cd ..; mksquashfs tree image -quiet -no-progress"
    )
    let reader = try SquashReader(try openImage(scratch.file("image")))
    let root = try reader.root()
    var listing = try #require(DirectoryListing(root))
    var (names, rest): ([[UInt8]], [[UInt8]]) = ([], [])
    var copy: DirectoryListing?
    while let listed = try listing.next(reader) {
      names.append(listed.name)
      if names.count == 1234 { copy = listing }
      #expect(try reader.inode(of: listed).type == .regular)
    }
    #expect(names.count == 3000)
    var other = try #require(copy)
    while let listed = try other.next(reader) { rest.append(listed.name) }
    #expect(rest == Array(names[1234...]))
    #expect(try reader.listed(Array("2999".utf8), in: root)?.name == Array("2999".utf8))
    for missing in ["0", "29990", "9999"] { #expect(try reader.listed(Array(missing.utf8), in: root) == nil) }
    #expect(root.parentNumber != nil && !root.hasAttributes)
  }

  private struct Generator: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return state ^ state >> 29
    }
  }
}
