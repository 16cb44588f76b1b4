import TestSupport
import Testing

@testable import SIF

/// Properties of edits that the comparison with the reference does not show.
@Suite struct EditorTests {
  static let system = PartitionMetadata(
    fileSystem: .squashfs, type: .system, architecture: Architecture(name: "amd64") ?? .unknown)

  /// An image in memory with some generic objects.
  static func image(_ contents: [String] = [], capacity: Int64 = 8) throws -> MemoryStorage {
    let storage = MemoryStorage()
    _ = try Image.create(Image.Creation(id: .none, time: .none, capacity: capacity), in: storage)
    var editor = try ImageEditor(editing: storage)
    for content in contents {
      var source = BytesSource(Array(content.utf8))
      try editor.add(NewObject(.generic, name: Array(content.utf8)), from: &source)
    }
    return storage
  }

  static func code(_ body: () throws(SIFError) -> Void) -> SIFError.Code? {
    do throws(SIFError) {
      try body()
      return nil
    } catch {
      return error.code
    }
  }

  @Test func deterministicImagesStaySo() throws {
    let storage = try Self.image(["a", "b"])
    var editor = try ImageEditor(editing: storage)
    try editor.delete(id: 1)
    #expect(editor.image.header.isDeterministic)
    #expect(editor.image.descriptors.allSatisfy { $0.createdAt == .none && $0.modifiedAt == .none })
  }

  @Test func otherImagesAreStamped() throws {
    let storage = MemoryStorage()
    _ = try Image.create(Image.Creation(id: .random(), time: Timestamp(seconds: 5)), in: storage)
    var editor = try ImageEditor(editing: storage)
    var source = BytesSource([1])
    let added = try editor.add(NewObject(.generic), from: &source)
    #expect(added.createdAt > Timestamp(seconds: 1_700_000_000))
    #expect(editor.image.header.modifiedAt == added.modifiedAt)
    #expect(editor.image.header.createdAt == Timestamp(seconds: 5))
  }

  @Test func refusals() throws {
    let storage = try Self.image(["a"], capacity: 1)
    let before = storage.bytes
    var editor = try ImageEditor(editing: storage)
    func code(_ object: NewObject) -> SIFError.Code? {
      Self.code { () throws(SIFError) in
        var source = BytesSource([1])
        try editor.add(object, from: &source)
      }
    }
    #expect(code(NewObject(.generic)) == .noFreeDescriptor)
    #expect(code(NewObject(.generic, name: Array(repeating: 65, count: 129))) == .invalidArgument)
    #expect(code(NewObject(.generic, group: 0)) == .invalidArgument)
    #expect(code(NewObject(.generic, link: .object(0))) == .invalidArgument)
    #expect(code(NewObject(.generic, alignment: -4096)) == .invalidArgument)
    #expect(code(NewObject(.generic, metadata: .partition(Self.system))) == .invalidArgument)
    #expect(Self.code { () throws(SIFError) in try editor.delete(id: 2) } == .objectNotFound)
    #expect(Self.code { () throws(SIFError) in try editor.setPrimaryPartition(id: 1) } == .notPartition)
    #expect(storage.bytes == before)
  }

  @Test func aSecondPrimaryIsRefused() throws {
    let storage = try Self.image()
    var editor = try ImageEditor(editing: storage)
    var primary = Self.system
    primary.type = .primarySystem
    for expected in [nil, SIFError.Code.primaryExists] {
      #expect(
        Self.code { () throws(SIFError) in
          var source = BytesSource([1])
          try editor.add(NewObject(.partition, metadata: .partition(primary)), from: &source)
        } == expected)
    }
  }

  @Test func zeroing() throws {
    let storage = try Self.image(["first", "secret", "third"])
    var editor = try ImageEditor(editing: storage)
    let secret = try editor.image.object(id: 2)
    try editor.delete(id: 2, options: .zero)
    let bytes = storage.bytes
    #expect(bytes[Int(secret.offset)..<Int(secret.offset + secret.size)].allSatisfy { $0 == 0 })
    #expect(String(decoding: bytes.suffix(5), as: UTF8.self) == "third")
    // Bytes that another object shares are not zeroed, and nothing else happens either.
    let shared = try Self.image(["abc", "def"])
    try shared.write([UInt8(0xB0)].span.bytes, at: 4096 + 8 * 585)
    var raw = shared.bytes
    raw.replaceSubrange(4096 + 585 + 17..<4096 + 585 + 25, with: raw[4096 + 17..<4096 + 25])
    let overlapping = MemoryStorage(raw)
    var other = try ImageEditor(editing: overlapping)
    #expect(Self.code { () throws(SIFError) in try other.delete(id: 1, options: .zero) } == .malformed)
    #expect(overlapping.bytes == raw)
  }

  @Test func compactingDeletion() throws {
    let storage = try Self.image(["first", "second", "third"])
    var editor = try ImageEditor(editing: storage)
    try editor.delete(id: 2, options: .compact)
    #expect(editor.image.header.dataSize == 16)
    try editor.delete(id: 3, options: .compact)
    #expect(editor.image.header.dataSize == 5)
    #expect(storage.byteCount == editor.image.header.dataOffset + 5)
  }

  @Test func addingBehindATruncatedObjectIsRefused() throws {
    let storage = try Self.image(["first", "second"])
    try storage.truncate(to: storage.byteCount - 1)
    let before = storage.bytes
    var editor = try ImageEditor(editing: storage)
    #expect(
      Self.code { () throws(SIFError) in
        var source = BytesSource([1])
        try editor.add(NewObject(.generic), from: &source)
      } == .truncated)
    #expect(storage.bytes == before)
  }

  /// A source that fails in the middle leaves the image unchanged, byte for byte.
  @Test func failingSources() throws {
    struct Failing: ByteSource {
      var left = 3
      mutating func read(into buffer: UnsafeMutableRawBufferPointer) throws(SIFError) -> Int {
        left -= 1
        if left == 0 { throw SIFError(.system, "broken") }
        return buffer.count
      }
    }
    let storage = try Self.image(["first"])
    let before = storage.bytes
    var editor = try ImageEditor(editing: storage)
    #expect(
      Self.code { () throws(SIFError) in
        var source = Failing()
        try editor.add(NewObject(.generic), from: &source)
      } == .system)
    #expect(storage.bytes == before)
    #expect(editor.image.descriptors.count == 1)
  }

  /// Whatever rules of the format an image breaks, an editor refuses it before it writes.
  @Test func tablesThatShareBytes() throws {
    let good = try Self.image(["first"]).bytes
    func refused(_ offset: Int, _ value: Int64) -> Bool {
      var bytes = good
      withUnsafeBytes(of: value.littleEndian) { bytes.replaceSubrange(offset..<offset + 8, with: $0) }
      let storage = MemoryStorage(bytes)
      let code = Self.code { () throws(SIFError) in
        var editor = try ImageEditor(editing: storage)
        var source = BytesSource([1])
        try editor.add(NewObject(.generic), from: &source)
      }
      return code != nil && storage.bytes == bytes
    }
    #expect(refused(96, 64))  // the table inside the header
    #expect(refused(96, 4600))  // the table on the first object
    #expect(refused(112, -1))  // the data before the file
    #expect(refused(4096 + 17, 100))  // an object in the header
    #expect(refused(4096 + 17, 5000))  // an object in the table
    #expect(refused(4096 + 25, Int64.max))  // an object longer than a file can be
    #expect(refused(88, -1))
    #expect(refused(88, Int64.max))
    #expect(refused(104, 0))
  }
}
