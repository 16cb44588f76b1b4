import StrictJSON
import TestSupport
import Testing

/// Revocations and later words of a key's owner count wherever they stand, and on their own.
@Suite struct MisplacedRevocationTests {
  private let directory: Scratch
  private let gnupg: GnuPG
  private let fingerprint: String
  private let image: String
  /// The packets of the key: the key, its name and certification, a subkey and its binding.
  private let packets: [[UInt8]]
  private let revocation: [UInt8]

  init() throws {
    directory = try Scratch()
    gnupg = try GnuPG()
    fingerprint = try gnupg.makeKey("signer")
    try gnupg.check(["--quick-add-key", fingerprint, "cv25519", "encr", "0"])
    packets = try KeyPackets.split(try gnupg.check(["--export", "signer"]).output).map(\.bytes)
    try #require(packets.count == 5)
    revocation = try gnupg.run(["--dearmor"], input: Array(try gnupg.revocation(of: fingerprint).utf8)).output
    image = try signedImage(directory, gnupg, "signer")
  }

  private func expect(
    _ key: [UInt8], _ status: Int32, _ words: String, sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    let file = try directory.write("key", key)
    let answer = try Siftool.run("verify", image, "--key", file, in: directory)
    #expect(answer.status == status, "\(answer.text)\(answer.errors)", sourceLocation: sourceLocation)
    #expect(
      (answer.text + answer.errors).contains(words), "\(answer.text)\(answer.errors)",
      sourceLocation: sourceLocation)
  }

  @Test func aRevocationAnywhere() throws {
    try expect(packets.flatMap { $0 }, 0, "verdict: ok")
    for place in 0...packets.count {
      var shuffled = packets
      shuffled.insert(revocation, at: place)
      try expect(shuffled.flatMap { $0 }, 3, "its key was revoked")
    }
    // Behind another key, before it, and in a block of its own before and after the key's.
    let other = try gnupg.makeKey("other")
    let key = packets.flatMap { $0 }
    let foreign = try gnupg.check(["--export", other]).output
    try expect(key + foreign + revocation, 3, "its key was revoked")
    try expect(foreign + revocation + key, 3, "its key was revoked")
    let armored = try gnupg.run(["--enarmor"], input: key).text.replacing(
      "ARMORED FILE", with: "PUBLIC KEY BLOCK")
    let text = try gnupg.revocation(of: fingerprint)
    try expect(Array((armored + text).utf8), 3, "its key was revoked")
    try expect(Array((text + armored).utf8), 3, "its key was revoked")
    // GnuPG and Sequoia take the one in the right place, and the last two.
    #expect(try !isGoodForGnuPG([packets[0], revocation] + packets.dropFirst()))
    #expect(try !isGoodForGnuPG(packets + [revocation]))
  }

  private func isGoodForGnuPG(_ packets: some Sequence<[UInt8]>) throws -> Bool {
    let message = try Siftool.check("dump", "2", image).output
    return try GnuPG(importing: packets.flatMap { $0 }).isGood(message, now: 4_000_000_000)
  }

  /// One that is damaged, cut off, or made by unknown means may be right, so it counts where it names the key.
  @Test func revocationsThatCannotBeVerified() throws {
    let whole = try #require(try KeyPackets.split(revocation).first).bytes
    let body = Array(whole.dropFirst(whole.count - (try bodyCount(whole))))
    func changed(_ change: (inout [UInt8]) -> Void) -> [UInt8] {
      var copy = body
      change(&copy)
      return KeyPackets.packet(2, copy)
    }
    let key = packets.flatMap { $0 }
    for revocation in [
      changed { $0[2] = 99 }, changed { $0[3] = 99 }, changed { $0.removeLast(10) }, changed { $0.append(0) },
      // Version 3: a length, the type, the time, the key's ID.
      KeyPackets.packet(2, [3, 5, 0x20, 0, 0, 0, 0] + keyID(fingerprint) + [1, 8, 0, 0, 0, 0]),
    ] {
      try expect(packets[0] + revocation + packets.dropFirst().flatMap { $0 }, 3, "its key was revoked")
      try expect(key + revocation, 3, "its key was revoked")
      try expect(key + revocation, 3, "cannot be verified, and therefore counts")
    }
    try expect(Array((key + whole).dropLast(12)), 3, "its key was revoked")
    // A false one that can be read is nobody's, and one that names another key is about that.
    try expect(key + changed { $0[$0.count - 1] ^= 1 }, 0, "verdict: ok")
    let other = [UInt8](repeating: 7, count: 8)
    try expect(
      key + KeyPackets.packet(2, [3, 5, 0x20, 0, 0, 0, 0] + other + [1, 8, 0, 0, 0, 0]), 0, "verdict: ok")
  }

  private func bodyCount(_ packet: [UInt8]) throws -> Int {
    // An old header with one byte of length, as GnuPG writes it for short packets.
    try #require(packet[0] & 0x43 == 0)
    return packet.count - 2
  }

  private func keyID(_ fingerprint: String) -> [UInt8] {
    let digits = Array(fingerprint.suffix(16))
    return (0..<8).compactMap { UInt8(String(digits[2 * $0...2 * $0 + 1]), radix: 16) }
  }

  @Test func revocationCertificates() throws {
    let key = try directory.write("public", packets.flatMap { $0 })
    let text = try directory.write("revocation", try gnupg.revocation(of: fingerprint))
    let binary = try directory.write("binary", revocation)
    for file in [text, binary] {
      let home = try Scratch()
      let early = try Siftool.run("key", "import", file, in: home)
      #expect(early.status == 6)
      #expect(
        early.errors.contains("it revokes key \(fingerprint.suffix(16)), which is not in "), "\(early.errors)"
      )
      try Siftool.check("key", "import", key, in: home)
      #expect(try Siftool.run("verify", image, in: home).status == 0)
      let answer = try Siftool.run("key", "import", file, in: home)
      #expect(answer.status == 0, "\(answer.errors)")
      #expect(answer.errors == "siftool: imported a revocation of key \(fingerprint)\n")
      #expect(try Siftool.run("key", "list", in: home).text.contains(", revoked\n"))
      #expect(try Siftool.run("verify", image, in: home).status == 3)
      // A second time changes nothing; other programs find it where it belongs.
      let ring = try home.read(".singularity/keys/pgp-public")
      try Siftool.check("key", "import", file, in: home)
      #expect(try home.read(".singularity/keys/pgp-public") == ring)
      #expect(try GnuPG(importing: ring).check(["--with-colons", "--list-keys"]).text.contains("pub:r:"))
      // What is exported is revoked, too.
      let exported = try Siftool.check("key", "export", fingerprint, in: home).output
      try expect(exported, 3, "its key was revoked")
    }
    // Beside the key, in whichever order; alone it is no key.
    for files in [[key, text], [text, key]] {
      let answer = try Siftool.run(["verify", image] + files.flatMap { ["--key", $0] }, in: directory)
      #expect(answer.status == 3)
    }
    let alone = try Siftool.run("verify", image, "--key", text, in: directory)
    #expect(alone.status == 6)
    #expect(
      alone.errors.contains("only a revocation of key \(fingerprint.suffix(16)), not the key"),
      "\(alone.errors)")
    // The colon that GnuPG writes keeps anybody from importing one by mistake.
    let kept = try Siftool.run(
      "key", "import", "\(gnupg.path)/openpgp-revocs.d/\(fingerprint).rev", in: directory)
    #expect(kept.status == 6)
    #expect(kept.errors.contains("without the colon it counts"), "\(kept.errors)")
  }

  /// The secret key of a revoked key signs no more, and the revocation of another is refused.
  @Test func revocationCertificatesOfSecretKeys() throws {
    let key = try directory.write("secret", try gnupg.check(["--export-secret-keys", "signer"]).output)
    try Siftool.check("key", "import", key, in: directory)
    try Siftool.check("sign", image, in: directory)
    let forged = Array(revocation.dropLast()) + [revocation[revocation.count - 1] ^ 1]
    let false_ = try Siftool.run("key", "import", try directory.write("forged", forged), in: directory)
    #expect(false_.status == 6)
    #expect(false_.errors.contains("was not made by key"), "\(false_.errors)")
    try Siftool.check("key", "import", try directory.write("revocation", revocation), in: directory)
    let answer = try Siftool.run("sign", image, in: directory)
    #expect(answer.status == 6)
    #expect(answer.errors.contains("cannot sign: it was revoked"), "\(answer.errors)")
  }

  /// Sequoia writes revocations as a signature's block.
  @Test func revocationCertificatesOfSequoia() throws {
    let (key, file) = (directory.file("sequoia"), directory.file("sequoia.rev"))
    try Tool.check(["sq", "key", "generate", "-u", "s <s@example.org>", "-e", key, "--rev-cert", file])
    try Siftool.check("key", "import", key, in: directory)
    try Siftool.check("key", "import", file, in: directory)
    #expect(try Siftool.run("key", "list", in: directory).text.contains(", revoked\n"))
  }

  /// A name that is no longer valid counts from its revocation on; without any name nothing speaks for the key.
  @Test func everyNameRevoked() throws {
    func at(_ day: Int, _ arguments: String...) throws -> ToolAnswer {
      try gnupg.check(["--faked-system-time", "2020010\(day)T000000"] + arguments)
    }
    _ = try at(1, "--quick-generate-key", "old <old@example.org>", "ed25519", "sign", "0")
    let old = try #require(try gnupg.fingerprints(of: "old").first)
    let key = try at(1, "--export", "old").output
    _ = try at(2, "--quick-add-uid", old, "new <new@example.org>")
    _ = try at(4, "--quick-revoke-uid", old, "old <old@example.org>")
    let whole = try at(4, "--export", "old").output
    let secret = try directory.write("old", try at(4, "--export-secret-keys", "old").output)
    let known = try KeyPackets.split(key).map(\.bytes)
    // The revocation and the new name with its certification; only the first is about the old name.
    let added = try KeyPackets.split(whole).map(\.bytes).filter { !known.contains($0) }
    let revocation = try #require(added.first { $0[0] >> 2 & 15 == 2 && $0[3] == 0x30 })
    for (day, status, words) in [(3, 0, "verdict: ok"), (5, 3, "all its user ids were revoked")]
      as [(Int, Int32, String)]
    {
      let image = directory.file("day\(day).sif")
      try Tool.check(["cp", self.image, image])
      try Siftool.check("del", "2", image)
      let time = try Tool.check(["date", "-u", "-d", "2020-01-0\(day)", "+%s"]).text.dropLast()
      try Siftool.check("sign", image, "--key", secret, environment: ["SOURCE_DATE_EPOCH": String(time)])
      for packets in [
        known + [revocation], [known[0], revocation] + known.dropFirst(), [revocation] + known,
      ] {
        let file = try directory.write("key", packets.flatMap { $0 })
        let answer = try Siftool.run("verify", image, "--key", file, in: directory)
        #expect(answer.status == status, "\(answer.text)\(answer.errors)")
        #expect(answer.text.contains(words), "\(answer.text)\(answer.errors)")
      }
      let both = try Siftool.run("verify", image, "--key", try directory.write("both", whole), in: directory)
      #expect(both.status == 0, "\(both.text)")
    }
    let list = try Siftool.run("key", "list", "--keyring", directory.file("key"), in: directory).text
    #expect(list.contains("all its user ids were revoked"), "\(list)")
    #expect(!list.contains(", revoked"))
  }

  /// More signatures than any key has: refused at once, in whichever order they come.
  @Test func shuffledBlocksOfManySignatures() throws {
    let binding = packets[4]
    var many: [[UInt8]] = []
    for number in 0..<10_000 {
      var copy = binding
      copy[copy.count - 1] = UInt8(number & 255)
      copy[copy.count - 2] = UInt8(number >> 8)
      many.append(copy)
    }
    try expect(
      packets[0] + many.flatMap { $0 } + packets.dropFirst().flatMap { $0 }, 6, "more than 1000 signatures")
    try expect(packets.flatMap { $0 } + many.flatMap { $0 }, 6, "more than 1000 signatures")
    // Also if only the second copy of the key has them, and a revocation might be among those left out.
    try expect(packets.flatMap { $0 } + packets[0] + many.flatMap { $0 }, 6, "more than 1000 signatures")
  }
}

/// A signed image with one object.
func signedImage(_ directory: Scratch, _ gnupg: GnuPG, _ name: String) throws -> String {
  let image = directory.file("image-\(name).sif")
  try Siftool.check("new", image)
  try Siftool.check(
    "add", image, try directory.write("one", "one"), "--datatype", "generic", "--groupid", "1")
  let secret = try directory.write("\(name).secret", try gnupg.check(["--export-secret-keys", name]).output)
  try Siftool.check("sign", image, "--key", secret)
  return image
}
