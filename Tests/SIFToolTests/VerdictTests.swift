import StrictJSON
import TestSupport
import Testing

/// What `verify` says of an image, in its exit code, as text and as a document: each of the verdicts.
@Suite struct VerdictTests {
  private let directory: Scratch
  private let image: String
  private let trusted: String

  init() throws {
    directory = try Scratch()
    image = directory.file("image.sif")
    trusted = Fixture.path("keys/ed25519.pub.asc")
    let secret = try directory.write("key", try Fixture.read("keys/ed25519.sec.asc"))
    try Siftool.check("new", image)
    let file = try directory.write("one", Array("one".utf8))
    try Siftool.check("add", image, file, "--datatype", "generic", "--groupid", "1")
    try Tool.check(["cp", image, directory.file("unsigned.sif")])
    try Tool.check(["chmod", "600", secret])
    try Siftool.check("sign", image, "--key", secret, "--quiet")
  }

  /// Verifies with and without `--json`: one document of the schema, and the same verdict at the end of the text.
  @discardableResult
  private func verify(
    _ image: String, _ options: [String], _ status: Int32, _ verdict: String,
    sourceLocation: SourceLocation = #_sourceLocation
  ) throws -> JSONValue {
    let environment = ["HOME": directory.path]
    let text = try Siftool.run(["verify", image] + options, environment: environment)
    #expect(text.status == status, "\(text.errors)", sourceLocation: sourceLocation)
    #expect(text.text.hasSuffix("verdict: \(verdict)\n"), sourceLocation: sourceLocation)
    let answer = try Siftool.run(["verify", "--json", image] + options, environment: environment)
    #expect(answer.status == status, sourceLocation: sourceLocation)
    #expect(answer.errors == text.errors, sourceLocation: sourceLocation)
    #expect(
      try JSONSchema.faults(of: answer.output, schema: "verify") == "", sourceLocation: sourceLocation)
    let document = try JSONParser.parse(answer.output)
    #expect(document["verdict"]?.text == verdict, sourceLocation: sourceLocation)
    #expect((document["error"] != nil) == (verdict == "malformed"), sourceLocation: sourceLocation)
    if verdict == "malformed" {
      #expect(answer.errors.hasPrefix("siftool: "), sourceLocation: sourceLocation)
      #expect(answer.errors.split(separator: "\n").count == 1, sourceLocation: sourceLocation)
    } else {
      #expect(answer.errors.isEmpty, "\(answer.errors)", sourceLocation: sourceLocation)
    }
    return document
  }

  private func changed(_ change: (inout [UInt8]) -> Void) throws -> String {
    var bytes = try Tool.read(image)
    change(&bytes)
    return try directory.write("changed.sif", bytes)
  }

  @Test func everyVerdict() throws {
    try verify(image, ["--key", trusted], 0, "ok")
    try verify(directory.file("unsigned.sif"), ["--key", trusted], 2, "unsigned")
    try verify(image, ["--key", Fixture.path("keys/rsa2048.pub.asc")], 3, "untrusted")
    try verify(image, ["--key", trusted, "--threshold", "2"], 3, "untrusted")
    try verify(image, [], 6, "no-key")
    try verify(try changed { $0[32176] ^= 1 }, ["--key", trusted], 4, "tampered")
    try verify(try changed { $0.removeLast() }, ["--key", trusted], 5, "malformed")
  }

  /// Every place at which a file can end, coarsely, and bytes that are no image.
  @Test func truncatedFiles() throws {
    let whole = try Tool.read(image)
    for count in [0, 31, 42, 127, 128, 4095, 4097, 10_000, 32175, 32176, 32177, whole.count - 1] {
      let document = try verify(
        try changed { $0.removeLast($0.count - count) }, ["--key", trusted], 5, "malformed")
      #expect(["not-sif", "truncated"].contains(document["error"]?["code"]?.text ?? ""))
      #expect(document["error"]?["offset"]?.integer != nil)
      if count > 32176 {
        #expect(document["signatures"]?.elements?.count == 1)
        #expect(document["signatures"]?.elements?.first?["valid"] == false)
        #expect(document["objects"]?.elements?.first?["signedBy"] == [])
      }
    }
    let text = try directory.write("text", Array(String(repeating: "no image\n", count: 100).utf8))
    #expect(try verify(text, [], 5, "malformed")["error"]?["code"] == "not-sif")
    #expect(try verify(directory.path, [], 5, "malformed")["error"]?["code"] == "not-sif")
    // A file that cannot be read says nothing.
    let missing = try Siftool.run("verify", "--json", directory.file("none"))
    #expect(missing.status == 7)
    #expect(try JSONSchema.faults(of: missing.output, schema: "error") == "")
  }

  /// The descriptor of the signature, in slot 1, or of the object, in slot 0, says what cannot be.
  @Test func impossibleObjects() throws {
    for slot in 0...1 {
      let at = 4096 + slot * 585
      for (field, byte) in [(17 + 7, UInt8(0x80)), (25 + 7, 0x7F), (17 + 4, 1), (25 + 3, 1)] {
        let document = try verify(try changed { $0[at + field] = byte }, ["--key", trusted], 5, "malformed")
        #expect(document["error"]?["object"]?.integer == Int64(slot + 1))
        #expect(document["objects"]?.elements?.count == 1)
        #expect(document["signatures"]?.elements?.count == 1)
        let isIntact = slot == 0
        #expect(
          (document["signatures"]?.elements?.first?["signers"]?.elements?.isEmpty == false) == isIntact)
      }
    }
    let twins = try verify(try changed { $0[4096 + 585 + 5] = 1 }, ["--key", trusted], 5, "malformed")
    #expect(twins["error"]?["code"] == "multiple-objects")
  }

  /// Bytes of a signature that are none are a bad signature, not a bad image.
  @Test func junkForASignature() throws {
    let end = try Tool.read(image).count
    let document = try verify(
      try changed { $0.replaceSubrange(end - 40..<end, with: repeatElement(0x20, count: 40)) },
      ["--key", trusted], 4, "tampered")
    #expect(document["signatures"]?.elements?.first?["valid"] == false)
  }

  @Test func strict() throws {
    let options = ["--strict", "--key", trusted]
    let document = try verify(image, options, 0, "ok")
    let uncovered = document["uncovered"]?.elements?.compactMap { $0["what"]?.text } ?? []
    #expect(uncovered.count == 4)
    #expect(uncovered.allSatisfy { $0.hasSuffix("ed at") })
    let text = try Siftool.run(["verify", image] + options)
    #expect(text.text.contains("  byte 64: 8 bytes, header: created at\n"))
    let architecture = try verify(try changed { $0[46] = 0x32 }, options, 2, "unsigned")
    #expect(architecture["uncovered"]?.elements?.first?["what"] == "header: architecture")
    // The second object's bytes are the first's: what check calls an error.
    let overlap = try verify(try changed { $0[4096 + 585 + 17] = 0xB1 }, options, 5, "malformed")
    #expect(overlap["error"]?["message"]?.text?.contains("share") == true)
    #expect(overlap["signatures"]?.elements?.count == 1)
  }
}
