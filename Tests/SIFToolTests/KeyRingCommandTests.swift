import Glibc
import StrictJSON
import TestSupport
import Testing

/// `key`: rings that are damaged, shared or not there, and what they say of keys.
@Suite struct KeyRingCommandTests {
  private let directory: Scratch

  init() throws { directory = try Scratch() }

  private var ring: String { directory.file(".singularity/keys/pgp-public") }

  /// A directory of rings with one key in it.
  private func makeRing() throws {
    try Tool.check(["mkdir", "-p", directory.file(".singularity")])
    try Tool.check(["mkdir", "-m", "700", directory.file(".singularity/keys")])
    #expect(try Siftool.run("key", "import", Fixture.path("keys/ed25519.pub.asc"), in: directory).status == 0)
  }

  private func keys(_ answer: ToolAnswer) throws -> [JSONValue] {
    #expect(try JSONSchema.faults(of: answer.output, schema: "key-list") == "")
    return try JSONParser.parse(answer.output)["keys"]?.elements ?? []
  }

  @Test func ringsByName() throws {
    let file = Fixture.path("keys/ring.pgp")
    #expect(try keys(try Siftool.run("key", "list", "--json", "--keyring", file, in: directory)).count == 3)
    #expect(
      try Siftool.run("key", "list", "--keyring", file, in: directory).text.contains("rsa2048@example.org"))
    for missing in [directory.file("none"), directory.file("none/pgp-public")] {
      let answer = try Siftool.run("key", "list", "--json", "--keyring", missing, in: directory)
      #expect(answer.status == 7)
      #expect(answer.errors.contains("\(missing): No such file or directory"))
      #expect(try Siftool.run("key", "export", "AB", "--keyring", missing, in: directory).status == 7)
    }
    // The runtimes' own that nobody made yet is an empty one.
    #expect(try keys(try Siftool.run("key", "list", "--json", in: directory)).isEmpty)
    // Keys are kept in directories.
    let answer = try Siftool.run(
      "key", "import", Fixture.path("keys/ed25519.pub.asc"), "--keyring", file, in: directory)
    #expect(answer.status == 7)
    #expect(answer.errors.contains("is not a directory"))
    // A file without any key.
    #expect(try Siftool.run("key", "list", "--keyring", "/etc/passwd", in: directory).status == 6)
  }

  @Test func expiryAndRevocation() throws {
    let expired = Fixture.path("keys/expires.pub.asc")
    let key = try #require(
      try keys(try Siftool.run("key", "list", "--json", "--keyring", expired, in: directory)).first)
    #expect(key["expiresAt"] == "2024-01-31T00:00:00Z")
    #expect(key["revoked"] == false)
    #expect(key["valid"] == false)
    let text = try Siftool.run("key", "list", "--keyring", expired, in: directory).text
    #expect(text.contains("  made 2024-01-01T00:00:00Z, expired 2024-01-31T00:00:00Z\n"))
    let subkeys = try keys(
      try Siftool.run(
        "key", "list", "--json", "--keyring", Fixture.path("keys/subkeys.pub.asc"), in: directory))
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
    let gone = try #require(
      try keys(try Siftool.run("key", "list", "--json", "--keyring", revoked, in: directory)).first)
    #expect(gone["revoked"] == true)
    #expect(gone["valid"] == false)
    #expect(try Siftool.run("key", "list", "--keyring", revoked, in: directory).text.contains(", revoked\n"))
  }

  /// A ring that is cut, or has a byte that begins no packet: what stands before is listed, and nothing is written.
  @Test func damagedRings() throws {
    try makeRing()
    let first = try Tool.read(ring)
    #expect(try Siftool.run("key", "import", Fixture.path("keys/rsa2048.pub.asc"), in: directory).status == 0)
    let whole = try Tool.read(ring)
    var garbled = whole
    garbled[first.count] = 0x3F
    for (damaged, place) in [(Array(whole.dropLast(20)), nil), (garbled, first.count)] as [([UInt8], Int?)] {
      try Tool.write(ring, damaged)
      let list = try Siftool.run("key", "list", "--json", in: directory)
      #expect(list.status == 0)
      #expect(try keys(list).count == (place == nil ? 2 : 1))
      #expect(list.errors.hasPrefix("siftool: warning: \(ring): skipped: OpenPGP: "))
      if let place { #expect(list.errors.contains("(at byte \(place))")) }
      #expect(try Siftool.run("key", "list", "--quiet", in: directory).errors.isEmpty)
      let fingerprint = try #require(try keys(list).first?["fingerprint"]?.text)
      for arguments in [
        ["import", Fixture.path("keys/nistp256.pub.asc")], ["remove", fingerprint],
        ["new", "--user-id", "x", "--no-passphrase"],
      ] {
        let answer = try Siftool.run(["key"] + arguments, environment: ["HOME": directory.path])
        #expect(answer.status == 6, "\(arguments)")
        #expect(answer.errors.contains("\(ring): OpenPGP: "))
        #expect(answer.errors.contains("the ring is not changed"))
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
    #expect(
      try Siftool.run("key", "import", Fixture.path("keys/nistp256.pub.asc"), in: directory).status == 0)
    let longer = try Tool.read(ring)
    #expect(longer.starts(with: strange + known))
    let list = try Siftool.run("key", "list", "--json", in: directory)
    #expect(list.errors.contains("a key of version 9 (at byte"))
    let fingerprints = try keys(list).compactMap { $0["fingerprint"]?.text }
    #expect(fingerprints.count == 2)
    for fingerprint in fingerprints {
      #expect(try Siftool.run("key", "remove", fingerprint, in: directory).status == 0)
    }
    #expect(try Tool.read(ring) == strange)
  }

  /// Names in a ring may hold anything; a terminal gets to see none of it as it is.
  @Test func namesWithEscapes() throws {
    try makeRing()
    let name = Array("\u{1B}[2J\u{202E}evil".utf8)
    try Tool.write(ring, try Tool.read(ring) + [0xCD, UInt8(name.count)] + name)
    let text = try Siftool.run("key", "list", in: directory).output
    #expect(!text.contains(0x1B))
    #expect(String(decoding: text, as: UTF8.self).contains("\\x1b[2J\\u{202e}evil"))
    let document = try Siftool.run("key", "list", "--json", in: directory).output
    #expect(!document.contains(0x1B))
    #expect(try JSONParser.parse(document)["keys"]?.elements?.first?["userIds"]?.elements?.count == 2)
  }

  @Test func quiet() throws {
    try makeRing()
    let file = Fixture.path("keys/nistp256.pub.asc")
    let loud = try Siftool.run("key", "import", file, in: directory)
    #expect(loud.errors.hasPrefix("siftool: imported public key "))
    for option in ["-q", "--quiet"] {
      let fingerprint = String(
        try Siftool.run("key", "new", "--user-id", "x", "--no-passphrase", option, in: directory).text
          .dropLast())
      for arguments in [
        ["import", file], ["list"], ["export", fingerprint], ["export", "--secret", fingerprint],
        ["remove", fingerprint],
      ] {
        let answer = try Siftool.run(["key"] + arguments + [option], environment: ["HOME": directory.path])
        #expect(answer.status == 0)
        #expect(answer.errors.isEmpty)
      }
    }
  }

  @Test func sharedDirectories() throws {
    try makeRing()
    let folder = directory.file(".singularity/keys")
    #expect(try Siftool.run("key", "list", in: directory).errors.isEmpty)
    try Tool.check(["chmod", "750", folder])
    let entered = try Siftool.run("key", "list", in: directory)
    #expect(entered.status == 0)
    #expect(
      entered.errors == "siftool: warning: others can enter the key ring directory \(folder); chmod 700 it\n")
    #expect(try Siftool.run("key", "list", "-q", in: directory).errors.isEmpty)
    let image = Fixture.path("images/plain-types.sif")
    #expect(try Siftool.run("verify", image, in: directory).errors.isEmpty)
    try Tool.check(["chmod", "770", folder])
    #expect(
      try Siftool.run("verify", image, in: directory).errors.contains(
        "others can change the key ring directory"))
    #expect(try Siftool.run("verify", image, "--quiet", in: directory).errors.isEmpty)
  }

  /// GnuPG reads the exported secret key, and the text is what it was made of.
  @Test func exportOfSecrets() throws {
    for name in ["rsa4096", "ed25519", "locked", "subkeys"] {
      let file = Fixture.path("keys/\(name).sec.asc")
      #expect(try Siftool.run("key", "import", file, in: directory).status == 0)
      let listed = try keys(try Siftool.run("key", "list", "--secret", "--json", in: directory))
      let fingerprint = try #require(listed.last?["fingerprint"]?.text)
      let text = try Siftool.run("key", "export", "--secret", fingerprint, in: directory).output
      #expect(try GnuPG(importing: text).run(["--list-secret-keys", fingerprint]).status == 0)
      #expect(String(decoding: text, as: UTF8.self).split(separator: "\n").allSatisfy { $0.utf8.count <= 64 })
    }
    #expect(try keys(try Siftool.run("key", "list", "--secret", "--json", in: directory)).count == 4)
  }
}
