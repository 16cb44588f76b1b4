import ImageTrust
import SIF
import TestSupport
import Testing

@testable import OpenPGP

@Suite struct VerificationTests {
  private func signed() throws -> MemoryStorage {
    let storage = try sampleImage()
    try sign(storage, "ed25519.sec.asc")
    return storage
  }

  private func faults(_ report: VerificationReport) -> [String?] { report.signatures.map { $0.fault?.code } }

  @Test func noSignatureAndNoKey() throws {
    #expect(try verify(sampleImage(), ["ed25519.pub.asc"]).verdict == .unsigned)
    let storage = try signed()
    let unknown = try verify(storage, ["rsa2048.pub.asc"])
    #expect(unknown.verdict == .untrusted)
    #expect(faults(unknown) == ["unknown-key", "unknown-key"])
    #expect(try verify(storage, []).verdict == .noKey)
    // An image without any object.
    let empty = MemoryStorage(
      Array(try sampleImage().bytes.prefix(128)) + [UInt8](repeating: 0, count: 32048))
    var header = try Header(decoding: empty.bytes.span.bytes)
    header.descriptorsFree = 48
    try empty.write(header.encoded().span.bytes, at: 0)
    #expect(try verify(empty, ["ed25519.pub.asc"]).verdict == .unsigned)
  }

  @Test func trustedFingerprintOverJunk() throws {
    let storage = try sampleImage()
    let certificate = try #require(try ring("ed25519.pub.asc").certificates.first)
    for junk in ["junk", "-----BEGIN PGP SIGNED MESSAGE-----\n", "{}"] {
      var editor = try ImageEditor(editing: storage)
      let metadata = SignatureMetadata(hash: .sha256, entity: certificate.primary.fingerprint)
      try add(
        NewObject(.signature, metadata: .signature(metadata), group: nil, link: .group(1)), junk, &editor)
      let report = try verify(
        storage, ["ed25519.pub.asc"],
        policy: VerificationPolicy(requiredSigners: [certificate.primary.fingerprintText]))
      #expect(report.verdict == .tampered)
      #expect(report.signatures.allSatisfy { $0.signers.isEmpty && !$0.isValid })
      try editor.delete(id: 4)
    }
  }

  @Test func eachObjectUnsignedInTurn() throws {
    // Added to a signed group after signing.
    for group: UInt32 in [1, 2] {
      let storage = try signed()
      var editor = try ImageEditor(editing: storage)
      try add(NewObject(.generic, group: group), "late", &editor)
      let report = try verify(storage, ["ed25519.pub.asc"])
      #expect(report.verdict == .unsigned)
      #expect(faults(report).compactMap { $0 } == ["object-not-signed"])
      #expect(report.objects.first { $0.id == 6 }?.signedBy == [])
    }
    // All but one signed, one after the other.
    for left: UInt32 in 1...3 {
      let storage = try sampleImage()
      try sign(storage, "ed25519.sec.asc", IntegritySelection(objects: [1, 2, 3].filter { $0 != left }))
      #expect(try verify(storage, ["ed25519.pub.asc"]).verdict == .unsigned)
    }
    // Deleted after signing.
    for id: UInt32 in 1...3 {
      let storage = try signed()
      var editor = try ImageEditor(editing: storage)
      try editor.delete(id: id)
      #expect(try verify(storage, ["ed25519.pub.asc"]).verdict == .tampered)
    }
  }

  @Test func ungroupedObjects() throws {
    let storage = try signed()
    var editor = try ImageEditor(editing: storage)
    try add(NewObject(.generic, group: nil), "nowhere", &editor)
    let report = try verify(storage, ["ed25519.pub.asc"])
    #expect(report.verdict == .unsigned)
    #expect(report.reasons == ["object 6 is in no group, so it is not signed"])
  }

  /// Every byte of the header, of the used descriptors, of an unused one and of the objects: flipped, the image is
  /// refused, or the byte is in a range that the report of the unchanged image lists as uncovered.
  @Test func everyByteFlipped() throws {
    let storage = try signed()
    let report = try verify(storage, ["ed25519.pub.asc"])
    #expect(report.verdict == .ok)
    let bytes = storage.bytes
    // All fields, and samples of name and extra.
    let table = (0..<6 * 585).filter { $0 % 585 < 76 || $0 % 29 == 0 }.map { 4096 + $0 }
    let data = 32176..<bytes.count
    var accepted = 0
    for offset in Array(0..<128) + table + data.filter({ $0 % 97 == 0 || $0 > bytes.count - 40 }) {
      for mask: UInt8 in [1, 0x80] {
        let verdict: IntegrityVerdict?
        do { verdict = try verify(flipped(storage, offset, mask), ["ed25519.pub.asc"]).verdict } catch {
          verdict = nil
        }
        guard verdict == .ok else { continue }
        accepted += 1
        let isListed = report.uncovered.contains { $0.offset <= offset && offset < $0.offset + $0.size }
        #expect(isListed, "byte \(offset) is neither covered nor listed")
      }
    }
    // Otherwise nothing was tested.
    #expect(accepted > 100)
  }

  @Test func aSignatureMovedToAnotherGroup() throws {
    let storage = try signed()
    // The descriptors of the two signatures are in slots 3 and 4; the link is at byte 13.
    var bytes = storage.bytes
    bytes[4096 + 3 * 585 + 13] = 2
    bytes[4096 + 4 * 585 + 13] = 1
    let report = try verify(MemoryStorage(bytes), ["ed25519.pub.asc"])
    #expect(report.verdict == .tampered)
    #expect(report.signatures.allSatisfy { !$0.isValid })
  }

  @Test func aSignatureMovedToAnotherImage() throws {
    let storage = try signed()
    let other = try sampleImage()
    // Another id in the header: everything else is the same.
    try other.write([1].span.bytes, at: 48)
    let image = try Image(reading: storage)
    var editor = try ImageEditor(editing: other)
    for signature in image.objects(ofType: .signature) {
      var source = BytesSource(try image.bytes(of: signature).prefix(4096))
      try editor.add(
        NewObject(.signature, metadata: signature.metadata, group: nil, link: signature.link), from: &source)
    }
    let report = try verify(other, ["ed25519.pub.asc"])
    #expect(report.verdict == .tampered)
    #expect(faults(report) == ["header-altered", "header-altered"])
  }

  @Test func aSignatureLinkedToAnObject() throws {
    let storage = try signed()
    var bytes = storage.bytes
    // Linked to object 1 instead of group 1: only legacy signatures are.
    bytes[4096 + 3 * 585 + 16] = 0
    #expect(try verify(MemoryStorage(bytes), ["ed25519.pub.asc"]).verdict == .unsigned)
  }

  @Test func objectsWithOneID() throws {
    let storage = try signed()
    var bytes = storage.bytes
    bytes[4096 + 585 + 5] = 1
    let report = try verify(MemoryStorage(bytes), ["ed25519.pub.asc"])
    #expect(report.verdict == .malformed)
    #expect(report.error?.code == .multipleObjects)
    #expect(report.signatures.allSatisfy { !$0.isValid })
  }

  @Test func anAlteredObjectIsNamed() throws {
    let storage = try signed()
    let image = try Image(reading: storage)
    let report = try verify(flipped(storage, Int(image.descriptors[1].offset)), ["ed25519.pub.asc"])
    #expect(report.verdict == .tampered)
    #expect(report.reasons == ["signature 4: object 2 was altered after signing"])
    #expect(report.objects.map { $0.signedBy.count } == [1, 0, 1])
    #expect(report.signatures.map(\.isValid) == [false, true])
  }

  @Test func twoValidSignaturesAndOneBad() throws {
    let storage = try sampleImage()
    for name in ["rsa2048", "ed25519", "nistp256"] {
      try sign(storage, "\(name).sec.asc", IntegritySelection(groups: [1, 2]))
    }
    let keys = ["rsa2048.pub.asc", "ed25519.pub.asc", "nistp256.pub.asc"]
    #expect(try verify(storage, keys).verdict == .ok)
    let image = try Image(reading: storage)
    // A digit of the header's digest within the second signer's first signature.
    let signature = image.objects(ofType: .signature)[2]
    let report = try verify(flipped(storage, Int(signature.offset) + 110, 2), keys)
    #expect(report.verdict == .tampered)
    #expect(report.signatures.map(\.isValid) == [true, true, false, true, true, true])
    // One of the three keys unknown: not every signature can be vouched for.
    #expect(try verify(storage, Array(keys.dropLast())).verdict == .untrusted)
  }

  @Test func policy() throws {
    let storage = try sampleImage()
    try sign(storage, "subkeys.sec.asc")
    try sign(storage, "ed25519.sec.asc", IntegritySelection(groups: [1]))
    let keys = ["subkeys.pub.asc", "ed25519.pub.asc"]
    let certificate = try #require(try ring("subkeys.pub.asc").certificates.first)
    let primary = certificate.primary.fingerprintText
    let subkey = try #require(certificate.subkeys.first).key.fingerprintText
    let other = try #require(try ring("ed25519.pub.asc").certificates.first).primary.fingerprintText
    func verdict(_ signers: [String], threshold: Int = 1, groups: [UInt32] = []) throws -> IntegrityVerdict {
      try verify(
        storage, keys, selection: IntegritySelection(groups: groups),
        policy: VerificationPolicy(requiredSigners: signers, threshold: threshold)
      ).verdict
    }
    #expect(try verdict([primary]) == .ok)
    #expect(try verdict([subkey.lowercased()]) == .ok)
    #expect(try verdict(["0x" + primary]) == .ok)
    #expect(try verdict([primary, other]) == .untrusted)
    #expect(try verdict([primary, other], groups: [1]) == .ok)
    #expect(try verdict([String(primary.suffix(16))]) == .untrusted)
    #expect(try verdict([""]) == .untrusted)
    #expect(try verdict([], threshold: 2) == .untrusted)
    #expect(try verdict([], threshold: 2, groups: [1]) == .ok)
    #expect(try verdict([], threshold: 3, groups: [1]) == .untrusted)
  }

  @Test func signedByARevokedOrExpiredKey() throws {
    let storage = try sampleImage()
    try sign(storage, "expires.sec.asc", at: day(2))
    // Signed in time: the key's later expiry is a remark.
    let report = try verify(storage, ["expires.pub.asc"], now: day(400))
    #expect(report.verdict == .ok)
    #expect(report.signatures[0].signers[0].remark?.contains("expired on 2024-01-31") == true)
    #expect(throws: OpenPGPError.self) { try sign(storage, "expires.sec.asc", at: day(40)) }
    // And from the future.
    #expect(try verify(storage, ["expires.pub.asc"], now: day(1)).verdict == .untrusted)
  }
}
