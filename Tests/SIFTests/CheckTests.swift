import TestSupport
import Testing

@testable import SIF

/// Every structural fault has its finding, at its byte.
@Suite struct CheckTests {
  /// An image with two partitions, labels and a signature, without any finding.
  static func sound() throws -> [UInt8] {
    let storage = MemoryStorage()
    _ = try Image.create(.deterministic, in: storage)
    var editor = try ImageEditor(editing: storage)
    func partition(_ type: PartitionType) -> Metadata {
      .partition(
        PartitionMetadata(fileSystem: .raw, type: type, architecture: Architecture(name: "amd64") ?? .unknown)
      )
    }
    let hash = SignatureMetadata(hash: .sha256, entity: Array(1...20))
    let objects: [(NewObject, String)] = [
      (NewObject(.labels, name: Array("labels.json".utf8)), "{\"a\":1}"),
      (NewObject(.partition, metadata: partition(.primarySystem)), "primary"),
      (NewObject(.partition, metadata: partition(.system)), "system"),
      (
        NewObject(.signature, metadata: .signature(hash), group: nil, link: .group(1)),
        "-----BEGIN PGP SIGNED MESSAGE-----\n"
      ),
      (NewObject(.ociBlob, group: nil), "blob"),
      (
        NewObject(
          .cryptographicMessage, metadata: .cryptographicMessage(.init(format: .pem, type: .rsaOAEP))),
        "-----BEGIN MESSAGE-----"
      ),
      (
        NewObject(.sbom, metadata: .sbom(SBOMFormat(name: "cyclonedx-xml") ?? SBOMFormat(rawValue: 1))),
        " <bom/>"
      ),
    ]
    for (object, text) in objects {
      var source = BytesSource(Array(text.utf8))
      try editor.add(object, from: &source)
    }
    return storage.bytes
  }

  private static func little(_ value: some FixedWidthInteger) -> [UInt8] {
    withUnsafeBytes(of: value.littleEndian) { Array($0) }
  }

  /// The offset of a field of the descriptor of an object.
  private static func field(_ object: Int, _ offset: Int) -> Int { 4096 + (object - 1) * 585 + offset }

  private static func findings(_ bytes: [UInt8]) throws -> [Finding] {
    try ImageCheck(of: MemoryStorage(bytes)).findings
  }

  @Test func soundImagesHaveNone() throws {
    #expect(try Self.findings(Self.sound()) == [])
    for name in ["empty", "empty-id", "empty-time", "empty-launch", "no-slots", "plain-types", "one-slot"] {
      #expect(try Self.findings(Fixture.read("images/\(name).sif")) == [], "\(name)")
    }
  }

  /// Bytes to put at an offset, and the finding that they cause.
  static let faults:
    [(code: Finding.Code, severity: Finding.Severity, offset: Int, bytes: [UInt8], at: Int64)] = [
      (.notSIF, .error, 32, [0], 32),
      (.unsupportedVersion, .error, 42, Array("02".utf8), 42),
      (.launchScriptUnterminated, .warning, 0, Array(repeating: 0x41, count: 32), 0),
      (.launchScriptNotText, .warning, 0, [0x1B, 0x5B], 0),
      (.tableMalformed, .error, 88, little(Int64(-1)), 88),
      (.tableMalformed, .error, 88, little(Int64.max), 88),
      (.tableMalformed, .error, 96, little(Int64.min), 96),
      (.tableMalformed, .error, 104, little(Int64(0)), 104),
      (.tableSize, .warning, 104, little(Int64(48 * 585 + 1)), 104),
      (.tableTruncated, .error, 96, little(Int64(40_000)), 0),
      (.tableOverlap, .error, 96, little(Int64(100)), 96),
      (.freeCount, .warning, 80, little(Int64(3)), 80),
      (.dataOffset, .warning, 112, little(Int64(128)), 112),
      (.dataOffset, .error, 112, little(Int64.min), 112),
      (.dataSize, .warning, 120, little(Int64(1)), 120),
      (.dataSize, .warning, 120, little(Int64.max), 120),
      (.dataOffset, .error, 112, little(Int64(1 << 40)), 112),
      (.headerArchitecture, .warning, 45, Array("01".utf8), 45),
      (.usedByte, .warning, field(1, 4), [2], Int64(field(1, 4))),
      (.unusedSlotNotZero, .note, field(9, 73), [0x41], Int64(field(9, 0))),
      (.idZero, .error, field(1, 5), [0, 0, 0, 0], Int64(field(1, 5))),
      (.idDuplicate, .error, field(1, 5), [2, 0, 0, 0], Int64(field(1, 5))),
      (.idNotSlot, .warning, field(1, 5), [77, 0, 0, 0], Int64(field(1, 5))),
      (.groupField, .warning, field(1, 9), [1, 0, 0, 0], Int64(field(1, 9))),
      (.typeUnknown, .note, field(5, 0), [0xFF, 0x7F], Int64(field(5, 0))),
      (.metadataUnknown, .warning, field(2, 201), [9], Int64(field(2, 201))),
      (.metadataUnknown, .warning, field(5, 201), [9], Int64(field(5, 201))),
      (.architectureUnknown, .warning, field(3, 209), [0x39, 0x39], Int64(field(3, 201))),
      (.nameUnprintable, .warning, field(1, 73), [0x1B], Int64(field(1, 73))),
      (.deprecatedOwner, .note, field(1, 57), [1], Int64(field(1, 57))),
      (.timeOrder, .note, field(1, 41), little(Int64(5)), Int64(field(1, 49))),
      (.timeOrder, .note, 64, little(Int64(5)), 72),
      (.extentImpossible, .error, field(1, 17), little(Int64(-1)), Int64(field(1, 17))),
      (.extentImpossible, .error, field(1, 25), little(Int64.max), Int64(field(1, 17))),
      (.objectTruncated, .error, field(1, 25), little(Int64(1 << 40)), Int64(field(1, 17))),
      (.objectOverlap, .error, field(3, 17), little(Int64(32768)), 32768),
      (.objectBeforeData, .warning, field(1, 17), little(Int64(200)), Int64(field(1, 17))),
      (.sizeWithPadding, .note, field(1, 33), little(Int64(1)), Int64(field(1, 33))),
      (.partitionUnaligned, .note, field(3, 17), little(Int64(36865)), Int64(field(3, 17))),
      (.paddingNotZero, .note, 3000, [1], 3000),
      (.paddingNotZero, .note, 32700, [1], 32700),
      (.primaryDuplicate, .error, field(3, 205), [2], Int64(field(3, 205))),
      (.primaryMissing, .note, field(2, 205), [1], 45),
      (.linkToNothing, .warning, field(4, 13), [9, 0, 0, 0xF0], Int64(field(4, 13))),
      (.linkToNothing, .warning, field(4, 13), [99, 0, 0, 0], Int64(field(4, 13))),
      (.signatureLink, .warning, field(4, 13), [0, 0, 0, 0], Int64(field(4, 13))),
      (.contentMismatch, .error, field(2, 201), [1], 32768),
      (.contentMismatch, .error, field(2, 201), [2], 32768),
      (.contentMismatch, .error, field(2, 201), [5], 32768),
      (.contentMismatch, .error, 32176, [0x7D], 32176),
      (.contentMismatch, .error, 36909, [0x41], 36909),
      (.contentMismatch, .error, field(7, 201), [1], 0),
      (.digestMismatch, .error, 36905, [0x41], 36905),
    ]

  @Test(arguments: Self.faults.indices)
  func eachFaultHasItsFinding(index: Int) throws {
    let fault = Self.faults[index]
    var bytes = try Self.sound()
    bytes.replaceSubrange(fault.offset..<fault.offset + fault.bytes.count, with: fault.bytes)
    let findings = try Self.findings(bytes)
    let match = findings.first { $0.code == fault.code && $0.severity == fault.severity }
    let finding = try #require(match, "\(fault.code.rawValue): \(findings.map(\.code.rawValue))")
    if fault.at != 0 { #expect(finding.offset == fault.at, "\(finding)") }
    #expect(finding.sentence.count > 10)
    #expect(!finding.sentence.unicodeScalars.contains { $0.value < 32 })
  }

  @Test func truncation() throws {
    let bytes = Array(try Self.sound().prefix(36869))
    let findings = try Self.findings(bytes)
    let summary = try #require(findings.first { $0.code == .truncated })
    #expect(summary.offset == 36869)
    #expect(summary.sentence == "truncated: 36.9 of 36.9 kB present; objects 1–2 intact")
    #expect(findings.contains { $0.code == .objectTruncated && $0.objectID == 3 })
    let none = try #require(try Self.findings(Array(bytes.prefix(32177))).first { $0.code == .truncated })
    #expect(none.sentence.hasSuffix("no object is intact"))
  }

  @Test func gapsAndTrailingBytes() throws {
    let storage = try EditorTests.image(["first", "second", "third"])
    var editor = try ImageEditor(editing: storage)
    try editor.delete(id: 2)
    var findings = try ImageCheck(of: storage).findings
    #expect(findings.map(\.code) == [.gap])
    #expect(findings[0].offset == editor.image.descriptors[0].end)
    try editor.delete(id: 3)
    findings = try ImageCheck(of: storage).findings
    #expect(Set(findings.map(\.code)) == [.dataSize, .trailingBytes])
    #expect(findings.allSatisfy { $0.severity == .note })
  }

  @Test func contentsThatAreShorterThanTheySay() throws {
    var bytes = try Self.sound()
    bytes.replaceSubrange(Self.field(2, 201)..<Self.field(2, 201) + 1, with: [1])
    bytes.replaceSubrange(Self.field(2, 25)..<Self.field(2, 25) + 8, with: Self.little(Int64(4096)))
    bytes.replaceSubrange(32768..<32772, with: Array("hsqs".utf8))
    bytes.replaceSubrange(32768 + 40..<32768 + 48, with: Self.little(Int64(5000)))
    #expect(try Self.findings(bytes).contains { $0.code == .contentTruncated && $0.offset == 32808 })
  }

  /// Each field of a superblock on its own, starting from a file system that has files.
  @Test func superblocksThatCannotBeRead() throws {
    var sound = try Self.sound()
    sound.replaceSubrange(Self.field(2, 201)..<Self.field(2, 201) + 1, with: [1])
    sound.replaceSubrange(Self.field(2, 25)..<Self.field(2, 25) + 8, with: Self.little(Int64(4096)))
    var superblock = Array("hsqs".utf8)
    for number in [10, 0, 131_072, 1] as [UInt32] { superblock += Self.little(number) }
    for number in [1, 17, 0, 2, 4, 0] as [UInt16] { superblock += Self.little(number) }
    for number in [0, 1000, 900, .max, 400, 500, 600, 800] as [UInt64] { superblock += Self.little(number) }
    sound.replaceSubrange(32768..<32768 + superblock.count, with: superblock)
    let codes: [Finding.Code] = [.contentMismatch, .contentTruncated, .contentUnreadable]
    func findings(_ bytes: [UInt8]) throws -> [Finding] {
      try Self.findings(bytes).filter { $0.objectID == 2 && codes.contains($0.code) }
    }
    #expect(try findings(sound) == [])
    let faults: [(at: Int, value: [UInt8], reported: Int64)] = [
      (28, [3], 28), (30, [1], 28), (12, [1], 12), (22, [11], 12), (22, [200], 12),
      (40, Self.little(95 as UInt64), 40),
      (64, Self.little(0x7FFF_FFFF_FFFF_FFFF as UInt64), 64), (64, Self.little(95 as UInt64), 64),
      (48, Self.little(UInt64.max), 48), (72, Self.little(1000 as UInt64), 72),
      (88, Self.little(1000 as UInt64), 88),
      (56, Self.little(2000 as UInt64), 56), (56, Self.little(899 as UInt64), 48),
      (80, Self.little(499 as UInt64), 48),
      (80, Self.little(UInt64.max), 16), (64, Self.little(500 as UInt64), 48), (26, [0], 26),
      (4, Self.little(0 as UInt32), 4), (4, Self.little(UInt32.max), 4),
    ]
    for fault in faults {
      var bytes = sound
      bytes.replaceSubrange(32768 + fault.at..<32768 + fault.at + fault.value.count, with: fault.value)
      let found = try findings(bytes)
      #expect(
        found.map(\.code) == [.contentUnreadable] && found.first?.offset == 32768 + fault.reported
          && found.first?.severity == .error, "\(fault) \(found)")
    }
    // Without fragments there need not be a table of them, whatever its offset says.
    sound.replaceSubrange(32768 + 16..<32768 + 20, with: [0, 0, 0, 0])
    sound.replaceSubrange(32768 + 80..<32768 + 88, with: Self.little(200 as UInt64))
    #expect(try findings(sound) == [])
  }

  @Test func tooLongATable() throws {
    let storage = MemoryStorage()
    let capacity = Image.maximumObjects + 10
    var header = Header(id: .none, createdAt: .none, capacity: Int64(capacity))
    header.descriptorsFree = 0
    var table = [UInt8](repeating: 0, count: capacity * Descriptor.byteCount)
    for slot in 0..<capacity { table[slot * Descriptor.byteCount + 4] = 1 }
    try storage.write(header.encoded().span.bytes, at: 0)
    try storage.write(table.span.bytes, at: 4096)
    #expect(EditorTests.code { () throws(SIFError) in _ = try Image(reading: storage) } == .limitExceeded)
    let findings = try ImageCheck(of: storage).findings
    #expect(findings.contains { $0.code == .tableTooLarge })
    // Hundreds of thousands of faults must not make as many findings.
    #expect(findings.count < 1000)
    #expect(findings.contains { $0.code == .more })
  }

  /// Repair changes only the header's counters, and leaves nothing to repair.
  @Test func repair() throws {
    let sound = try Self.sound()
    var stale = sound
    stale.replaceSubrange(80..<88, with: Self.little(Int64(-7)))
    stale.replaceSubrange(120..<128, with: Self.little(Int64(5)))
    stale.replaceSubrange(45..<47, with: Array("09".utf8))
    let storage = MemoryStorage(stale)
    var editor = try ImageEditor(editing: storage)
    #expect(try editor.repairCounters().count == 3)
    #expect(storage.bytes == sound)
    #expect(try editor.repairCounters().isEmpty)
    // A larger data size, as a deletion leaves it, is not stale.
    stale = sound
    stale.replaceSubrange(120..<128, with: Self.little(Int64(1 << 40)))
    let larger = MemoryStorage(stale)
    var second = try ImageEditor(editing: larger)
    #expect(try second.repairCounters().isEmpty)
    #expect(larger.bytes == stale)
  }

  /// spec/check.md describes exactly the codes that exist.
  @Test func theSpecificationListsEveryCode() throws {
    let text = String(decoding: try Tool.read("\(Fixture.root)/spec/check.md"), as: UTF8.self)
    let listed = text.split(separator: "\n").compactMap { line -> String? in
      guard line.hasPrefix("| `") else { return nil }
      return line.dropFirst(3).split(separator: "`").first.map(String.init)
    }
    #expect(listed == Finding.Code.allCases.map(\.rawValue))
  }
}
