import StrictJSON
import TestSupport
import Testing

/// `sign`, `verify` and `key`: what scripts rely on.
@Suite struct SigningCommandTests {
  private let directory: TemporaryDirectory
  private let image: String

  init() throws {
    directory = try TemporaryDirectory()
    image = directory.file("image.sif")
    try Tool.check([Fixture.siftool, "new", image])
    for text in ["one", "two"] {
      let file = try directory.write(text, Array(text.utf8))
      try Tool.check([Fixture.siftool, "add", image, file, "--datatype", "generic", "--groupid", "1"])
    }
  }

  private func siftool(_ arguments: String..., environment: [String: String] = [:]) throws -> ToolAnswer {
    let home = ["HOME": directory.path].merging(environment) { $1 }
    return try Tool.run([Fixture.siftool] + arguments, environment: home)
  }

  private func key(_ name: String) throws -> String {
    // Only the owner may read it: git keeps no such bits.
    try directory.write(name, try Fixture.read("keys/\(name)"))
  }

  private func document(_ answer: ToolAnswer) throws -> JSONValue { try JSONParser.parse(answer.output) }

  @Test(arguments: ["ed25519.sec.asc", "pem-p256.pem"])
  func signAndVerify(name: String) throws {
    #expect(try siftool("verify", image, "--key", try key("ed25519.pub.asc")).status == 2)
    let signed = try siftool("sign", image, "--key", try key(name))
    #expect(signed.status == 0)
    #expect(signed.output.isEmpty)
    #expect(signed.errors == "siftool: signed: object 3\n")
    let verified = try siftool("verify", image, "--key", try key(name))
    #expect(verified.status == 0, "\(verified.text)")
    #expect(verified.text.hasSuffix("verdict: ok\n"))
    #expect(try siftool("verify", image, "--key", try key("rsa2048.pub.asc")).status == 3)
    #expect(try siftool("verify", image).status == 6)
    let report = try document(try siftool("verify", "--json", image, "--key", try key(name)))
    #expect(report["verdict"] == "ok")
    #expect(try JSONSchema.faults(of: JSONWriter.compact(report), schema: "verify") == "")
    #expect(report["schemaVersion"] == 1)
    #expect(report["signatures"]?.elements?.first?["valid"] == true)
    #expect(report["signatures"]?.elements?.first?["objects"] == [1, 2])
    // A byte of the second object.
    var bytes = try directory.read("image.sif")
    bytes[32176 + 4] ^= 1
    try directory.write("image.sif", bytes)
    let tampered = try siftool("verify", "--json", image, "--key", try key(name))
    for answer in [tampered, try siftool("verify", "--json", image)] {
      #expect(try JSONSchema.faults(of: answer.output, schema: "verify") == "")
    }
    #expect(tampered.status == 4)
    #expect(try document(tampered)["signatures"]?.elements?.first?["reason"] == "object-altered")
  }

  @Test func keysFromElsewhere() throws {
    let text = String(decoding: try Fixture.read("keys/locked.sec.asc"), as: UTF8.self)
    let secret = try directory.write("secret", Array("correct horse\n".utf8))
    let locked = try siftool("sign", image, "--key-env", "KEY", environment: ["KEY": text])
    #expect(locked.status == 6)
    #expect(locked.errors.contains("locked by a passphrase"))
    let wrong = try siftool(
      "sign", image, "--key-env", "KEY", environment: ["KEY": text, "SIFTOOL_PASSPHRASE": "battery"])
    #expect(wrong.status == 6)
    let good = try siftool(
      "sign", image, "--key-env", "KEY", "--passphrase-file", secret, environment: ["KEY": text])
    #expect(good.status == 0, "\(good.errors)")
    #expect(try siftool("verify", image, "--key", try key("locked.pub.asc")).status == 0)
  }

  /// The forms that are done without the argument parser, and the same with it.
  @Test func bothWaysOfReadingTheCommandLine() throws {
    let good = try key("ed25519.pub.asc")
    let other = try key("rsa2048.pub.asc")
    #expect(try siftool("sign", image, "--key", try key("ed25519.sec.asc")).status == 0)
    for keys in [[good], [other], [good, other], [directory.file("none")], []] {
      let short = try Tool.run([Fixture.siftool, "verify", image] + keys.flatMap { ["--key", $0] })
      let first = try Tool.run([Fixture.siftool, "verify"] + keys.flatMap { ["--key", $0] } + [image])
      let parsed = try Tool.run(
        [Fixture.siftool, "verify", "--threshold=1", image] + keys.map { "--key=\($0)" })
      #expect(short.status == parsed.status)
      #expect(short.output == parsed.output)
      #expect(short.errors == parsed.errors)
      #expect(first.output == parsed.output)
    }
    #expect(try siftool("verify", image, "--key").status == 64)
    #expect(try siftool("verify", image, "--key", "--all").status == 64)
    #expect(try siftool("verify", image, image).status == 64)
    #expect(try siftool("verify", "--key", good).status == 64)
    #expect(try siftool("verify", "").status == 64)
  }

  @Test func sharedPrivateKeys() throws {
    let path = try key("ed25519.sec.asc")
    try Tool.check(["chmod", "644", path])
    let answer = try siftool("sign", image, "--key", path)
    #expect(answer.status == 0)
    #expect(answer.errors.contains("others can read the private key"))
  }

  @Test func keyRings() throws {
    let made = try siftool("key", "new", "--user-id", "test <test@example.org>", "--no-passphrase")
    let fingerprint = String(made.text.dropLast())
    #expect(fingerprint.count == 40)
    let modes = try Tool.check(
      ["stat", "-c", "%a %n", "keys", "keys/pgp-public", "keys/pgp-secret"],
      in: directory.file(".singularity"))
    #expect(modes.text == "700 keys\n600 keys/pgp-public\n600 keys/pgp-secret\n")
    #expect(try siftool("sign", image).status == 0)
    #expect(try siftool("verify", image, "--signer", fingerprint).status == 0)
    #expect(try siftool("verify", image, "--threshold", "2").status == 3)
    #expect(try siftool("key", "import", Fixture.path("keys/ring.pgp")).status == 0)
    let list = try siftool("key", "list", "--json")
    #expect(try JSONSchema.faults(of: list.output, schema: "key-list") == "")
    let keys = try document(list)["keys"]?.elements ?? []
    #expect(keys.count == 4)
    let exported = try siftool("key", "export", fingerprint)
    #expect(try GnuPG(importing: exported.output).run(["--list-keys", fingerprint]).status == 0)
    let secret = try siftool("key", "export", "--secret", fingerprint)
    #expect(try GnuPG(importing: secret.output).run(["--list-secret-keys", fingerprint]).status == 0)
    #expect(try siftool("key", "remove", fingerprint).status == 0)
    #expect(try siftool("verify", image).status == 3)
    #expect(try siftool("key", "export", fingerprint).status == 6)
    #expect(try siftool("key", "new", "--user-id", "x").status == 6)
  }
}
