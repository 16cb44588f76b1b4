import Glibc
import StrictJSON
import TestSupport
import Testing

/// `key`: rings that are damaged, shared or not there, and what they say of keys.
@Suite struct KeyRingCommandTests {
  private let directory: TemporaryDirectory

  init() throws { directory = try TemporaryDirectory() }

  private func siftool(_ arguments: String...) throws -> ToolAnswer {
    try Tool.run([Fixture.siftool] + arguments, environment: ["HOME": directory.path])
  }

  private var ring: String { directory.file(".singularity/keys/pgp-public") }

  /// A directory of rings with one key in it.
  private func makeRing() throws {
    try Tool.check(["mkdir", "-p", directory.file(".singularity")])
    try Tool.check(["mkdir", "-m", "700", directory.file(".singularity/keys")])
    #expect(try siftool("key", "import", Fixture.path("keys/ed25519.pub.asc")).status == 0)
  }

  private func keys(_ answer: ToolAnswer) throws -> [JSONValue] {
    #expect(try JSONSchema.faults(of: answer.output, schema: "key-list") == "")
    return try JSONParser.parse(answer.output)["keys"]?.elements ?? []
  }

  @Test func ringsByName() throws {
    let file = Fixture.path("keys/ring.pgp")
    #expect(try keys(try siftool("key", "list", "--json", "--keyring", file)).count == 3)
    #expect(try siftool("key", "list", "--keyring", file).text.contains("rsa2048@example.org"))
    for missing in [directory.file("none"), directory.file("none/pgp-public")] {
      let answer = try siftool("key", "list", "--json", "--keyring", missing)
      #expect(answer.status == 7)
      #expect(answer.errors.contains("\(missing): No such file or directory"))
      #expect(try siftool("key", "export", "AB", "--keyring", missing).status == 7)
    }
    // The runtimes' own that nobody made yet is an empty one.
    #expect(try keys(try siftool("key", "list", "--json")).isEmpty)
    // Keys are kept in directories.
    let answer = try siftool("key", "import", Fixture.path("keys/ed25519.pub.asc"), "--keyring", file)
    #expect(answer.status == 7)
    #expect(answer.errors.contains("is no directory"))
    // A file without any key.
    #expect(try siftool("key", "list", "--keyring", "/etc/passwd").status == 6)
  }

  @Test func expiryAndRevocation() throws {
    let expired = Fixture.path("keys/expires.pub.asc")
    let key = try #require(try keys(try siftool("key", "list", "--json", "--keyring", expired)).first)
    #expect(key["expiresAt"] == "2024-01-31T00:00:00Z")
    #expect(key["revoked"] == false)
    #expect(key["valid"] == false)
    let text = try siftool("key", "list", "--keyring", expired).text
    #expect(text.contains("  made 2024-01-01T00:00:00Z, expired 2024-01-31T00:00:00Z\n"))
    let subkeys = try keys(
      try siftool("key", "list", "--json", "--keyring", Fixture.path("keys/subkeys.pub.asc")))
    #expect(subkeys.first?["valid"] == true)
    #expect(subkeys.first?["expiresAt"] == .null)
    #expect(subkeys.first?["subkeys"]?.elements?.map { $0["valid"] } == [true, true])
    // GnuPG makes a revocation with each key, behind a colon lest somebody import it by accident.
    let gnupg = try GnuPG()
    let made = try gnupg.run([
      "--pinentry-mode", "loopback", "--passphrase", "", "--quick-generate-key", "gone", "ed25519", "sign",
      "0",
    ])
    #expect(made.status == 0, "\(made.errors)")
    let revocations = try Tool.check(["ls", "\(gnupg.path)/openpgp-revocs.d"]).text
    let file = "\(gnupg.path)/openpgp-revocs.d/\(revocations.dropLast())"
    let revocation = String(decoding: try Tool.read(file), as: UTF8.self).replacing(":-----", with: "-----")
    #expect(try gnupg.run(["--import"], input: Array(revocation.utf8)).status == 0)
    let revoked = try directory.write("revoked", try gnupg.run(["--export"]).output)
    let gone = try #require(try keys(try siftool("key", "list", "--json", "--keyring", revoked)).first)
    #expect(gone["revoked"] == true)
    #expect(gone["valid"] == false)
    #expect(try siftool("key", "list", "--keyring", revoked).text.contains(", revoked\n"))
  }

  /// A ring that is cut, or has a byte that begins no packet: what stands before is listed, and nothing is written.
  @Test func damagedRings() throws {
    try makeRing()
    let first = try Tool.read(ring)
    #expect(try siftool("key", "import", Fixture.path("keys/rsa2048.pub.asc")).status == 0)
    let whole = try Tool.read(ring)
    var garbled = whole
    garbled[first.count] = 0x3F
    for (damaged, place) in [(Array(whole.dropLast(20)), nil), (garbled, first.count)] as [([UInt8], Int?)] {
      try Tool.write(ring, damaged)
      let list = try siftool("key", "list", "--json")
      #expect(list.status == 0)
      #expect(try keys(list).count == (place == nil ? 2 : 1))
      #expect(list.errors.hasPrefix("siftool: warning: \(ring): passed over: OpenPGP: "))
      if let place { #expect(list.errors.contains("(at byte \(place))")) }
      #expect(try siftool("key", "list", "--quiet").errors.isEmpty)
      let fingerprint = try #require(try keys(list).first?["fingerprint"]?.text)
      for arguments in [
        ["import", Fixture.path("keys/nistp256.pub.asc")], ["remove", fingerprint],
        ["new", "--user-id", "x", "--no-passphrase"],
      ] {
        let answer = try Tool.run(
          [Fixture.siftool, "key"] + arguments, environment: ["HOME": directory.path])
        #expect(answer.status == 6, "\(arguments)")
        #expect(answer.errors.contains("\(ring): OpenPGP: "))
        #expect(answer.errors.contains("the ring is left as it is"))
        #expect(try Tool.read(ring) == damaged)
      }
    }
  }

  /// What we cannot read of a whole ring stays in it: a key of a coming version, a trust packet.
  @Test func nothingIsLost() throws {
    try makeRing()
    let known = try Tool.read(ring)
    let strange: [UInt8] = [0xCA, 3, 0x50, 0x47, 0x50, 0xC6, 8, 9, 1, 2, 3, 4, 99, 1, 2, 0xCC, 2, 1, 2]
    try Tool.write(ring, strange + known)
    #expect(try siftool("key", "import", Fixture.path("keys/nistp256.pub.asc")).status == 0)
    let longer = try Tool.read(ring)
    #expect(longer.starts(with: strange + known))
    let list = try siftool("key", "list", "--json")
    #expect(list.errors.contains("a key of version 9 (at byte"))
    let fingerprints = try keys(list).compactMap { $0["fingerprint"]?.text }
    #expect(fingerprints.count == 2)
    for fingerprint in fingerprints { #expect(try siftool("key", "remove", fingerprint).status == 0) }
    #expect(try Tool.read(ring) == strange)
  }

  /// Names in a ring may hold anything; a terminal gets to see none of it as it is.
  @Test func namesWithEscapes() throws {
    try makeRing()
    let name = Array("\u{1B}[2J\u{202E}evil".utf8)
    try Tool.write(ring, try Tool.read(ring) + [0xCD, UInt8(name.count)] + name)
    let text = try siftool("key", "list").output
    #expect(!text.contains(0x1B))
    #expect(String(decoding: text, as: UTF8.self).contains("\\x1b[2J\\u{202e}evil"))
    let document = try siftool("key", "list", "--json").output
    #expect(!document.contains(0x1B))
    #expect(try JSONParser.parse(document)["keys"]?.elements?.first?["userIds"]?.elements?.count == 2)
  }

  @Test func quiet() throws {
    try makeRing()
    let file = Fixture.path("keys/nistp256.pub.asc")
    let loud = try siftool("key", "import", file)
    #expect(loud.errors.hasPrefix("siftool: imported public key "))
    for option in ["-q", "--quiet"] {
      let fingerprint = String(
        try siftool("key", "new", "--user-id", "x", "--no-passphrase", option).text.dropLast())
      for arguments in [
        ["import", file], ["list"], ["export", fingerprint], ["export", "--secret", fingerprint],
        ["remove", fingerprint],
      ] {
        let answer = try Tool.run(
          [Fixture.siftool, "key"] + arguments + [option], environment: ["HOME": directory.path])
        #expect(answer.status == 0)
        #expect(answer.errors.isEmpty)
      }
    }
  }

  @Test func sharedDirectories() throws {
    try makeRing()
    let folder = directory.file(".singularity/keys")
    #expect(try siftool("key", "list").errors.isEmpty)
    try Tool.check(["chmod", "750", folder])
    let entered = try siftool("key", "list")
    #expect(entered.status == 0)
    #expect(
      entered.errors == "siftool: warning: others can enter the key ring directory \(folder); chmod 700 it\n")
    #expect(try siftool("key", "list", "-q").errors.isEmpty)
    let image = Fixture.path("images/plain-types.sif")
    #expect(try siftool("verify", image).errors.isEmpty)
    try Tool.check(["chmod", "770", folder])
    #expect(try siftool("verify", image).errors.contains("others can change the key ring directory"))
    #expect(try siftool("verify", image, "--quiet").errors.isEmpty)
  }

  /// GnuPG reads the exported secret key, and the text is what it was made of.
  @Test func exportOfSecrets() throws {
    for name in ["rsa4096", "ed25519", "locked", "subkeys"] {
      let file = Fixture.path("keys/\(name).sec.asc")
      #expect(try siftool("key", "import", file).status == 0)
      let listed = try keys(try siftool("key", "list", "--secret", "--json"))
      let fingerprint = try #require(listed.last?["fingerprint"]?.text)
      let text = try siftool("key", "export", "--secret", fingerprint).output
      #expect(try GnuPG(importing: text).run(["--list-secret-keys", fingerprint]).status == 0)
      #expect(String(decoding: text, as: UTF8.self).split(separator: "\n").allSatisfy { $0.utf8.count <= 64 })
    }
    #expect(try keys(try siftool("key", "list", "--secret", "--json")).count == 4)
  }
}
