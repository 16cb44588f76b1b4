import StrictJSON
import TestSupport
import Testing

/// `verify --keyserver`: keys that a server gives tell who signed, and nobody is believed for being on a server.
@Suite struct VerifyWithKeyServerTests {
  private let home: Scratch
  private let image: String

  init() throws {
    home = try Scratch()
    image = home.file("image.sif")
    try Siftool.check("new", image)
    try Siftool.check(
      "add", image, try home.write("one", "one"), "--datatype", "generic", "--groupid", "1", in: home)
    try sign("ed25519")
  }

  private func sign(_ key: String, _ options: String...) throws {
    let secret = try home.write("\(key).asc", try Fixture.read("keys/\(key).sec.asc"))
    try Siftool.check(["sign", image, "--key", secret, "--quiet"] + options, in: home)
  }

  private func verify(_ options: String...) throws -> ToolAnswer {
    try Siftool.run(["verify", image] + options, in: home)
  }

  private func document(_ options: [String]) throws -> JSONValue {
    let answer = try Siftool.run(["verify", image, "--json"] + options, in: home)
    #expect(try JSONSchema.faults(of: answer.output, schema: "verify") == "")
    return try JSONParser.parse(answer.output)
  }

  private let signer = KeyServerCommandTests.ed25519

  @Test func onlyNamedSignersAreBelieved() throws {
    let server = try KeyServer("ed25519", "nistp256")
    #expect(try verify().status == 6)
    let unnamed = try verify("--keyserver", server.address)
    #expect(unnamed.status == 3, "\(unnamed.text) \(unnamed.errors)")
    #expect(
      unnamed.text.contains("known only from the key server \(server.address), where anybody can put keys"))
    #expect(unnamed.text.hasSuffix("verdict: untrusted\n") && unnamed.errors.contains("--signer FINGERPRINT"))
    let named = try verify("--keyserver", server.address, "--signer", signer)
    #expect(named.status == 0 && named.text.contains("its key came from the key server \(server.address)"))
    #expect(named.errors.isEmpty)
    #expect(try verify("--keyserver", server.address, "--signer", KeyServerCommandTests.nistp256).status == 3)
    let report = try document(["--keyserver", server.address])
    let verdict = report["signatures"]?.elements?.first?["signers"]?.elements?.first
    #expect(verdict?["reason"] == "key-from-server" && verdict?["valid"] == false)
    #expect(verdict?["keyServer"]?.text == server.address && verdict?["fingerprint"]?.text == signer)
    #expect(try document(["--keyserver", server.address, "--signer", signer])["verdict"] == "ok")
    // Nothing was stored.
    #expect(try Tool.run(["ls", "-A", home.file(".singularity")]).status != 0)
    #expect(try verify().status == 6)
    // A second signature whose key is here: that one alone is believed.
    try sign("nistp256")
    let key = ["--key", Fixture.path("keys/nistp256.pub.asc"), "--keyserver", server.address]
    #expect(try Siftool.run(["verify", image] + key, in: home).status == 3)
    #expect(try Siftool.run(["verify", image] + key + ["--threshold", "2"], in: home).status == 3)
    #expect(try Siftool.run(["verify", image] + key + ["--signer", signer], in: home).status == 0)
    // An altered image is altered, whoever signed.
    try Tool.check([
      "sh", "-c",
      "offset=$(\"$1\" list --json \"$2\" | python3 -c 'import json,sys; print(json.load(sys.stdin)[\"objects\"][0][\"offset\"])'); printf X | dd of=\"$2\" bs=1 seek=$offset conv=notrunc 2> /dev/null",
      "sh", Fixture.siftool, image,
    ])
    #expect(try verify("--keyserver", server.address, "--signer", signer).status == 4)
    #expect(try verify("--keyserver", server.address).status == 3)
  }

  /// A signature by a subkey: the server is asked for that, and the primary key's owner is whom to believe.
  @Test func subkey() throws {
    let server = try KeyServer("subkeys")
    let fresh = try Scratch()
    let signed = fresh.file("image.sif")
    try Siftool.check("new", signed)
    try Siftool.check(
      "add", signed, try fresh.write("one", "one"), "--datatype", "generic", "--groupid", "1", in: fresh)
    let secret = try fresh.write("subkeys.asc", try Fixture.read("keys/subkeys.sec.asc"))
    try Siftool.check("sign", signed, "--key", secret, "--quiet", in: fresh)
    let key = Fixture.path("keys/subkeys.pub.asc")
    let listed = try JSONParser.parse(try Siftool.check("key", "list", "--json", "--keyring", key).output)
    let primary = listed["keys"]?.elements?.first?["fingerprint"]?.text ?? ""
    let known = try Siftool.check("verify", signed, "--key", key)
    #expect(known.text.contains("with key "), "signed by the primary key")
    #expect(
      try Siftool.run("verify", signed, "--keyserver", server.address, "--signer", primary, in: fresh).status
        == 0)
    #expect(try Siftool.run("verify", signed, "--keyserver", server.address, in: fresh).status == 3)
  }

  @Test func serversThatDoNotHelp() throws {
    let server = try LyingKeyServer()
    for (mode, reason) in [
      ("other", "sent another one"), ("html", "a web page"), ("big", "more than 4194304 bytes"),
      ("500", "500"),
      ("404", "has no key"), ("empty", "holds no key"), ("slow", "127.0.0.1"),
    ] {
      let answer = try verify("--keyserver", server.address(mode), "--signer", signer)
      #expect(
        answer.status == 6 && answer.errors.contains(reason), "\(mode): \(answer.status) \(answer.errors)")
    }
    // Keys are asked for by the whole fingerprint; the next server is asked where one does not help.
    #expect(server.requests.allSatisfy { $0.contains("search=0x\(signer.lowercased())") })
    let second = try verify(
      "--keyserver", "hkp://127.0.0.1:1", "--keyserver", server.address("page"), "--signer", signer)
    #expect(second.status == 0 && second.errors.contains("127.0.0.1:1"), "\(second.errors)")
    // A key that is here is not asked for.
    let count = server.requests.count
    #expect(
      try verify("--key", Fixture.path("keys/ed25519.pub.asc"), "--keyserver", server.address("other")).status
        == 0)
    #expect(server.requests.count == count)
    #expect(try verify("--keyserver", "nothing").status == 64)
  }

  /// Without the option there is no socket at all.
  @Test func neverTheNetworkUnasked() throws {
    let answer = try Tool.run(
      ["strace", "-f", "-qq", "-e", "trace=socket,connect", Fixture.siftool, "verify", image],
      environment: ["HOME": home.path])
    #expect(answer.status == 6)
    #expect(!answer.errors.contains("socket("), "\(answer.errors)")
  }
}
