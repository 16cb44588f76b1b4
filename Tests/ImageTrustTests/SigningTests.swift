import ImageTrust
import SIF
import SystemPackage
import TestSupport
import Testing

@testable import OpenPGP

@Suite struct SigningTests {
  @Test(arguments: ["rsa2048", "ed25519", "nistp256", "subkeys"])
  func whatWeSignTheReferenceVerifies(name: String) throws {
    let storage = try sampleImage()
    try sign(storage, "\(name).sec.asc")
    let report = try verify(storage, ["\(name).pub.asc"])
    #expect(report.verdict == .ok, "\(report.reasons)")
    #expect(report.signatures.map(\.group) == [1, 2])
    #expect(report.signatures.map(\.objects) == [[1, 2], [3]])
    let directory = try Scratch()
    let path = try directory.write("image.sif", storage.bytes)
    let answer = try GoOracle.run(["verify", path, Fixture.path("keys/\(name).pub.asc")])
    #expect(answer.status == 0, "\(answer.errors)")
  }

  /// RSA and Ed25519 make one signature of one text: the whole image has to be the reference's.
  @Test(arguments: ["rsa2048", "ed25519"])
  func byteForByteTheReference(name: String) throws {
    let directory = try Scratch()
    let unsigned = try sampleImage()
    let path = try directory.write("image.sif", unsigned.bytes)
    let answer = try GoOracle.run(
      ["sign", path, Fixture.path("keys/\(name).sec.asc"), String(day(2).seconds)])
    #expect(answer.status == 0, "\(answer.errors)")
    try sign(unsigned, "\(name).sec.asc")
    #expect(unsigned.bytes == (try directory.read("image.sif")))
  }

  @Test func whatTheReferenceSignsWeVerify() throws {
    let directory = try Scratch()
    for name in ["rsa2048", "ed25519", "nistp256", "nistp384", "nistp521"] {
      let path = try directory.write("\(name).sif", try sampleImage().bytes)
      try #require(
        try GoOracle.run(["sign", path, Fixture.path("keys/\(name).sec.asc"), String(day(2).seconds)]).status
          == 0)
      let report = try verify(try FileStorage(opening: FilePath(path)), ["\(name).pub.asc"])
      #expect(report.verdict == .ok, "\(report.reasons)")
      let certificate = try #require(try ring("\(name).pub.asc").certificates.first)
      #expect(
        report.objects.map(\.signedBy) == [[certificate.primary.fingerprintText]] + [
          [certificate.primary.fingerprintText]
        ] + [[certificate.primary.fingerprintText]])
    }
  }

  @Test func selectedObjects() throws {
    let storage = try sampleImage()
    try sign(storage, "ed25519.sec.asc", IntegritySelection(objects: [3, 2]))
    #expect(try verify(storage, ["ed25519.pub.asc"]).verdict == .unsigned)
    let report = try verify(storage, ["ed25519.pub.asc"], selection: IntegritySelection(objects: [2, 3]))
    #expect(report.verdict == .ok)
    #expect(report.signatures.map(\.objects) == [[2], [3]])
    let other = try verify(storage, ["ed25519.pub.asc"], selection: IntegritySelection(objects: [1]))
    #expect(other.verdict == .unsigned)
    #expect(
      try verify(storage, ["ed25519.pub.asc"], selection: IntegritySelection(groups: [2])).verdict == .ok)
    #expect(throws: IntegrityError.self) {
      try verify(storage, ["ed25519.pub.asc"], selection: IntegritySelection(groups: [7]))
    }
  }

  @Test func nothingIsAddedWhereSigningFails() throws {
    let storage = try sampleImage()
    let before = storage.bytes
    #expect(throws: IntegrityError.self) {
      try sign(storage, "ed25519.sec.asc", IntegritySelection(groups: [1, 9]))
    }
    #expect(throws: OpenPGPError.self) { try sign(storage, "ed25519.sec.asc", at: day(0)) }
    #expect(storage.bytes == before)
  }
}
