import Bytes
import ImageTrust
import OpenPGP
import SIF
import Synchronization
import Testing
import TestSupport

/// Images whose parts share bytes, and signatures that are more work than an image is worth.
@Suite struct SharedBytesTests {
  /// A copy of an image with fields of descriptors changed: 17 is the offset, 25 the size.
  private func changed(
    _ storage: MemoryStorage, _ fields: (slot: Int, field: Int, value: Int64)...
  ) throws -> MemoryStorage {
    let copy = MemoryStorage(storage.bytes)
    for (slot, field, value) in fields {
      let bytes = withUnsafeBytes(of: value.littleEndian) { Array($0) }
      try copy.write(bytes.span.bytes, at: Int64(4096 + slot * 585 + field))
    }
    return copy
  }

  /// Objects 1 to 3, and 4 and 5, the signatures of groups 1 and 2.
  private func images() throws -> [(String, MemoryStorage)] {
    let signed = try sampleImage()
    try sign(signed, "ed25519.sec.asc")
    let all = try Image(reading: signed).descriptors
    return [
      ("a signature over another", try changed(signed, (4, 17, all[3].offset), (4, 25, all[3].size))),
      ("a signature within another", try changed(signed, (4, 17, all[3].offset + 9), (4, 25, 100))),
      ("a part of a signature", try changed(signed, (4, 17, all[3].offset + 100))),
      ("a signature over an object", try changed(signed, (4, 17, all[1].offset))),
      ("an object over another", try changed(signed, (2, 17, all[1].offset + 3000))),
      ("an object in the descriptor table", try changed(signed, (2, 17, 4096 + 40 * 585))),
      ("an object in the header", try changed(signed, (2, 17, 0))),
    ]
  }

  /// Malformed before any message is read, whatever is asked for; and nobody signs it.
  @Test func sharedBytesAreMalformed() throws {
    for (name, storage) in try images() {
      let policies = [
        VerificationPolicy(), VerificationPolicy(isStrict: true), VerificationPolicy(isLegacy: true),
      ]
      for policy in policies {
        for selection in [IntegritySelection(), IntegritySelection(groups: [1])] {
          let report = try verify(storage, ["ed25519.pub.asc"], selection: selection, policy: policy)
          #expect(report.verdict == .malformed, "\(name)")
          #expect(report.error?.message.contains(" share ") == true, "\(name): \(report.reasons)")
          #expect(report.signatures.allSatisfy { $0.format == .unknown && $0.signers.isEmpty }, "\(name)")
          #expect(report.signatures.count == 2 && report.objects.count == 3, "\(name)")
        }
      }
      let before = storage.bytes
      #expect(throws: (any Error).self, "\(name)") { try sign(storage, "ed25519.sec.asc") }
      #expect(storage.bytes == before)
    }
  }

  /// Objects without bytes share none, wherever they lie.
  @Test func emptyObjects() throws {
    let storage = try sampleImage()
    var editor = try ImageEditor(editing: storage)
    for _ in 0..<3 { try add(NewObject(.generic), "", &editor) }
    _ = consume editor
    let inside = try Image(reading: storage).descriptors[1].offset + 5
    for slot in 3..<6 {
      try storage.write(changedOffset(inside).span.bytes, at: Int64(4096 + slot * 585 + 17))
    }
    try sign(storage, "ed25519.sec.asc")
    #expect(try verify(storage, ["ed25519.pub.asc"]).verdict == .ok)
  }

  private func changedOffset(_ offset: Int64) -> [UInt8] {
    withUnsafeBytes(of: offset.littleEndian) { Array($0) }
  }

  /// Adds copies of the first signature of an image.
  private func addCopies(_ count: Int, to storage: MemoryStorage) throws {
    let image = try Image(reading: storage)
    let first = try #require(image.objects(ofType: .signature).first)
    let message = try image.bytes(of: first).prefix(4096)
    let object = NewObject(.signature, metadata: first.metadata, group: nil, link: first.link)
    var editor = try ImageEditor(editing: storage, ordersWrites: false)
    try editor.add(Array(repeating: (object, message), count: count))
  }

  private func signedImage(capacity: Int64) throws -> MemoryStorage {
    let storage = MemoryStorage()
    _ = try Image.create(Image.Creation(id: .none, time: .none, capacity: capacity), in: storage)
    var editor = try ImageEditor(editing: storage)
    try add(NewObject(.generic), "one", &editor)
    _ = consume editor
    try sign(storage, "ed25519.sec.asc")
    return storage
  }

  /// More messages than are read, and more signatures in them than are verified.
  @Test func tooManySignatures() throws {
    let storage = try signedImage(capacity: 2000)
    var editor = try ImageEditor(editing: storage)
    let long = String(repeating: "x", count: 4 << 20)
    for _ in 0..<4 { try add(NewObject(.signature, group: nil, link: .group(1)), long, &editor) }
    let read = try verify(storage, ["ed25519.pub.asc"])
    #expect(read.verdict == .malformed)
    #expect(read.error?.code == .limitExceeded)
    #expect(read.signatures.allSatisfy { $0.format == .unknown })
    try editor.delete(id: 6)
    _ = consume editor
    #expect(try verify(storage, ["ed25519.pub.asc"]).verdict == .tampered)
    // Nobody signs what would not be read.
    let before = storage.bytes
    #expect(throws: IntegrityError.self) {
      try sign(storage, "ed25519.sec.asc", IntegritySelection(objects: [1, 5]))
    }
    #expect(storage.bytes == before)

    let many = try signedImage(capacity: 2000)
    try addCopies(1023, to: many)
    #expect(try verify(many, ["ed25519.pub.asc"]).verdict == .ok)
    #expect(throws: IntegrityError.self) { try sign(many, "ed25519.sec.asc") }
    try addCopies(1, to: many)
    let report = try verify(many, ["ed25519.pub.asc"])
    #expect(report.verdict == .malformed)
    #expect(report.error?.code == .limitExceeded)
  }

  /// Many signatures over little of a large group: each names some of what it leaves out.
  @Test func whatIsLeftOutIsCounted() throws {
    let storage = try signedImage(capacity: 300)
    try addCopies(20, to: storage)
    var editor = try ImageEditor(editing: storage, ordersWrites: false)
    try editor.add(Array(repeating: (NewObject(.generic), []), count: 200))
    _ = consume editor
    let report = try verify(storage, ["ed25519.pub.asc"])
    #expect(report.verdict == .unsigned)
    for signature in report.signatures {
      #expect(signature.faults.count == 17)
      #expect(signature.faults.first?.explanation == "it does not cover object 23")
      #expect(signature.faults.last?.explanation == "it does not cover 184 more objects")
      #expect(signature.objects == [1])
    }
    // And what is gone.
    let small = try sampleImage()
    var other = try ImageEditor(editing: small)
    for _ in 0..<30 { try add(NewObject(.generic, group: 3), "x", &other) }
    _ = consume other
    try sign(small, "ed25519.sec.asc", IntegritySelection(groups: [3]))
    var last = try ImageEditor(editing: small)
    for id in 5...33 as ClosedRange<UInt32> { try last.delete(id: id) }
    let gone = try verify(small, ["ed25519.pub.asc"], selection: IntegritySelection(groups: [3]))
    #expect(gone.verdict == .tampered)
    #expect(gone.reasons.count == 17)
    #expect(gone.reasons.last == "signature 34: 13 more objects, which it covers, are not in the group")
  }

  /// Storage that counts what is read.
  private final class CountingStorage: Storage {
    private let memory: MemoryStorage
    private let counter = Mutex<Int64>(0)
    init(_ memory: MemoryStorage) { self.memory = memory }
    var readBytes: Int64 { counter.withLock { $0 } }
    var byteCount: Int64 { memory.byteCount }
    func read(into buffer: UnsafeMutableRawBufferPointer, at offset: Int64) throws(StorageFault) -> Int {
      let count = memory.read(into: buffer, at: offset)
      counter.withLock { $0 += Int64(count) }
      return count
    }
    func write(_ bytes: UnsafeRawBufferPointer, at offset: Int64) throws(StorageFault) {
      try memory.write(bytes, at: offset)
    }
    func truncate(to length: Int64) throws(StorageFault) { try memory.truncate(to: length) }
    func synchronize() {}
  }

  /// Objects are read once for all signatures over them, also for those that old runtimes made.
  @Test(arguments: [false, true]) func objectsAreReadOnce(isLegacy: Bool) throws {
    let storage = MemoryStorage()
    _ = try Image.create(Image.Creation(id: .none, time: .none, capacity: 100), in: storage)
    var editor = try ImageEditor(editing: storage)
    let content = String(repeating: "0123456789", count: 100_000)
    for _ in 0..<2 { try add(NewObject(.generic), content, &editor) }
    _ = consume editor
    if isLegacy {
      let digest = try Tool.check(["sha256sum"], input: Array((content + content).utf8)).text.prefix(64)
      let keys = try ring("ed25519.sec.asc")
      let certificate = try #require(keys.certificates.first)
      let key = try unlocked(
        try keys.signingSecret(of: certificate, now: day(2).seconds), certificate.primary)
      let signed = try key.sign(Array("SIFHASH:\n\(digest)".utf8), at: day(2))
      var editor = try ImageEditor(editing: storage)
      try editor.add([
        (
          NewObject(.signature, metadata: .signature(signed.metadata), group: nil, link: .group(1)),
          signed.bytes
        )
      ])
    } else {
      try sign(storage, "ed25519.sec.asc")
    }
    try addCopies(30, to: storage)
    let counting = CountingStorage(storage)
    let policy = VerificationPolicy(isLegacy: isLegacy)
    #expect(try verify(counting, ["ed25519.pub.asc"], policy: policy).verdict == .ok)
    #expect(counting.readBytes < 2_200_000)
  }

  /// Legacy signatures name no objects: a file of them must not make any number of pairs.
  @Test func legacySignaturesOverManyObjects() throws {
    let storage = MemoryStorage()
    _ = try Image.create(Image.Creation(id: .none, time: .none, capacity: 4200), in: storage)
    var editor = try ImageEditor(editing: storage, ordersWrites: false)
    try editor.add(Array(repeating: (NewObject(.generic), []), count: 2100))
    try editor.add(
      Array(repeating: (NewObject(.signature, group: nil, link: .group(1)), [0x78]), count: 500))
    _ = consume editor
    #expect(throws: IntegrityError.self) {
      try verify(storage, ["ed25519.pub.asc"], policy: VerificationPolicy(isLegacy: true))
    }
    #expect(try verify(storage, ["ed25519.pub.asc"]).verdict == .tampered)
  }
}
