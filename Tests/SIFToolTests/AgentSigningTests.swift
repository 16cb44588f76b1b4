import TestSupport
import Testing

/// `sign --gpg`, with keys in a GnuPG home of the test's own.
@Suite struct AgentSigningTests {
  private let home: GnuPG
  private let directory: Scratch
  private let image: String

  init() throws {
    home = try GnuPG(
      importing: try Fixture.read("keys/rsa2048.sec.asc"), try Fixture.read("keys/nistp384.sec.asc"),
      try Fixture.read("keys/subkeys.sec.asc"), try Fixture.read("keys/ed25519.pub.asc"))
    directory = try Scratch()
    image = directory.file("image.sif")
    try Siftool.check("new", image, "--deterministic")
    let file = try directory.write("one", Array("one".utf8))
    try Siftool.check("add", image, file, "--datatype", "generic", "--groupid", "1")
  }

  private func siftool(_ arguments: [String], environment: [String: String] = [:]) throws -> ToolAnswer {
    let variables = [
      "HOME": directory.path, "GNUPGHOME": home.path, "SOURCE_DATE_EPOCH": "1704153600",
    ]
    return try Siftool.run(arguments, environment: variables.merging(environment) { $1 })
  }

  /// The fingerprints of a key and its subkeys.
  private func fingerprints(_ name: String) throws -> [String] {
    try home.run(["--with-colons", "--fingerprint", "--fingerprint", "--list-keys", name]).text
      .split(separator: "\n").filter { $0.hasPrefix("fpr:") }
      .map { String($0.split(separator: ":", omittingEmptySubsequences: false)[9]) }
  }

  @Test(arguments: ["rsa2048", "nistp384", "subkeys"])
  func keysThatGnuPGHolds(name: String) throws {
    let primary = try #require(try fingerprints(name).first)
    let signed = try siftool(["sign", image, "--gpg", primary])
    #expect(signed.status == 0, "\(signed.errors)")
    let verified = try siftool([
      "verify", image, "--key", Fixture.path("keys/\(name).pub.asc"), "--signer", primary,
    ])
    #expect(verified.status == 0, "\(verified.text)\(verified.errors)")
    let block = try siftool(["dump", "2", image]).output
    #expect(try home.isGood(block, now: 1_704_240_000))
    let reference = try GoOracle.run(["verify", image, Fixture.path("keys/\(name).pub.asc")])
    #expect(reference.status == 0, "\(reference.errors)")
  }

  /// The same key, text and time, with RSA: only the subpackets are gpg's own.
  @Test func theLayoutOfOurOwnSignatures() throws {
    let primary = try #require(try fingerprints("rsa2048").first)
    let other = directory.file("other.sif")
    try Tool.check(["cp", image, other])
    #expect(try siftool(["sign", image, "--gpg", primary]).status == 0)
    let key = try directory.write("key", try Fixture.read("keys/rsa2048.sec.asc"))
    #expect(try siftool(["sign", other, "--key", key]).status == 0)
    let blocks = try [image, other].map { try siftool(["dump", "2", $0]).text.split(separator: "\n") }
    let beginnings = blocks.map { $0.prefix { $0 != "-----BEGIN PGP SIGNATURE-----" } }
    #expect(beginnings[0] == beginnings[1])
    #expect(blocks.map(\.last) == ["-----END PGP SIGNATURE-----", "-----END PGP SIGNATURE-----"])
    let info = try [image, other].map { try siftool(["info", "2", $0]).text.split(separator: "\n") }
    let kept = info.map { $0.filter { $0.contains("Hash") || $0.contains("Entity") } }
    #expect(kept[0].count == 2)
    #expect(kept[0] == kept[1])
  }

  @Test func aSubkeyByItsFingerprint() throws {
    let all = try fingerprints("subkeys")
    let report = try siftool(["sign", image, "--gpg", all[1]])
    #expect(report.status == 0, "\(report.errors)")
    let verified = try siftool([
      "verify", image, "--key", Fixture.path("keys/subkeys.pub.asc"), "--signer", all[1],
    ])
    #expect(verified.status == 0, "\(verified.text)")
  }

  @Test func whatCannotSign() throws {
    let before = try directory.read("image.sif")
    let unknown = try siftool(["sign", image, "--gpg", String(repeating: "AB", count: 20)])
    #expect(unknown.status == 6)
    #expect(unknown.errors.contains("gpg has no key with the fingerprint ABAB"))
    // Its public part is there, its secret one is not.
    let open = try siftool(["sign", image, "--gpg", try #require(try fingerprints("ed25519").first)])
    #expect(open.status == 6)
    #expect(open.errors.contains("secret key"), "\(open.errors)")
    #expect(try siftool(["sign", image, "--gpg", "alice"]).status == 6)
    let missing = try siftool(
      ["sign", image, "--gpg", String(repeating: "AB", count: 20)], environment: ["PATH": "/nowhere"])
    #expect(missing.status == 6)
    #expect(missing.errors.contains("cannot run gpg: No such file or directory"))
    #expect(try siftool(["sign", image, "--gpg", "ab", "--key", "x"]).status == 64)
    #expect(try directory.read("image.sif") == before)
  }

  /// Without a terminal gpg-agent asks nobody: a locked key is an error, not a window or a wait.
  @Test func noPrompt() throws {
    let locked = try GnuPG(importing: try Fixture.read("keys/locked.sec.asc"))
    let listing = try locked.run(["--with-colons", "--list-keys"]).text.split(separator: "\n")
    let line = try #require(listing.first { $0.hasPrefix("fpr:") })
    let fingerprint = String(line.split(separator: ":", omittingEmptySubsequences: false)[9])
    let answer = try siftool(["sign", image, "--gpg", fingerprint], environment: ["GNUPGHOME": locked.path])
    #expect(answer.status == 6)
    #expect(answer.errors.contains("gpg: "), "\(answer.errors)")
  }
}
