import ImageTrust
import SIF
import TestSupport
import Testing

/// Groups of several images, each validly signed by the same signer, put together in one
/// (spec/signatures.md, "Security considerations").
@Suite struct SplicedImageTests {
  private static let amd64 = Architecture(name: "amd64") ?? .unknown

  private static func partition(_ type: PartitionType) -> Metadata {
    .partition(PartitionMetadata(fileSystem: .raw, type: type, architecture: amd64))
  }

  /// A deterministic image as a release has it: definition file, labels and program in group 1, data in group 2.
  private func release(
    _ name: String, type: PartitionType = .primarySystem, key: String = "ed25519.sec.asc"
  ) throws -> Image {
    let storage = MemoryStorage()
    _ = try Image.create(.deterministic, in: storage)
    var editor = try ImageEditor(editing: storage)
    try add(NewObject(.definitionFile), "Bootstrap: \(name)\n", &editor)
    try add(NewObject(.labels), "{\"version\":\"\(name)\"}", &editor)
    try add(NewObject(.partition, metadata: Self.partition(type)), "program \(name)", &editor)
    try add(NewObject(.generic, group: 2), "data \(name)", &editor)
    _ = consume editor
    try sign(storage, key)
    return try Image(reading: storage)
  }

  /// An image of groups of others with their signatures, as whoever may write files can make it.
  private func spliced(_ parts: [(image: Image, group: UInt32)]) throws -> MemoryStorage {
    let storage = MemoryStorage()
    _ = try Image.create(.deterministic, in: storage)
    var editor = try ImageEditor(editing: storage)
    var primaries: [UInt32] = []
    for (place, part) in parts.enumerated() {
      let group = UInt32(place) + 1
      let objects = part.image.objects(inGroup: part.group)
      let signatures = part.image.objects(linkedTo: .group(part.group))
      for object in objects + signatures {
        let isSignature = object.dataType == .signature
        var metadata = object.metadata
        // The editor takes one primary partition; the others' types are put back below.
        if object.isPartition(.primarySystem) { metadata = Self.partition(.system) }
        var new = NewObject(
          object.dataType, metadata: metadata, group: isSignature ? nil : group,
          link: isSignature ? .group(group) : object.link)
        new.name = object.name
        var source = BytesSource(try part.image.bytes(of: object).prefix(4096))
        let added = try editor.add(new, from: &source)
        if object.isPartition(.primarySystem) { primaries.append(added.id) }
      }
    }
    for id in primaries {
      try storage.write([UInt8(2)].span.bytes, at: Int64(4096 + Int(id - 1) * 585 + 205))
    }
    return storage
  }

  private func referenceAccepts(_ storage: MemoryStorage) throws -> Bool {
    let directory = try Scratch()
    let path = try directory.write("image.sif", storage.bytes)
    return try GoOracle.run(["verify", path, Fixture.path("keys/ed25519.pub.asc")]).status == 0
  }

  /// Two programs: nobody can say which one the signer meant. The reference takes each group for itself.
  @Test func twoPrimaryPartitions() throws {
    let (old, new) = (try release("1.0"), try release("2.0"))
    for parts in [[(old, 1), (new, 1)], [(new, 2), (new, 1), (old, 1)]] as [[(Image, UInt32)]] {
      let storage = try spliced(parts)
      #expect(try referenceAccepts(storage))
      let primaries = try Image(reading: storage).descriptors.filter { $0.isPartition(.primarySystem) }
      #expect(primaries.count == 2)
      let policies = [
        VerificationPolicy(), VerificationPolicy(isStrict: true), VerificationPolicy(isLegacy: true),
      ]
      let selections = [
        IntegritySelection(), IntegritySelection(groups: [1]), IntegritySelection(objects: [primaries[1].id]),
      ]
      for policy in policies {
        for selection in selections {
          let report = try verify(storage, ["ed25519.pub.asc"], selection: selection, policy: policy)
          #expect(report.verdict == .malformed)
          #expect(report.error?.objectID == primaries[1].id)
          #expect(report.objects.allSatisfy { $0.signedBy.isEmpty })
        }
      }
      let before = storage.bytes
      #expect(throws: IntegrityError.self) { try sign(storage, "rsa2048.sec.asc") }
      #expect(storage.bytes == before)
    }
  }

  /// A group without a program beside one with it: the objects of each are as they were signed, and nothing more can be
  /// said. What speaks of the program is in its group.
  @Test func aGroupWithoutAPartition() throws {
    let (old, new) = (try release("1.0", type: .system), try release("2.0"))
    let storage = try spliced([(old, 1), (new, 1)])
    #expect(try referenceAccepts(storage))
    #expect(try verify(storage, ["ed25519.pub.asc"]).verdict == .ok)
    let image = try Image(reading: storage)
    for type in [DataType.definitionFile, .labels] {
      #expect(image.companion(ofType: type)?.group == image.primarySystemPartition?.group)
    }
    // With none in its group, and several in others, it is none of them.
    var editor = try ImageEditor(editing: MemoryStorage(storage.bytes))
    let near = try #require(image.companion(ofType: .labels))
    try editor.delete(id: near.id)
    #expect(editor.image.companion(ofType: .labels)?.group == 1)
    try add(NewObject(.labels, group: 3), "{}", &editor)
    #expect(editor.image.companion(ofType: .labels) == nil)
  }

  /// Whoever has to have signed has to have signed every group, also that of a second partition.
  @Test func aSecondPartitionOfAnotherSigner() throws {
    let own = try release("1.0")
    let other = try release("2.0", type: .system, key: "rsa2048.sec.asc")
    let storage = try spliced([(own, 1), (other, 1)])
    let keys = ["ed25519.pub.asc", "rsa2048.pub.asc"]
    let signer = try #require(try ring("ed25519.pub.asc").certificates.first).primary.fingerprintText
    #expect(try verify(storage, keys).verdict == .ok)
    for policy in [VerificationPolicy(requiredSigners: [signer]), VerificationPolicy(threshold: 2)] {
      #expect(try verify(storage, keys, policy: policy).verdict == .untrusted)
    }
    // Of one group nothing follows for the other.
    let report = try verify(
      storage, keys, selection: IntegritySelection(groups: [1]),
      policy: VerificationPolicy(requiredSigners: [signer]))
    #expect(report.verdict == .ok)
    #expect(report.objects.filter { $0.id > 4 }.allSatisfy { $0.signedBy.isEmpty })
  }

  /// A program that no signature covers, beside signed groups.
  @Test(arguments: [nil, 3] as [UInt32?]) func aPrimaryPartitionOutsideOfSignedGroups(group: UInt32?) throws {
    let old = try release("1.0", type: .system)
    let storage = try spliced([(old, 1), (old, 2)])
    var editor = try ImageEditor(editing: storage)
    try add(
      NewObject(.partition, metadata: Self.partition(.primarySystem), group: group), "other program", &editor)
    let report = try verify(storage, ["ed25519.pub.asc"])
    #expect(report.verdict == .unsigned)
    #expect(report.objects.last?.signedBy == [])
  }
}
