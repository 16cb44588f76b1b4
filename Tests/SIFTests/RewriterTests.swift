import Gcrypt
import TestSupport
import Testing

@testable import SIF

/// Images made from images.
@Suite struct RewriterTests {
  private static func contents(_ image: Image) throws -> [[UInt8]] {
    try image.descriptors.map { try image.bytes(of: $0).prefix(1 << 20) }
  }

  private static func fields(_ descriptors: [Descriptor]) -> [Descriptor] {
    descriptors.map { descriptor in
      var copy = descriptor
      (copy.offset, copy.sizeWithPadding) = (0, 0)
      return copy
    }
  }

  @Test(arguments: Fixture.imageNames)
  func compactKeepsEveryObject(name: String) throws {
    let old = try Image(reading: MemoryStorage(Fixture.read("images/\(name)")))
    let new = MemoryStorage()
    try ImageRewriter(old).compact(into: new)
    let compacted = try Image(reading: new)
    #expect(try Self.contents(compacted) == Self.contents(old))
    #expect(Self.fields(compacted.descriptors) == Self.fields(old.descriptors))
    #expect(try ImageCheck(of: new).findings.filter { [.gap, .trailingBytes].contains($0.code) }.isEmpty)
    #expect(compacted.fileSize <= max(old.fileSize, old.header.dataOffset))
    #expect(compacted.descriptors.filter { $0.dataType == .partition }.allSatisfy { $0.offset % 4096 == 0 })
    // A compact image stays unchanged.
    let again = MemoryStorage()
    try ImageRewriter(compacted).compact(into: again)
    #expect(again.bytes == new.bytes)
  }

  @Test func compactDropsWhatIsDead() throws {
    let storage = try EditorTests.image(["first", "dead", "third"])
    var editor = try ImageEditor(editing: storage)
    try editor.delete(id: 2)
    try storage.write([1, 2, 3].span.bytes, at: storage.byteCount)
    let new = MemoryStorage()
    try ImageRewriter(Image(reading: storage)).compact(into: new)
    #expect(String(decoding: new.bytes.suffix(10), as: UTF8.self) == "firstthird")
    #expect(try Image(reading: new).descriptors.map(\.id) == [1, 3])
  }

  @Test func replaceOneObject() throws {
    let storage = try EditorTests.image(["first", "gone", "third"])
    var editor = try ImageEditor(editing: storage)
    let partition = Metadata.partition(EditorTests.system)
    var source = BytesSource([1, 2, 3])
    try editor.add(NewObject(.partition, metadata: partition), from: &source)
    source = BytesSource(Array("last".utf8))
    try editor.add(NewObject(.generic, link: .object(4)), from: &source)
    let new = MemoryStorage()
    var changed = EditorTests.system
    changed.fileSystem = .encryptedSquashfs
    try ImageRewriter(editor.image).replace(
      id: 4, metadata: .partition(changed), dropping: [2], into: new
    ) { place in
      try place.write(([7, 8, 9, 10] as [UInt8]).span.bytes, at: 0)
      return 5000
    }
    let image = try Image(reading: new)
    #expect(image.descriptors.map(\.id) == [1, 3, 4, 5])
    let object = try image.object(id: 4)
    #expect(object.metadata == .partition(changed) && object.size == 5000 && object.offset % 4096 == 0)
    #expect(try image.bytes(of: object).prefix(5) == [7, 8, 9, 10, 0])
    #expect(try Self.contents(image).last == Array("last".utf8))
    #expect(try image.object(id: 5).link == .object(4))
    #expect(image.header.descriptorsFree == 4)
    #expect(try ImageCheck(of: new).findings.filter { $0.severity > .note && $0.objectID != 4 }.isEmpty)
    // An error of the body reaches the caller.
    #expect(throws: GcryptError.self) {
      try ImageRewriter(image).replace(id: 4, metadata: partition, dropping: [], into: MemoryStorage()) { _ in
        throw GcryptError(status: 1, operation: "test")
      }
    }
  }

  @Test(arguments: Fixture.imageNames)
  func growKeepsEveryByte(name: String) throws {
    let bytes = try Fixture.read("images/\(name)")
    let old = try Image(reading: MemoryStorage(bytes))
    let new = MemoryStorage()
    try ImageRewriter(old).grow(toCapacity: 1000, into: new)
    let grown = try Image(reading: new)
    #expect(grown.header.descriptorsTotal == 1000)
    #expect(grown.header.descriptorsFree == 1000 - Int64(old.descriptors.count))
    #expect(try Self.contents(grown) == Self.contents(old))
    let data = bytes[min(Int(old.header.dataOffset), bytes.count)...]
    #expect(new.bytes[Int(grown.header.dataOffset)...].elementsEqual(data))
    #expect(try ImageCheck(of: new).worst != .error || ImageCheck(of: MemoryStorage(bytes)).worst == .error)
    // The new slots can be used.
    var editor = try ImageEditor(editing: new)
    var source = BytesSource([1, 2, 3])
    try editor.add(NewObject(.generic), from: &source)
  }

  @Test func growRefusesLess() throws {
    let image = try Image(reading: try EditorTests.image(["a"]))
    for capacity in [0, 7, 8, -1, Int64.max] {
      let new = MemoryStorage()
      #expect(
        EditorTests.code { () throws(SIFError) in
          try ImageRewriter(image).grow(toCapacity: capacity, into: new)
        } == .invalidArgument)
      #expect(new.bytes.isEmpty)
    }
  }

  @Test func metadataChanges() throws {
    let storage = MemoryStorage(try Fixture.read("images/two-systems.sif"))
    let image = try Image(reading: storage)
    let new = MemoryStorage()
    try ImageRewriter(image).update(id: 2, into: new) { (descriptor) throws(SIFError) in
      descriptor.name = Array("renamed".utf8)
      descriptor.extra =
        Metadata.partition(
          PartitionMetadata(
            fileSystem: .ext3, type: .primarySystem, architecture: Architecture(name: "arm64") ?? .unknown)
        ).encoded
      descriptor.id = 77
      descriptor.offset = 1
    }
    let changed = try Image(reading: new)
    #expect(changed.header.architecture.name == "arm64")
    let object = try changed.object(id: 2)
    #expect(object.name == Array("renamed".utf8))
    #expect(object.offset == (try image.object(id: 2)).offset)
    #expect(try Self.contents(changed) == Self.contents(image))
  }
}
