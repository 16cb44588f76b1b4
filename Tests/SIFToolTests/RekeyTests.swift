import Glibc
import TestSupport
import Testing

/// `rekey`: who opens an image, and that nobody is ever locked out.
@Suite struct RekeyTests {
  private let fixture: EncryptionFixture
  private let new: String

  init() throws {
    fixture = try EncryptionFixture()
    new = try fixture.directory.write("new", Array("another".utf8))
  }

  private func rekey(_ arguments: String...) throws -> ToolAnswer {
    // The cost is for a new key.
    try fixture.siftool(["rekey"] + arguments + (arguments.last == "--remove" ? [] : EncryptionFixture.cheap))
  }

  private func opens(_ image: String, _ key: String...) throws -> Bool {
    let answer = try fixture.siftool(["cat", image, "etc/file"] + key)
    #expect(answer.status == 0 && answer.text == "hello\n" || answer.status == 6, "\(answer.errors)")
    return answer.status == 0
  }

  @Test func passphrases() throws {
    let image = try fixture.encrypt("secret.sif")
    let payload = try fixture.dump(image, 2).dropFirst(1 << 20)
    // One more, then without the first.
    let kept = try rekey(image, "--passphrase-file", fixture.phrase, "--new-passphrase-file", new, "--keep")
    #expect(kept.status == 0, "\(kept.errors)")
    #expect(try opens(image, "--passphrase-file", fixture.phrase) && opens(image, "--passphrase-file", new))
    #expect(try rekey(image, "--passphrase-file", fixture.phrase, "--remove").status == 0)
    #expect(try !opens(image, "--passphrase-file", fixture.phrase) && opens(image, "--passphrase-file", new))
    // The last one stays, and an image stays as it is when nothing can be done.
    let before = try fixture.directory.read("secret.sif")
    let last = try rekey(image, "--passphrase-file", new, "--remove")
    #expect(last.status == 1 && last.errors.contains("the last one"), "\(last.errors)")
    #expect(try rekey(image, "--passphrase-file", new, "--keep", "--remove").status == 64)
    #expect(try rekey(image, "--passphrase-file", new).status == 6)
    #expect(try fixture.directory.read("secret.sif") == before)
    let replaced = try rekey(image, "--passphrase-file", new, "--new-passphrase-file", fixture.phrase)
    #expect(replaced.status == 0)
    #expect(try opens(image, "--passphrase-file", fixture.phrase) && !opens(image, "--passphrase-file", new))
    #expect(try fixture.dump(image, 2).dropFirst(1 << 20) == payload, "the data were touched")
    // There is room for three.
    for index in 0..<3 {
      let file = try fixture.directory.write("more\(index)", Array("more\(index)".utf8))
      let answer = try rekey(
        image, "--passphrase-file", fixture.phrase, "--new-passphrase-file", file, "--keep")
      #expect(answer.status == (index < 2 ? 0 : 1), "\(answer.errors)")
    }
  }

  /// Headers for which libcryptsetup would take any key for the right one.
  @Test func digestsThatRecogniseAnyKey() throws {
    let secret = try fixture.encrypt("secret.sif")
    let wrong = try fixture.directory.write("wrong", Array("wrong".utf8))
    for (name, value) in [("hash", "nope"), ("digest", "AAAA"), ("salt", ""), ("hash", "whirlpool")] {
      let image = try fixture.forge(secret, "forged.sif") { json in
        guard let digests = json.firstRange(of: "\"digests\""),
          let start = json[digests.upperBound...].firstRange(of: "\"\(name)\":\"")?.upperBound
        else { return json }
        return json[..<start] + value + json[start...].drop { $0 != "\"" }
      }
      let before = try fixture.directory.read("forged.sif")
      for key in [wrong, fixture.phrase] {
        let answer = try rekey(image, "--passphrase-file", key, "--new-passphrase-file", new)
        #expect(answer.status == 5 && answer.errors.contains("digest 0"), "\(name): \(answer.errors)")
        let read = try fixture.siftool(["cat", image, "etc/file", "--passphrase-file", key])
        #expect(read.status == 5 && read.errors.contains("digest 0"), "\(name): \(read.errors)")
      }
      #expect(try fixture.directory.read("forged.sif") == before)
      let check = try fixture.siftool(["check", image])
      #expect(check.status == 5 && check.text.contains("[encrypted-volume]"), "\(check.text)")
    }
  }

  /// What is encrypted has to be a squashfs: otherwise nothing vouches for the key.
  @Test func whatIsNoSquashfsKeepsItsKeys() throws {
    try fixture.encrypt("secret.sif")
    var bytes = try fixture.directory.read("secret.sif")
    let start = try #require(bytes.firstRange(of: [0x4C, 0x55, 0x4B, 0x53, 0xBA, 0xBE])).lowerBound
    bytes[start + (1 << 20)] ^= 1
    let image = try fixture.directory.write("other.sif", bytes)
    for change in [["--remove"], ["--new-passphrase-file", new]] {
      let answer = try fixture.siftool(
        ["rekey", image, "--passphrase-file", fixture.phrase] + change
          + (change.count == 1 ? [] : EncryptionFixture.cheap))
      #expect(answer.status == 5 && answer.errors.contains("not a squashfs"), "\(answer.errors)")
    }
    #expect(try fixture.directory.read("other.sif") == bytes)
  }

  /// Whoever shares the key that is removed cannot open the image any more: it is told whom that hits.
  @Test func recipientsWhoLoseAccess() throws {
    let mine = try fixture.key("pem-rsa.pem")
    let image = try fixture.encrypt("secret.sif", "--pem-path", try fixture.key("pem-rsa.pub.pem"))
    for name in ["a", "b"] {
      let theirs = fixture.file("\(name).pem")
      try Tool.check(["openssl", "genrsa", "-out", theirs, "2048"])
      try Tool.check(["openssl", "rsa", "-in", theirs, "-pubout", "-out", theirs + ".pub"])
      #expect(try rekey(image, "--pem-path", mine, "--keep", "--new-pem-path", theirs + ".pub").status == 0)
    }
    let answer = try rekey(image, "--pem-path", mine, "--new-pem-path", try fixture.key("pem-rsa.pub.pem"))
    #expect(answer.status == 0)
    #expect(
      answer.errors.contains("2 other recipients lose access: dropped messages 4, 5"), "\(answer.errors)")
    #expect(try opens(image, "--pem-path", mine) && !opens(image, "--pem-path", fixture.file("a.pem")))
    // Nobody else is there: nobody is warned of.
    let again = try rekey(image, "--pem-path", mine, "--new-pem-path", try fixture.key("pem-rsa.pub.pem"))
    #expect(again.status == 0 && !again.errors.contains("lose"), "\(again.errors)")
  }

  @Test func recipients() throws {
    let mine = try fixture.key("pem-rsa.pem")
    let image = try fixture.encrypt("secret.sif", "--pem-path", try fixture.key("pem-rsa.pub.pem"))
    let theirs = fixture.file("theirs.pem")
    let theirPublic = fixture.file("theirs.pub.pem")
    try Tool.check(["openssl", "genrsa", "-out", theirs, "2048"])
    try Tool.check(["openssl", "rsa", "-in", theirs, "-pubout", "-out", theirPublic])
    // One more reads the same key: no slot is needed for that.
    let added = try rekey(image, "--pem-path", mine, "--keep", "--new-pem-path", theirPublic, "--json")
    #expect(added.text.contains("\"addedKeySlot\": null"), "\(added.text)\(added.errors)")
    #expect(try opens(image, "--pem-path", mine) && opens(image, "--pem-path", theirs))
    // Only one of them from now on: a new key, and all messages with the old one go.
    #expect(try rekey(image, "--pem-path", mine, "--new-pem-path", theirPublic).status == 0)
    #expect(try !opens(image, "--pem-path", mine) && opens(image, "--pem-path", theirs))
    #expect(try fixture.siftool(["check", image]).status == 0)
    // From a key to a passphrase.
    #expect(try rekey(image, "--pem-path", theirs, "--new-passphrase-file", new).status == 0)
    #expect(try opens(image, "--passphrase-file", new) && !opens(image, "--pem-path", theirs))
    #expect(try !fixture.siftool(["list", image]).text.contains("Cryptographic"))
  }

  @Test func noRoomForAMessage() throws {
    let small = fixture.file("small.sif")
    try Siftool.check("new", small, "--capacity", "1")
    try fixture.add(
      small, try fixture.dump(fixture.plain, 2), "--datatype", "partition", "--parttype", "2", "--partfs",
      "1",
      "--partarch", "2")
    let image = fixture.file("secret.sif")
    let made = try fixture.siftool(
      ["encrypt", small, image, "--passphrase-file", fixture.phrase] + EncryptionFixture.cheap)
    #expect(made.status == 0, "\(made.errors)")
    let before = try fixture.directory.read("secret.sif")
    let key = try fixture.key("pem-rsa.pub.pem")
    let answer = try rekey(image, "--passphrase-file", fixture.phrase, "--new-pem-path", key)
    #expect(answer.status == 1 && answer.errors.contains("growing"), "\(answer.errors)")
    #expect(try fixture.directory.read("secret.sif") == before)
    let encrypted = try fixture.siftool(
      ["encrypt", small, fixture.file("never.sif"), "--pem-path", key] + EncryptionFixture.cheap)
    #expect(encrypted.status == 1 && encrypted.errors.contains("growing"))
    #expect(access(fixture.file("never.sif"), F_OK) != 0)
  }

  @Test func signaturesAreSpokenOf() throws {
    let image = try fixture.encrypt("secret.sif", "--sign-key", try fixture.key("pem-ed25519.pem"))
    let answer = try rekey(image, "--passphrase-file", fixture.phrase, "--new-passphrase-file", new)
    #expect(answer.errors.contains("no longer verifies"), "\(answer.errors)")
  }

  /// Killed between any two of its writes, the image opens with the old key or the new one, for cryptsetup too.
  @Test func killedAnywhere() throws {
    let start = try fixture.encrypt("start.sif")
    let image = fixture.file("secret.sif")
    // strace kills it in front of its n-th write to the image, or synchronisation of it.
    var outcomes: Set<String> = []
    for count in 0..<40 {
      try Tool.check(["cp", start, image])
      let answer = try Tool.run(
        [
          "strace", "-f", "-qq", "-o", "/dev/null", "-P", image, "-e", "trace=pwrite64,fdatasync", "-e",
          "inject=pwrite64,fdatasync:signal=KILL:when=\(count + 1)", Fixture.siftool, "rekey", image,
          "--passphrase-file",
          fixture.phrase, "--new-passphrase-file", new,
        ] + EncryptionFixture.cheap)
      let old = try opens(image, "--passphrase-file", fixture.phrase)
      let later = try opens(image, "--passphrase-file", new)
      #expect(old || later, "after \(count) writes nobody can open it")
      outcomes.insert("\(old) \(later)")
      let volume = try fixture.directory.write("volume", try fixture.dump(image, 2))
      let theirs = try Tool.run(
        ["cryptsetup", "open", "--test-passphrase", "--key-file", "-", volume],
        input: Array((old ? "secret" : "another").utf8))
      #expect(theirs.status == 0, "after \(count) writes: \(theirs.errors)")
      // And the next one goes on from there.
      let again = try rekey(
        image, "--passphrase-file", old ? fixture.phrase : new, "--new-passphrase-file", new, "--keep")
      #expect(again.status == 0, "\(again.errors)")
      if answer.status == 0 { break }
      #expect(count < 39, "it never comes to an end")
    }
    #expect(outcomes == ["true false", "true true", "false true"], "\(outcomes)")
  }
}
