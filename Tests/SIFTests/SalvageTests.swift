import TestSupport
import Testing

@testable import SIF

/// The intact parts of a damaged image become a sound one, and the lost objects are named.
@Suite struct SalvageTests {
  private static func salvage(_ bytes: [UInt8]) throws -> (ImageSalvage, Image) {
    let source = MemoryStorage(bytes)
    let destination = MemoryStorage()
    let outcome = try ImageSalvage(of: source, into: destination)
    #expect(source.bytes == bytes)
    #expect(try ImageCheck(of: destination).worst != .error)
    return (outcome, try Image(reading: destination))
  }

  private static func contents(_ image: Image) throws -> [UInt32: [UInt8]] {
    var contents: [UInt32: [UInt8]] = [:]
    for object in image.descriptors {
      contents[object.id] = try image.bytes(of: object).prefix(Int(object.size))
    }
    return contents
  }

  /// Three objects, of which the second is a squashfs by its first bytes only.
  private static func sound() throws -> [UInt8] {
    let storage = MemoryStorage()
    _ = try Image.create(.deterministic, in: storage)
    var editor = try ImageEditor(editing: storage)
    for text in ["Bootstrap: scratch\n", "one", "two"] {
      var source = BytesSource(Array(text.utf8))
      _ = try editor.add(NewObject(text.count > 3 ? .definitionFile : .generic, alignment: 64), from: &source)
    }
    return storage.bytes
  }

  @Test(arguments: Fixture.imageNames)
  func soundImagesKeepTheirObjects(name: String) throws {
    let bytes = try Fixture.read("images/\(name)")
    let old = try Image(reading: MemoryStorage(bytes))
    let findings = try ImageCheck(of: MemoryStorage(bytes)).findings.filter { $0.severity == .error }
    let (outcome, image) = try Self.salvage(bytes)
    let damaged = Set(findings.compactMap(\.objectID))
    #expect(Set(outcome.kept).isSuperset(of: Set(old.descriptors.map(\.id)).subtracting(damaged)))
    #expect(Set(outcome.kept + outcome.lost.map(\.id)) == Set(old.descriptors.map(\.id)))
    let (before, after) = (try Self.contents(old), try Self.contents(image))
    for id in outcome.kept { #expect(after[id] == before[id], "object \(id)") }
    #expect(image.header.id == old.header.id)
    #expect(image.header.createdAt == old.header.createdAt)
  }

  @Test func truncatedImagesKeepWhatIsThere() throws {
    let bytes = try Self.sound()
    let (outcome, image) = try Self.salvage(Array(bytes.dropLast(2)))
    #expect(outcome.kept == [1, 2])
    #expect(outcome.lost.map(\.sentence) == ["object 3 is truncated: 1 of 3 bytes present"])
    #expect(try Self.contents(image)[2] == Array("one".utf8))
  }

  @Test func headersAreMadeAnew() throws {
    let bytes = try Self.sound()
    var noMagic = bytes
    noMagic[33] = 0x20
    let (outcome, image) = try Self.salvage(noMagic)
    #expect(outcome.kept == [1, 2, 3])
    #expect(outcome.changes == ["the header's magic is restored"])
    #expect(try Self.contents(image).values.reduce(0) { $0 + $1.count } == 25)
    let blank = [UInt8](repeating: 0, count: 128) + bytes.dropFirst(128)
    #expect(try Self.salvage(blank).0.kept == [1, 2, 3])
    #expect(try Self.salvage(blank).0.changes == ["the header is new"])
    #expect(throws: SIFError.self) { try Self.salvage([UInt8](repeating: 0, count: 50_000)) }
  }

  /// A header with wrong fields: the table is found at its usual place.
  @Test func tablesAreFoundWithoutTheHeader() throws {
    let bytes = try Self.sound()
    for (place, mask) in [
      (96, 0xFF), (96, 0x01), (97, 0xFF), (97, 0x60), (88, 0xFF), (88, 0x31), (104, 0xFF),
    ] {
      var damaged = bytes
      damaged[place] ^= UInt8(mask)
      #expect(try Self.salvage(damaged).0.kept == [1, 2, 3], "byte \(place)")
      damaged[33] ^= 1
      #expect(try Self.salvage(damaged).0.kept == [1, 2, 3], "byte \(place), without the magic")
    }
  }

  /// An object on the header or the table is not intact.
  @Test func objectsOnTheHeaderAreLost() throws {
    for (offset, name) in [(100, "header"), (4096, "descriptor table"), (32_000, "descriptor table")] {
      var bytes = try Self.sound()
      withUnsafeBytes(of: Int64(offset).littleEndian) {
        bytes.replaceSubrange(4681 + 17..<4681 + 25, with: $0)
      }
      let outcome = try Self.salvage(bytes).0
      #expect(outcome.kept == [1, 3])
      #expect(outcome.lost.map(\.sentence) == ["object 2 lies on the \(name)"])
    }
  }

  @Test func contradictionsAreSettled() throws {
    var bytes = try Fixture.read("images/two-systems.sif")
    let first = try Image(reading: MemoryStorage(bytes))
    // Every partition claims to be the primary one.
    for object in first.descriptors where object.dataType == .partition {
      bytes[4096 + 585 * object.slot + 201 + 4] = 2
    }
    // The contents of the test image are not file systems, so only types without a content check can be kept.
    for object in first.descriptors where object.dataType == .partition {
      bytes[4096 + 585 * object.slot + 201] = 4
    }
    let (outcome, image) = try Self.salvage(bytes)
    #expect(outcome.kept == first.descriptors.map(\.id))
    #expect(image.descriptors.count { $0.isPartition(.primarySystem) } == 1)
    #expect(image.primarySystemPartition?.id == first.objects(ofType: .partition).first?.id)
    var twice = try Self.sound()
    twice[4681 + 5] = 1
    #expect(try Self.salvage(twice).0.kept == [1, 2, 3])
    #expect(
      try Self.salvage(twice).0.changes == ["the object in slot 1 has the id 2 instead of 1"])
  }

  @Test func randomMutations() throws {
    let images = try Fixture.imageNames.map { try Fixture.read("images/\($0)") } + [try Self.sound()]
    let seed: UInt64 = 911
    var random = SeededRandom(seed: seed)
    for round in 0..<500 {
      var bytes = try #require(images.randomElement(using: &random))
      for _ in 0..<Int.random(in: 1...6, using: &random) {
        let limit = Bool.random(using: &random) ? 128 : 4096 + 8 * 585
        bytes[Int.random(in: 0..<min(bytes.count, limit), using: &random)] = .random(
          in: 0...255, using: &random)
      }
      if Bool.random(using: &random) { bytes.removeLast(Int.random(in: 0..<bytes.count, using: &random)) }
      let destination = MemoryStorage(limit: 1 << 24)
      do throws(SIFError) {
        _ = try ImageSalvage(of: MemoryStorage(bytes), into: destination)
        #expect(try ImageCheck(of: destination).worst != .error, "seed \(seed), round \(round)")
      } catch {
        #expect(error.code == .notSIF, "seed \(seed), round \(round): \(error)")
      }
    }
  }
}
