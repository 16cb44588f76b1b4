import TestSupport
import Testing

/// `sign`: which subkey signs, keys locked with the empty passphrase, and keys and digests of every kind.
@Suite struct SigningSubkeyTests {
  private let directory: Scratch
  private let gnupg: GnuPG
  private let image: String

  init() throws {
    directory = try Scratch()
    gnupg = try GnuPG()
    image = directory.file("image.sif")
    try Siftool.check("new", image)
    try Siftool.check(
      "add", image, try directory.write("one", "one"), "--datatype", "generic", "--groupid", "1")
  }

  private func export(_ name: String) throws -> (secret: String, open: String) {
    let secret = try directory.write(
      "\(name).secret", try gnupg.check(["--export-secret-keys", name]).output)
    return (secret, try directory.write("\(name).public", try gnupg.check(["--export", name]).output))
  }

  @Test func theNamedSubkeySigns() throws {
    let early = ["--faked-system-time", "20200101T000000"]
    try gnupg.check(early + ["--quick-generate-key", "many <many@example.org>", "ed25519", "cert", "0"])
    let primary = try #require(try gnupg.fingerprints(of: "many").first)
    for kind in [
      ["ed25519", "sign", "0"], ["rsa2048", "sign", "0"], ["rsa3072", "sign", "0"], ["cv25519", "encr", "0"],
    ] {
      try gnupg.check(["--quick-add-key", primary] + kind)
    }
    try gnupg.check(early + ["--quick-add-key", primary, "ed25519", "sign", "1d"])
    let subkeys = try gnupg.fingerprints(of: "many")
    try #require(subkeys.count == 6)
    let keys = try export("many")
    for subkey in subkeys[1...3] {
      let copy = directory.file("copy.sif")
      try Tool.check(["cp", image, copy])
      try Siftool.check("sign", copy, "--key", keys.secret, "--fingerprint", subkey.lowercased())
      let answer = try Siftool.check("verify", copy, "--key", keys.open)
      #expect(answer.text.contains("with key \(subkey)\n"), "\(answer.text)")
      // From a ring, and with the option of other commands.
      let home = try Scratch()
      try Siftool.check("key", "import", keys.secret, in: home)
      try Siftool.check("sign", copy, "--fingerprint", "0x\(subkey)", in: home)
      let root = try directory.write(
        "root.tar", try Tool.check(["tar", "-c", "-C", directory.path, "one"]).output)
      let (packed, encrypted) = (home.file("packed.sif"), home.file("encrypted.sif"))
      try Siftool.check("pack", root, packed, "--arch", "amd64")
      try Siftool.check(
        "encrypt", packed, encrypted, "--passphrase-file", try home.write("phrase", "x"),
        "--sign-fingerprint",
        subkey, in: home)
      #expect(try Siftool.run("verify", encrypted, in: home).text.contains("with key \(subkey)\n"))
    }
    for (subkey, why) in [(subkeys[4], "it is for encryption"), (subkeys[5], "it has expired")] {
      let answer = try Siftool.run("sign", image, "--key", keys.secret, "--fingerprint", subkey)
      #expect(answer.status == 6)
      #expect(answer.errors.contains("subkey \(subkey) cannot sign: \(why)"), "\(answer.errors)")
    }
    try gnupg.check(
      ["--command-fd", "0", "--edit-key", primary], input: Array("key 1\nrevkey\ny\n0\n\ny\nsave\n".utf8))
    let revoked = try export("many")
    let answer = try Siftool.run("sign", image, "--key", revoked.secret, "--fingerprint", subkeys[1])
    #expect(answer.status == 6)
    #expect(answer.errors.contains("subkey \(subkeys[1]) cannot sign: it was revoked"), "\(answer.errors)")
    try Siftool.check("sign", image, "--key", revoked.secret, "--fingerprint", subkeys[2])
    // Without its secret.
    let part = try gnupg.check(["--export-secret-subkeys", "\(subkeys[2])!"]).output
    let missing = try Siftool.run(
      "sign", image, "--key", try directory.write("part", part), "--fingerprint", subkeys[3])
    #expect(missing.status == 6)
    #expect(missing.errors.contains("\(subkeys[3])"), "\(missing.errors)")
  }

  /// Old runtimes locked keys with the empty passphrase.
  @Test func theEmptyPassphrase() throws {
    let packets = try GoOracle.run(["newkey", "1704067200", "", "locked"]).output
    let key = try directory.write("locked", packets)
    #expect(try Siftool.run("sign", image, "--key", key, in: directory).status == 6)
    for options in [
      ["--passphrase-file", "/dev/null"], ["--passphrase-file", try directory.write("line", "\n")],
    ] {
      let answer = try Siftool.run(["sign", image, "--key", key] + options, in: directory)
      #expect(answer.status == 0, "\(answer.errors)")
    }
    let variable = try Siftool.run(
      "sign", image, "--key", key, environment: ["SIFTOOL_PASSPHRASE": ""], in: directory)
    #expect(variable.status == 0, "\(variable.errors)")
    #expect(try Siftool.run("verify", image, "--key", key, in: directory).status == 0)
    // Another passphrase is still wrong, and so is the empty one for other keys.
    let wrong = try directory.write("wrong", "battery")
    #expect(
      try Siftool.run("sign", image, "--key", key, "--passphrase-file", wrong).errors.contains(
        "does not unlock"))
    let locked = Fixture.path("keys/locked.sec.asc")
    #expect(try Siftool.run("sign", image, "--key", locked, "--passphrase-file", "/dev/null").status == 6)
    // PEM, as openssl writes it.
    for arguments in [["-v2", "aes-256-cbc"], ["-scrypt"]] {
      let pem = directory.file("empty.pem")
      try Tool.check(
        [
          "openssl", "pkcs8", "-topk8", "-in", Fixture.path("keys/pem-ed25519.pem"), "-passout", "pass:",
          "-out", pem,
        ]
          + arguments)
      #expect(try Siftool.run("sign", image, "--key", pem).errors.contains("the private key is encrypted"))
      let answer = try Siftool.run("sign", image, "--key", pem, "--passphrase-file", "/dev/null")
      #expect(answer.status == 0, "\(answer.errors)")
    }
  }

  @Test(arguments: ["brainpoolP256r1", "brainpoolP384r1", "brainpoolP512r1", "secp256k1"])
  func curves(name: String) throws {
    try gnupg.makeKey("curve", name)
    let keys = try export("curve")
    try Siftool.check("sign", image, "--key", keys.secret)
    let answer = try Siftool.run("verify", image, "--key", keys.open, "--strict")
    #expect(answer.status == 0, "\(answer.text)")
    let message = try Siftool.check("dump", "2", image).output
    #expect(try gnupg.isGood(message, now: 4_000_000_000))
    // What GnuPG signs.
    let signed = try signedBy { try gnupg.check(["--clear-sign"], input: $0).output }
    #expect(try Siftool.run("verify", signed, "--key", keys.open).status == 0)
  }

  /// Methods that are not implemented are named, and no evidence of tampering.
  @Test func methodsThatAreNotImplemented() throws {
    try gnupg.makeKey("dsa", "dsa2048")
    let keys = try export("dsa")
    let signed = try signedBy { try gnupg.check(["--clear-sign"], input: $0).output }
    let answer = try Siftool.run("verify", signed, "--key", keys.open)
    #expect(answer.status == 3)
    #expect(answer.text.contains("made with DSA, which is not implemented"), "\(answer.text)")
    let refused = try Siftool.run("sign", image, "--key", keys.secret)
    #expect(refused.status == 6)
    #expect(refused.errors.contains("it signs with DSA, which is not implemented"), "\(refused.errors)")
    let brainpool = directory.file("brainpool.pem")
    try Tool.check(["openssl", "ecparam", "-genkey", "-name", "brainpoolP256r1", "-noout", "-out", brainpool])
    #expect(try Siftool.run("sign", image, "--key", brainpool).errors.contains("(brainpoolP256r1)"))
  }

  @Test(arguments: ["MD5", "SHA1", "RIPEMD160"])
  func weakDigests(name: String) throws {
    try gnupg.makeKey("weak", "rsa2048")
    let keys = try export("weak")
    let signed = try signedBy {
      try gnupg.check(["--allow-weak-digest-algos", "--digest-algo", name, "--clear-sign"], input: $0).output
    }
    let answer = try Siftool.run("verify", signed, "--key", keys.open)
    #expect(answer.status == 3, "\(answer.text)")
    #expect(answer.text.contains("which can be forged"), "\(answer.text)")
    // A wrong one is as wrong as any other.
    let other = try signedBy {
      let message = try gnupg.check(
        ["--allow-weak-digest-algos", "--digest-algo", name, "--clear-sign"], input: $0
      ).text
      return Array(message.replacing("\"version\":1", with: "\"version\":2").utf8)
    }
    #expect(try Siftool.run("verify", other, "--key", keys.open).status == 4)
    #expect(try Siftool.run("verify", signed, "--key", Fixture.path("keys/ed25519.pub.asc")).status == 3)
  }

  @Test(arguments: ["SHA3-256", "SHA3-512"])
  func sha3(name: String) throws {
    try gnupg.makeKey("new", "rsa2048")
    let keys = try export("new")
    let signed = try signedBy { text in
      let file = try directory.write("text", text)
      let answer = directory.file("text.asc")
      try Tool.check([
        "rnp", "--keyfile", keys.secret, "--hash", name, "--clearsign", "--output", answer, "--overwrite",
        file,
      ])
      return try Tool.read(answer)
    }
    let answer = try Siftool.run("verify", signed, "--key", keys.open)
    #expect(answer.status == 0, "\(answer.text)")
    let message = try Siftool.check("dump", "2", signed).output
    let altered = String(decoding: message, as: UTF8.self).replacing("\"version\":1", with: "\"version\":2")
    let other = try signedBy { _ in Array(altered.utf8) }
    #expect(try Siftool.run("verify", other, "--key", keys.open).status == 4)
  }

  /// An image with a signature that another program makes of the text.
  private func signedBy(_ sign: ([UInt8]) throws -> [UInt8]) throws -> String {
    let (model, signed) = (
      directory.file("model.sif"), directory.file("signed-\(Int.random(in: 0..<Int.max)).sif")
    )
    for copy in [model, signed] {
      try Siftool.check("new", copy, "--deterministic")
      try Siftool.check(
        "add", copy, directory.file("one"), "--datatype", "generic", "--groupid", "1", "--deterministic")
    }
    try Siftool.check("sign", model, "--key", Fixture.path("keys/ed25519.sec.asc"))
    let text = try Siftool.check("dump", "2", model).text
    let line = try #require(text.split(separator: "\n").first { $0.hasPrefix("{") })
    let message = try sign(Array(line.utf8))
    let fingerprint = try gnupg.fingerprints(of: "@example.org").first
    try Siftool.check(
      "add", signed, try directory.write("message", message), "--datatype", "signature", "--signhash",
      "sha256",
      "--signentity", try #require(fingerprint), "--link-group", "1")
    return signed
  }
}
