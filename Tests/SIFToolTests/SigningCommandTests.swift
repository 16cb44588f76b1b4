import StrictJSON
import TestSupport
import Testing

/// `sign`, `verify` and `key`: what scripts rely on.
@Suite struct SigningCommandTests {
  private let directory: Scratch
  private let image: String

  init() throws {
    directory = try Scratch()
    image = directory.file("image.sif")
    try Siftool.check("new", image)
    for text in ["one", "two"] {
      let file = try directory.write(text, Array(text.utf8))
      try Siftool.check("add", image, file, "--datatype", "generic", "--groupid", "1")
    }
  }

  private func key(_ name: String) throws -> String {
    // Only the owner may read it: git keeps no such bits.
    try directory.write(name, try Fixture.read("keys/\(name)"))
  }

  private func document(_ answer: ToolAnswer) throws -> JSONValue { try JSONParser.parse(answer.output) }

  @Test(arguments: ["ed25519.sec.asc", "pem-p256.pem"])
  func signAndVerify(name: String) throws {
    #expect(try Siftool.run("verify", image, "--key", try key("ed25519.pub.asc"), in: directory).status == 2)
    let signed = try Siftool.run("sign", image, "--key", try key(name), in: directory)
    #expect(signed.status == 0)
    #expect(signed.output.isEmpty)
    #expect(signed.errors == "siftool: signed: object 3\n")
    let verified = try Siftool.run("verify", image, "--key", try key(name), in: directory)
    #expect(verified.status == 0, "\(verified.text)")
    #expect(verified.text.hasSuffix("verdict: ok\n"))
    #expect(try Siftool.run("verify", image, "--key", try key("rsa2048.pub.asc"), in: directory).status == 3)
    #expect(try Siftool.run("verify", image, in: directory).status == 6)
    let report = try document(
      try Siftool.run("verify", "--json", image, "--key", try key(name), in: directory))
    #expect(report["verdict"] == "ok")
    #expect(try JSONSchema.faults(of: JSONWriter.compact(report), schema: "verify") == "")
    #expect(report["schemaVersion"] == 1)
    #expect(report["signatures"]?.elements?.first?["valid"] == true)
    #expect(report["signatures"]?.elements?.first?["objects"] == [1, 2])
    // A byte of the second object.
    var bytes = try directory.read("image.sif")
    bytes[32176 + 4] ^= 1
    try directory.write("image.sif", bytes)
    let tampered = try Siftool.run("verify", "--json", image, "--key", try key(name), in: directory)
    for answer in [tampered, try Siftool.run("verify", "--json", image, in: directory)] {
      #expect(try JSONSchema.faults(of: answer.output, schema: "verify") == "")
    }
    #expect(tampered.status == 4)
    #expect(try document(tampered)["signatures"]?.elements?.first?["reason"] == "object-altered")
  }

  @Test func keysFromElsewhere() throws {
    let text = String(decoding: try Fixture.read("keys/locked.sec.asc"), as: UTF8.self)
    let secret = try directory.write("secret", Array("correct horse\n".utf8))
    let locked = try Siftool.run("sign", image, "--key-env", "KEY", environment: ["KEY": text], in: directory)
    #expect(locked.status == 6)
    #expect(locked.errors.contains("locked by a passphrase"))
    let wrong = try Siftool.run(
      "sign", image, "--key-env", "KEY", environment: ["KEY": text, "SIFTOOL_PASSPHRASE": "battery"],
      in: directory)
    #expect(wrong.status == 6)
    let good = try Siftool.run(
      "sign", image, "--key-env", "KEY", "--passphrase-file", secret, environment: ["KEY": text],
      in: directory)
    #expect(good.status == 0, "\(good.errors)")
    #expect(try Siftool.run("verify", image, "--key", try key("locked.pub.asc"), in: directory).status == 0)
  }

  /// The forms that are done without the argument parser, and the same with it.
  @Test func bothWaysOfReadingTheCommandLine() throws {
    let good = try key("ed25519.pub.asc")
    let other = try key("rsa2048.pub.asc")
    #expect(try Siftool.run("sign", image, "--key", try key("ed25519.sec.asc"), in: directory).status == 0)
    for keys in [[good], [other], [good, other], [directory.file("none")], []] {
      let short = try Siftool.run(["verify", image] + keys.flatMap { ["--key", $0] })
      let first = try Siftool.run(["verify"] + keys.flatMap { ["--key", $0] } + [image])
      let parsed = try Siftool.run(["verify", "--threshold=1", image] + keys.map { "--key=\($0)" })
      #expect(short.status == parsed.status)
      #expect(short.output == parsed.output)
      #expect(short.errors == parsed.errors)
      #expect(first.output == parsed.output)
    }
    #expect(try Siftool.run("verify", image, "--key", in: directory).status == 64)
    #expect(try Siftool.run("verify", image, "--key", "--all", in: directory).status == 64)
    #expect(try Siftool.run("verify", image, image, in: directory).status == 64)
    #expect(try Siftool.run("verify", "--key", good, in: directory).status == 64)
    #expect(try Siftool.run("verify", "", in: directory).status == 64)
  }

  @Test func sharedPrivateKeys() throws {
    let path = try key("ed25519.sec.asc")
    try Tool.check(["chmod", "644", path])
    let answer = try Siftool.run("sign", image, "--key", path, in: directory)
    #expect(answer.status == 0)
    #expect(answer.errors.contains("others can read the private key"))
  }

  @Test func keyRings() throws {
    let made = try Siftool.run(
      "key", "new", "--user-id", "test <test@example.org>", "--no-passphrase", in: directory)
    let fingerprint = String(made.text.dropLast())
    #expect(fingerprint.count == 40)
    let modes = try Tool.check(
      ["stat", "-c", "%a %n", "keys", "keys/pgp-public", "keys/pgp-secret"],
      in: directory.file(".singularity"))
    #expect(modes.text == "700 keys\n600 keys/pgp-public\n600 keys/pgp-secret\n")
    #expect(try Siftool.run("sign", image, in: directory).status == 0)
    #expect(try Siftool.run("verify", image, "--signer", fingerprint, in: directory).status == 0)
    #expect(try Siftool.run("verify", image, "--threshold", "2", in: directory).status == 3)
    #expect(try Siftool.run("key", "import", Fixture.path("keys/ring.pgp"), in: directory).status == 0)
    let list = try Siftool.run("key", "list", "--json", in: directory)
    #expect(try JSONSchema.faults(of: list.output, schema: "key-list") == "")
    let keys = try document(list)["keys"]?.elements ?? []
    #expect(keys.count == 4)
    let exported = try Siftool.run("key", "export", fingerprint, in: directory)
    #expect(try GnuPG(importing: exported.output).run(["--list-keys", fingerprint]).status == 0)
    let secret = try Siftool.run("key", "export", "--secret", fingerprint, in: directory)
    #expect(try GnuPG(importing: secret.output).run(["--list-secret-keys", fingerprint]).status == 0)
    #expect(try Siftool.run("key", "remove", fingerprint, in: directory).status == 0)
    #expect(try Siftool.run("verify", image, in: directory).status == 3)
    #expect(try Siftool.run("key", "export", fingerprint, in: directory).status == 6)
    #expect(try Siftool.run("key", "new", "--user-id", "x", in: directory).status == 6)
  }
}
