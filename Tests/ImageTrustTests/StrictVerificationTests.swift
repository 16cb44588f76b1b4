import ImageTrust
import OpenPGP
import SIF
import TestSupport
import Testing

/// Verification that leaves no byte to chance (spec/signatures.md, "Strict verification").
@Suite struct StrictVerificationTests {
  private static let policy = VerificationPolicy(isStrict: true)

  private func strict(
    _ storage: any Storage, _ keys: [String] = ["ed25519.pub.asc"], _ policy: VerificationPolicy = policy
  ) throws -> VerificationReport {
    try verify(storage, keys, policy: policy)
  }

  /// An image as small as it gets with everything in it: a table with a free slot and room around it, an object of
  /// three bytes, an empty one, and a partition behind padding.
  private func smallImage() throws -> MemoryStorage {
    let storage = MemoryStorage()
    var header = Header(id: .none, createdAt: Timestamp(seconds: 1_700_000_000), capacity: 5)
    header.descriptorsOffset = 192
    header.dataOffset = 192 + 5 * 585 + 7
    try storage.truncate(to: header.dataOffset)
    try storage.write(header.encoded().span.bytes, at: 0)
    var editor = try ImageEditor(editing: storage, clock: .fixed(day(1)))
    try add(NewObject(.generic, name: Array("one".utf8)), "one", &editor)
    try add(NewObject(.generic, link: .object(1)), "", &editor)
    let partition = PartitionMetadata(
      fileSystem: .raw, type: .primarySystem, architecture: try #require(Architecture(name: "amd64")))
    try add(NewObject(.partition, metadata: .partition(partition), alignment: 64), "raw", &editor)
    return storage
  }

  /// Every byte of the file, in its lowest or in its highest bit: refused, or part of a time that the report lists.
  @Test func everyByteOfAFileFlipped() throws {
    let storage = try smallImage()
    try sign(storage, "ed25519.sec.asc")
    let report = try strict(storage)
    #expect(report.verdict == .ok, "\(report.reasons)")
    #expect(report.error == nil)
    let table: Int64 = 192
    let times: [Int64] =
      [64, 72] + (0..<3).map { table + $0 * 585 + 49 } + [table + 3 * 585 + 41]
    #expect(report.uncovered.map(\.offset) == times)
    #expect(report.uncovered.allSatisfy { $0.size == 8 })
    var tolerated: Set<Int> = []
    for offset in storage.bytes.indices {
      let verdict = try? strict(flipped(storage, offset, offset % 2 == 0 ? 1 : 0x80)).verdict
      if verdict == .ok { tolerated.insert(offset) }
    }
    let listed = Set(times.flatMap { Int($0)..<Int($0) + 8 })
    // The signature's two times have to be the same: a flip of its first one shows.
    #expect(tolerated == listed.subtracting(Int(times[5])..<Int(times[5]) + 8))
  }

  @Test func whatTheReferenceSigned() throws {
    let directory = try Scratch()
    for name in ["rsa2048", "nistp384"] {
      let path = try directory.write("\(name).sif", try sampleImage().bytes)
      try Tool.check(["chmod", "600", path])
      let answer = try GoOracle.run(
        ["sign", path, Fixture.path("keys/\(name).sec.asc"), String(day(2).seconds)])
      #expect(answer.status == 0, "\(answer.errors)")
      let report = try strict(MemoryStorage(try Tool.read(path)), ["\(name).pub.asc"])
      #expect(report.verdict == .ok, "\(report.reasons)")
    }
  }

  @Test func bytesOutsideOfObjects() throws {
    let storage = try sampleImage()
    try sign(storage, "ed25519.sec.asc")
    let image = try Image(reading: storage)
    let end = Int(try #require(image.descriptors[0].end))
    // Between objects, in an unused slot, between header and table.
    for offset in [end, 4096 + 20 * 585 + 300, 1000] {
      #expect(try verify(flipped(storage, offset), ["ed25519.pub.asc"]).verdict == .ok)
      let report = try strict(flipped(storage, offset))
      #expect(report.verdict == .unsigned)
      #expect(report.uncovered.contains { $0.offset <= offset && offset < $0.offset + $0.size })
    }
    // Behind everything, zero or not.
    for byte: UInt8 in [0, 1] {
      let longer = MemoryStorage(storage.bytes + [byte])
      #expect(try verify(longer, ["ed25519.pub.asc"]).verdict == .ok)
      #expect(try strict(longer).verdict == .unsigned)
    }
  }

  /// What a message may have besides what it signs: hints, comments, blanks.
  @Test func messagesThatSayMore() throws {
    let storage = try smallImage()
    try sign(storage, "ed25519.sec.asc")
    let image = try Image(reading: storage)
    let signature = try #require(image.objects(ofType: .signature).first)
    let text = String(decoding: try image.bytes(of: signature).prefix(4096), as: UTF8.self)
    let begin = "-----BEGIN PGP SIGNATURE-----\n"
    for changed in [
      text.replacing(begin, with: begin + "Comment: anything\n"), text + "\n",
      text.replacing("Hash: SHA256\n", with: ""), text.replacing("]}\n", with: "]} \n"),
      text.replacing("\n", with: "\r\n"),
    ] {
      var editor = try ImageEditor(editing: MemoryStorage(storage.bytes))
      try editor.delete(id: signature.id, options: [.zero, .compact])
      try add(
        NewObject(.signature, metadata: signature.metadata, group: nil, link: signature.link), changed,
        &editor)
      #expect(try verify(editor.image.storage, ["ed25519.pub.asc"]).verdict == .ok)
      let report = try strict(editor.image.storage)
      #expect(report.verdict == .unsigned)
      #expect(report.reasons == ["signature 4 has bytes that it does not cover itself"])
    }
  }

  /// Newer writers leave the armor's checksum away.
  @Test func armorWithoutChecksum() throws {
    let storage = try smallImage()
    try sign(storage, "ed25519.sec.asc")
    let image = try Image(reading: storage)
    let signature = try #require(image.objects(ofType: .signature).first)
    let text = String(decoding: try image.bytes(of: signature).prefix(4096), as: UTF8.self)
    let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
    var editor = try ImageEditor(editing: MemoryStorage(storage.bytes))
    try editor.delete(id: signature.id, options: [.zero, .compact])
    try add(
      NewObject(.signature, metadata: signature.metadata, group: nil, link: signature.link),
      lines.filter { !$0.hasPrefix("=") }.joined(separator: "\n"), &editor)
    #expect(try strict(editor.image.storage).verdict == .ok)
  }

  /// A copy of a signed group, signature and all, is validly signed. What is wrong with it is the image: two primary
  /// partitions, or objects that share their bytes.
  @Test func aReplayedGroup() throws {
    let storage = try smallImage()
    try sign(storage, "ed25519.sec.asc")
    let image = try Image(reading: storage)
    var bytes = storage.bytes
    // More slots: the data lies where the table now grows, so everything moves back by a page.
    bytes.insert(contentsOf: [UInt8](repeating: 0, count: 4096), at: Int(image.header.dataOffset))
    var header = image.header
    header.descriptorsTotal = 12
    header.descriptorsSize = 12 * 585
    header.descriptorsFree = 4
    header.dataOffset += 4096
    bytes.replaceSubrange(0..<128, with: header.encoded())
    for var descriptor in image.descriptors {
      descriptor.offset += 4096
      let place = 192 + descriptor.slot * 585
      bytes.replaceSubrange(place..<place + 585, with: descriptor.encoded())
      // The same objects again, as group 2 with ids 5 to 8, over the same bytes.
      descriptor.id += 4
      descriptor.slot += 4
      if descriptor.dataType == .signature {
        descriptor.linkField = 2 | Descriptor.groupMask
      } else {
        descriptor.groupField = 2 | Descriptor.groupMask
      }
      // The link to object 1 is signed: the copy keeps it.
      let copy = 192 + descriptor.slot * 585
      bytes.replaceSubrange(copy..<copy + 585, with: descriptor.encoded())
    }
    let forged = MemoryStorage(bytes)
    for report in [try verify(forged, ["ed25519.pub.asc"]), try strict(forged)] {
      #expect(report.verdict == .malformed)
      #expect(report.error?.code == .malformed)
      #expect(report.reasons == ["object 1 and object 5 share 3 bytes"])
    }
  }

  /// Signed after edits of every kind: what we leave behind is accepted, and dead bytes are not.
  @Test func afterEdits() throws {
    let storage = try sampleImage()
    var editor = try ImageEditor(editing: storage, clock: .fixed(day(1)))
    let system = PartitionMetadata(
      fileSystem: .raw, type: .system, architecture: try #require(Architecture(name: "arm64")))
    try add(NewObject(.partition, metadata: .partition(system)), "rootfs", &editor)
    try editor.setPrimaryPartition(id: 4)
    try editor.delete(id: 1)
    let image = editor.image
    _ = consume editor
    try sign(storage, "ed25519.sec.asc")
    let dead = try strict(storage)
    #expect(dead.verdict == .unsigned)
    #expect(dead.reasons.contains { $0.contains("not all zero (padding)") })
    // Signatures stay valid when the dead bytes go.
    for compacts in [true, false] {
      let rewritten = MemoryStorage()
      let rewriter = ImageRewriter(try Image(reading: storage), clock: .fixed(day(4)))
      if compacts {
        try rewriter.compact(into: rewritten)
      } else {
        let compact = MemoryStorage()
        try rewriter.compact(into: compact)
        try ImageRewriter(try Image(reading: compact), clock: .fixed(day(4)))
          .grow(toCapacity: 100, into: rewritten)
      }
      let report = try strict(rewritten)
      #expect(report.verdict == .ok, "\(report.reasons)")
    }
    #expect(image.descriptors.count == 3)
  }

  @Test func whatIsNotVerifiedIsNotCovered() throws {
    let storage = try sampleImage()
    try sign(storage, "ed25519.sec.asc")
    let report = try verify(
      storage, ["ed25519.pub.asc"], selection: IntegritySelection(groups: [1]), policy: Self.policy)
    #expect(report.verdict == .unsigned)
    #expect(report.reasons.contains("object 3 is not signed"))
    #expect(report.reasons.contains("signature 5 belongs to nothing that was verified"))
    // Bad signatures cover nothing.
    #expect(try strict(storage, ["rsa2048.pub.asc"]).verdict == .unsigned)
  }
}
