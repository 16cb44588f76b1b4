import Glibc
import StrictJSON
import TestSupport
import Testing

/// Every failure of `encrypt`, `decrypt` and `rekey` has its exit code and its name, and leaves nothing behind.
@Suite struct EncryptionFaultTests {
  let fixture: EncryptionFixture

  init() throws { fixture = try EncryptionFixture() }

  /// Expects a failure that leaves nothing behind; `OUT` stands for a new image.
  func expect(
    _ arguments: [String], _ status: Int32, _ text: String, _ location: SourceLocation = #_sourceLocation
  ) throws {
    let output = fixture.file("never.sif")
    let before = try Tool.check(["ls", "-A", fixture.directory.path]).text
    let answer = try fixture.siftool(arguments.map { $0 == "OUT" ? output : $0 })
    #expect(
      answer.status == status && answer.errors.contains(text), "\(answer.status): \(answer.errors)",
      sourceLocation: location)
    #expect(
      try Tool.check(["ls", "-A", fixture.directory.path]).text == before, "something is left behind",
      sourceLocation: location)
  }

  @Test func wrongKeys() throws {
    let secret = try fixture.encrypt("secret.sif")
    let wrong = try fixture.directory.write("wrong", Array("other".utf8))
    let empty = try fixture.directory.write("empty", [])
    let before = try fixture.directory.read("secret.sif")
    try expect(["decrypt", secret, "OUT", "--passphrase-file", wrong], 6, "opens no key slot")
    try expect(["ls", secret, "--passphrase-file", wrong], 6, "opens no key slot")
    try expect(
      ["rekey", secret, "--passphrase-file", wrong, "--new-passphrase-file", fixture.phrase], 6, "no key slot"
    )
    try expect(["decrypt", secret, "OUT"], 6, "encrypted")
    try expect(["encrypt", fixture.plain, "OUT"], 6, "a passphrase or key is needed")
    try expect(["encrypt", fixture.plain, "OUT", "--passphrase-file", empty], 6, "empty")
    #expect(try fixture.directory.read("secret.sif") == before)
    // RSA keys: too small, of another kind, another one's, none at all.
    let key = try fixture.key("pem-rsa.pem")
    try expect(["decrypt", secret, "OUT", "--pem-path", key], 6, "no cryptographic message")
    for (name, text) in [
      ("pem-rsa1024.pub.pem", "1024"), ("pem-ed25519.pub.pem", "RSA"), ("ed25519.pub.asc", "base64"),
    ] {
      try expect(["encrypt", fixture.plain, "OUT", "--pem-path", try fixture.key(name)], 6, text)
    }
    let usage = ["--passphrase-file", fixture.phrase, "--pem-path", try fixture.key("pem-rsa.pub.pem")]
    try expect(["encrypt", fixture.plain, "OUT"] + usage, 64, "exclude each other")
  }

  @Test func rsaKeysOfEverySize() throws {
    for bits in [2047, 2048, 4096, 8192, 8200] {
      let key = fixture.file("rsa\(bits).pem")
      try Tool.check(["openssl", "genrsa", "-traditional", "-out", key, "\(min(bits, 4096))"])
      if bits > 4096 || bits == 2047 {
        // Making such a key takes minutes: a public one of any odd number does for encrypting.
        try Tool.check([
          "python3", "-W", "ignore", "-c",
          """
          from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicNumbers
          from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
          n = (1 << (\(bits) - 1)) + 12345
          key = RSAPublicNumbers(65537, n).public_key()
          open('\(key)', 'wb').write(key.public_bytes(Encoding.PEM, PublicFormat.PKCS1))
          """,
        ])
      }
      let output = fixture.file("\(bits).sif")
      let answer = try fixture.siftool(
        ["encrypt", fixture.plain, output, "--pem-path", key] + EncryptionFixture.cheap)
      #expect(answer.status == ([2047, 8200].contains(bits) ? 6 : 0), "\(bits): \(answer.errors)")
      guard bits == 2048 || bits == 4096 else { continue }
      #expect(try fixture.siftool(["cat", output, "etc/file", "--pem-path", key]).text == "hello\n")
    }
  }

  @Test func theWrongWay() throws {
    let secret = try fixture.encrypt("secret.sif")
    let key = ["--passphrase-file", fixture.phrase]
    try expect(["decrypt", fixture.plain, "OUT"] + key, 1, "not encrypted")
    try expect(["rekey", fixture.plain, "--new-passphrase-file", fixture.phrase] + key, 1, "not encrypted")
    try expect(["encrypt", secret, "OUT"] + key, 1, "encrypted already")
    try expect(["encrypt", fixture.plain, "OUT", "--id", "1"] + key, 1, "not a partition")
    try expect(["encrypt", fixture.plain, "OUT", "--sector-size", "513"] + key, 64, "sector size")
    try expect(["encrypt", fixture.plain, "OUT", "--luks-offset", "1"] + key, 64, "multiple of 4096")
    try expect(["encrypt", fixture.plain, "OUT", "--kdf", "md5"] + key, 64, "--kdf")
    try expect(["encrypt", fixture.plain, "OUT", "--kdf-time", "1"] + key, 64, "too few")
    try expect(["encrypt", fixture.plain, "OUT", "--kdf-memory", "5000"] + key, 64, "memory")
    // Its type says squashfs, and it is none.
    let other = fixture.file("other.sif")
    try Siftool.check("new", other)
    try fixture.add(
      other, [UInt8](repeating: 7, count: 5000), "--datatype", "partition", "--parttype", "2", "--partfs",
      "1",
      "--partarch", "2")
    try expect(["encrypt", other, "OUT"] + key, 5, "not hold a squashfs")
  }

  @Test func truncatedAndForged() throws {
    let secret = try fixture.encrypt("secret.sif")
    let bytes = try fixture.directory.read("secret.sif")
    let key = ["--passphrase-file", fixture.phrase]
    let cut = try fixture.directory.write("cut.sif", Array(bytes.dropLast(5000)))
    try expect(["decrypt", cut, "OUT"] + key, 5, "truncated")
    // The volume alone is cut: the object is whole, and what it holds is not.
    let volume = try fixture.dump(secret, 2)
    let short = fixture.file("short.sif")
    try Siftool.check("new", short)
    try fixture.add(
      short, Array(volume.prefix(500_000)), "--datatype", "partition", "--parttype", "2", "--partfs", "5",
      "--partarch",
      "2")
    try expect(["decrypt", short, "OUT"] + key, 5, "after the volume's end")
    let check = try fixture.siftool(["check", short])
    #expect(check.status == 5 && check.text.contains("[encrypted-volume]"), "\(check.text)")
    // Both copies of the header damaged.
    let offset = try #require(bytes.firstRange(of: [0x4C, 0x55, 0x4B, 0x53, 0xBA, 0xBE])).lowerBound
    var damaged = bytes
    damaged[offset + 5000] ^= 1
    damaged[offset + 16384 + 5000] ^= 1
    let broken = try fixture.directory.write("broken.sif", damaged)
    try expect(["ls", broken] + key, 5, "neither copy")
    try expect(["rekey", broken, "--new-passphrase-file", fixture.phrase] + key, 5, "neither copy")
  }

  /// A cipher of LUKS's that is not the usual one, and one that opens only when it is allowed.
  @Test func otherCiphers() throws {
    let volume = fixture.file("volume")
    try Tool.check(["truncate", "-s", "18M", volume])
    let options = ["--type", "luks2", "--pbkdf", "pbkdf2", "--pbkdf-force-iterations", "1000"]
    for (cipher, bits, text) in [
      ("aes-cbc-essiv:sha256", "256", "aes-cbc-essiv:sha256"), ("aes-xts-plain64", "256", ""),
    ] {
      try Tool.check(
        [
          "cryptsetup", "luksFormat", "--batch-mode", "--key-file", "-", "--cipher", cipher, "--key-size",
          bits,
        ]
          + options + [volume], input: Array("secret".utf8))
      let image = fixture.file("cipher.sif")
      try Siftool.check("new", image)
      try fixture.add(
        image, try fixture.directory.read("volume"), "--datatype", "partition", "--parttype", "2", "--partfs",
        "5",
        "--partarch", "2")
      let key = ["--passphrase-file", fixture.phrase]
      if !text.isEmpty { try expect(["ls", image] + key, 1, text) }
      // It opens; what it holds is no squashfs.
      try expect(["ls", image, "--allow-cipher"] + key, 5, "squashfs")
    }
  }

  @Test func derivationsThatCostTooMuch() throws {
    let volume = fixture.file("volume")
    try Tool.check(["truncate", "-s", "18M", volume])
    try Tool.check(
      [
        "cryptsetup", "luksFormat", "--batch-mode", "--key-file", "-", "--pbkdf", "argon2id",
        "--pbkdf-memory",
        "32", "--pbkdf-force-iterations", "4", "--pbkdf-parallel", "1", volume,
      ], input: Array("secret".utf8))
    var bytes = try fixture.directory.read("volume")
    // The header says another cost, with a checksum that is right.
    let json = String(decoding: bytes[4096..<16384].prefix { $0 != 0 }, as: UTF8.self)
    let costly = json.replacing("\"memory\":32", with: "\"memory\":4294967295")
    #expect(costly != json)
    for start in [0, 16384] {
      let area = Array(costly.utf8) + [UInt8](repeating: 0, count: 12288 - costly.utf8.count)
      bytes.replaceSubrange(start + 4096..<start + 16384, with: area)
      for index in start + 448..<start + 512 { bytes[index] = 0 }
      let digest = try Tool.check(
        ["openssl", "dgst", "-sha256", "-binary"], input: Array(bytes[start..<start + 16384]))
      bytes.replaceSubrange(start + 448..<start + 480, with: digest.output)
    }
    let image = fixture.file("costly.sif")
    try Siftool.check("new", image)
    try fixture.add(
      image, bytes, "--datatype", "partition", "--parttype", "2", "--partfs", "5", "--partarch", "2")
    for arguments in [["ls", image], ["decrypt", image, "OUT"], ["check", image], ["info", "1", image]] {
      try expect(arguments + ["--passphrase-file", fixture.phrase], arguments[0] == "check" ? 0 : 1, "")
    }
    try expect(["ls", image, "--passphrase-file", fixture.phrase], 1, "more than 4096 MiB")
    // With permission it is tried, and fails for want of the memory.
    let allowed = try Tool.run([
      "prlimit", "--as=2000000000", Fixture.siftool, "ls", image, "--allow-kdf-cost", "--passphrase-file",
      fixture.phrase,
    ])
    #expect(allowed.status != 0 && allowed.status < 128, "\(allowed.errors)")
  }

  @Test func messagesOfAllKinds() throws {
    let pem = try fixture.key("pem-rsa.pem")
    let secret = try fixture.encrypt("secret.sif", "--pem-path", try fixture.key("pem-rsa.pub.pem"))
    let good = try fixture.dump(secret, 3)
    let body = good.split(separator: 0x0A).dropFirst().dropLast()
    func block(_ base64: [UInt8], _ label: String = "MESSAGE") -> [UInt8] {
      Array("-----BEGIN \(label)-----\n".utf8) + base64 + Array("\n-----END \(label)-----\n".utf8)
    }
    let other = try fixture.encrypt("other.sif", "--pem-path", try fixture.key("pem-rsa.pub.pem"))
    let cases: [(String, [UInt8])] = [
      ("no PEM", Array("hello".utf8)), ("no PEM at all", []),
      ("another label", block(Array(body.joined()), "KEY")),
      ("no base64", block(Array("!!!!".utf8))), ("no DER", block(Array("AAAA".utf8))),
      ("an empty octet string", block(Array("BAA=".utf8))),
      ("10 MB", [UInt8](repeating: 0x41, count: 10_000_000)),
      (
        "not OAEP",
        block(
          Array(body.joined()).enumerated().map {
            $0.offset == 60 ? ($0.element == 65 ? 66 : 65) : $0.element
          })
      ),
      ("another volume's key", try fixture.dump(other, 3)),
    ]
    for (name, message) in cases {
      let image = fixture.file("case.sif")
      try Tool.check(["cp", secret, image])
      try Siftool.check("del", "3", image, "--quiet")
      try fixture.add(
        image, message, "--datatype", "crypto-message", "--message-format", "pem", "--message-type",
        "rsa-oaep",
        "--link", "2")
      let (answer, memory) = try Siftool.measure([
        "decrypt", image, fixture.file("never.sif"), "--pem-path", pem,
      ])
      #expect(answer.status == 6, "\(name): \(answer.status) \(answer.errors)")
      #expect(memory < 64 << 20, "\(name)")
      #expect(access(fixture.file("never.sif"), F_OK) != 0)
      // Beside a good one none of them does harm.
      try fixture.add(
        image, good, "--datatype", "crypto-message", "--message-format", "pem", "--message-type", "rsa-oaep",
        "--link", "2")
      #expect(
        try fixture.siftool(["cat", image, "etc/file", "--pem-path", pem]).text == "hello\n", "\(name)")
    }
    try Tool.check(["openssl", "genrsa", "-out", fixture.file("stranger.pem"), "2048"])
    try expect(["decrypt", secret, "OUT", "--pem-path", fixture.file("stranger.pem")], 6, "not for this key")
    try Tool.check(["openssl", "genrsa", "-out", fixture.file("longer.pem"), "3072"])
    try expect(
      ["decrypt", secret, "OUT", "--pem-path", fixture.file("longer.pem")], 6, "2048 bits, not of 3072")
  }

  /// A squashfs whose length is no whole number of sectors.
  @Test func oddLengths() throws {
    let odd = fixture.file("odd.sif")
    try Tool.check([
      "mksquashfs", fixture.file("rootfs"), fixture.file("odd.squashfs"), "-nopad", "-quiet", "-no-progress",
    ])
    let squashfs = try fixture.directory.read("odd.squashfs")
    try #require(squashfs.count % 512 != 0)
    try Siftool.check("new", odd, environment: ["SOURCE_DATE_EPOCH": "1600000000"])
    try Siftool.check(
      "add", odd, fixture.file("odd.squashfs"), "--datatype", "partition", "--parttype",
      "2",
      "--partfs", "1", "--partarch", "2", environment: ["SOURCE_DATE_EPOCH": "1600000000"])
    let key = ["--passphrase-file", fixture.phrase]
    for sector in ["512", "4096"] {
      let secret = fixture.file("secret\(sector).sif")
      let made = try fixture.siftool(
        ["encrypt", odd, secret, "--sector-size", sector] + key + EncryptionFixture.cheap)
      #expect(made.status == 0, "\(made.errors)")
      let back = fixture.file("back\(sector).sif")
      #expect(try fixture.siftool(["decrypt", secret, back, "--quiet"] + key).errors == "")
      #expect(try Tool.read(back) == Tool.read(odd))
      #expect(try fixture.siftool(["cat", secret, "etc/file"] + key).text == "hello\n")
    }
  }

  @Test func aFullDisk() throws {
    let full = try Scratch()
    let secret = try fixture.encrypt("secret.sif")
    for command in [["encrypt", fixture.plain], ["decrypt", secret]] {
      let answer = try Tool.run(
        [
          "unshare", "--map-root-user", "--mount", "sh", "-c",
          "mount -t tmpfs -o size=1m tmpfs \(full.path) && \"$0\" \"$@\"; s=$?; ls -A \(full.path); exit $s",
          Fixture.siftool,
        ] + command + [full.file("out.sif"), "--passphrase-file", fixture.phrase, "--quiet"]
          + (command[0] == "encrypt" ? EncryptionFixture.cheap : []))
      #expect(answer.status == 7 && answer.errors.contains("No space left"), "\(answer.errors)")
      #expect(answer.text == "", "left behind: \(answer.text)")
    }
  }

  /// Ctrl-C at any time leaves the old state or the new one.
  @Test func interruptions() throws {
    let big = fixture.file("big.sif")
    try Tool.check(["sh", "-c", "head -c 150M /dev/zero > \(fixture.file("rootfs/zeros"))"])
    try Siftool.check(
      "pack", fixture.file("rootfs"), big, "--plain", "--arch", "amd64", "--compression",
      "lz4")
    let before = try Tool.check(["ls", "-A", fixture.directory.path]).text
    for pause in [5_000, 30_000, 60_000, 90_000, 130_000, 200_000] {
      let output = fixture.file("out.sif")
      let running = try Siftool.start(
        ["encrypt", big, output, "--passphrase-file", fixture.phrase] + EncryptionFixture.cheap)
      usleep(UInt32(pause))
      running.signal(SIGINT)
      let answer = try running.wait()
      if access(output, F_OK) == 0 {
        // It was done already, and is whole.
        #expect(try fixture.siftool(["check", output, "--passphrase-file", fixture.phrase]).status == 0)
        try Tool.check(["rm", output])
      } else {
        #expect(answer.status == 128 + SIGINT)
      }
      #expect(try Tool.check(["ls", "-A", fixture.directory.path]).text == before)
    }
  }

  /// A process that holds a secret leaves no core dump, and nobody else may look at its memory.
  @Test func secretsStayInside() throws {
    let secret = try fixture.encrypt("secret.sif")
    let pipe = fixture.file("pipe")
    try Tool.check(["mkfifo", pipe])
    let answer = try Tool.check([
      "bash", "-c",
      """
      exec 9<> \(pipe)
      \(Fixture.siftool) cat \(secret) etc/file --passphrase-file \(pipe) 2> /dev/null 9>&- &
      for _ in $(seq 1200); do
        grep -q 'Max core file size *0 *0' /proc/$!/limits && ls -l /proc/$!/fd | grep -q 'pipe$' && break
        sleep 0.05
      done
      grep 'Max core' /proc/$!/limits | tr -s ' '
      tr '\\0' ' ' < /proc/$!/cmdline | grep -c secret$
      printf secret >&9
      exec 9>&-
      wait $!
      """,
    ])
    #expect(answer.text == "Max core file size 0 0 bytes \n0\nhello\n", "\(answer.text)")
  }
}
