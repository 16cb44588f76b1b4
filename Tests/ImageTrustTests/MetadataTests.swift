import TestSupport
import Testing

@testable import ImageTrust
@testable import OpenPGP
@testable import SIF

/// A signer of any text: what it signs need not be what an image's signer would.
private struct Replacing: MessageSigner, ~Copyable {
  let signer: SigningKey
  let text: @Sendable (String) -> String

  func sign(_ metadata: [UInt8], at time: Timestamp) throws(IntegrityError) -> SignedMessage {
    try signer.sign(Array(text(String(decoding: metadata, as: UTF8.self)).utf8), at: time)
  }
}

@Suite struct MetadataTests {
  private let digest = "sha256:" + String(repeating: "ab", count: 32)

  /// A validly signed statement that is not the reference's: refused whoever signed it.
  @Test(
    arguments: [
      ("\"version\":1", "\"version\":2", "unsupported-version"),
      ("\"version\":1", "\"version\":0", "unsupported-version"),
      ("\"version\":1,", "", "malformed-metadata"),
      ("\"version\":1", "\"version\":1,\"version\":1", "malformed-metadata"),
      ("\"version\":1", "\"version\":\"1\"", "malformed-metadata"), ("]}", "]}{}", "malformed-metadata"),
      ("]}", "]} x", "malformed-metadata"), ("]}", "],\"extra\":1}", "malformed-metadata"),
      ("\"header\"", "\"Header\"", "malformed-metadata"),
      ("\"relativeId\":0", "\"relativeId\":1", "malformed-metadata"),
      ("\"relativeId\":0", "\"relativeId\":0.0", "malformed-metadata"),
      ("\"relativeId\":0", "\"relativeId\":-1", "malformed-metadata"),
      ("\"relativeId\":0", "\"relativeId\":4294967295", "signed-object-missing"),
      ("\"relativeId\":1", "\"relativeId\":9", "signed-object-missing"),
      ("\"objectDigest\":\"sha256:", "\"objectDigest\":\"md5:", "malformed-metadata"),
      ("\"objectDigest\":\"sha256:", "\"objectDigest\":\"sha1:", "malformed-metadata"),
      ("\"objectDigest\":\"sha256:", "\"objectDigest\":\"ripemd160:", "malformed-metadata"),
      ("\"objectDigest\":\"sha256:", "\"objectDigest\":\"sha512:", "malformed-metadata"),
      ("\"objectDigest\":\"sha256:", "\"objectDigest\":\"sha256:sha256:", "malformed-metadata"),
      ("{\"version\"", "[{\"version\"", "malformed-metadata"),
      ("{\"version\"", "SIFHASH:\n{\"version\"", nil),
    ] as [(String, String, String?)])
  func refusedStatements(original: String, replacement: String, code: String?) throws {
    let storage = try sampleImage()
    try signReplacing(storage) { $0.replacing(original, with: replacement) }
    let report = try verify(storage, ["ed25519.pub.asc"])
    #expect(report.verdict == (code == nil ? .unsigned : .tampered))
    if let code { #expect(report.signatures.first?.faults.map(\.code).contains(code) == true) }
  }

  /// White space and lines are JSON, too; the digests may be in upper case or another algorithm of SHA-2.
  @Test func acceptedStatements() throws {
    for (original, replacement) in [
      ("{\"version\"", " {\n\t\"version\""), (",\"objects\"", " ,\n\"objects\""),
    ] {
      let storage = try sampleImage()
      try signReplacing(storage) { $0.replacing(original, with: replacement) }
      #expect(try verify(storage, ["ed25519.pub.asc"]).verdict == .ok)
    }
  }

  private func signReplacing(_ storage: MemoryStorage, _ text: @escaping @Sendable (String) -> String) throws
  {
    let keys = try ring("ed25519.sec.asc")
    let certificate = try #require(keys.certificates.first)
    let secret = try keys.signingSecret(of: certificate, now: day(2).seconds)
    try signReplacing(storage, secret, certificate.primary, text)
  }

  private func signReplacing(
    _ storage: MemoryStorage, _ secret: SecretKey, _ primary: PublicKeyPacket,
    _ text: @escaping @Sendable (String) -> String
  ) throws {
    let signer = Replacing(signer: try unlocked(secret, primary), text: text)
    var editor = try ImageEditor(editing: storage)
    try ImageSigner.sign(&editor, with: signer, at: day(2))
  }

  @Test func oneBufferForTextAndSignature() throws {
    // The text that the metadata is read from is the one that was hashed, line ends included.
    let storage = try sampleImage()
    try sign(storage, "ed25519.sec.asc")
    let image = try Image(reading: storage)
    let message = try image.bytes(of: image.objects(ofType: .signature)[0]).prefix(4096)
    let opened = OpenPGPVerifier(try ring("ed25519.pub.asc"), now: day(3)).open(message)
    let metadata = try IntegrityMetadata(reading: try #require(opened.text))
    #expect(metadata.encoded == opened.text)
  }
}
