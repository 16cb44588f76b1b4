import StrictJSON
import TestSupport
import Testing

/// Images whose LUKS header has numbers that nobody expects.
@Suite struct EncryptionNumbersTests {
  private let fixture: EncryptionFixture
  private var key: [String] { ["--passphrase-file", fixture.phrase] }

  init() throws { fixture = try EncryptionFixture() }

  /// Numbers that libcryptsetup would work with for hours, or that make any key the right one.
  @Test func damaged() throws {
    let secret = try fixture.encrypt("secret.sif")
    for (old, new, sentence) in [
      (#","key_size":64},"kdf""#, #","key_size":2147483647},"kdf""#, "2147483647 bytes"),
      (#""stripes":4000"#, #""stripes":4001"#, "out of range"),
      (#""size":"258048""#, #""size":"1015809""#, "outside of the header"),
      (#""keyslots_size":"1015808""#, #""keyslots_size":"1015809""#, "header's sizes"),
    ] {
      let forged = try fixture.forge(secret, "forged.sif") { $0.replacing(old, with: new) }
      for command in ["ls", "check", "tar"] {
        let answer = try fixture.siftool([command, forged] + key)
        #expect(answer.status == 5, "\(new): \(command) \(answer.text)\(answer.errors)")
        #expect((answer.text + answer.errors).contains(sentence), "\(new): \(answer.text)\(answer.errors)")
      }
      #expect(try fixture.siftool(["check", forged]).text.contains("error    byte"))
    }
  }

  /// What takes long is said by `check` as well, which needs no key for that.
  @Test func costly() throws {
    let secret = try fixture.encrypt("secret.sif", "--kdf", "argon2id", "--kdf-time", "4")
    for (old, new, sentence) in [
      (#""cpus":"#, #""cpus":4000,"was":"#, "takes 4000 threads at once for key slot 0"),
      (#""time":4"#, #""time":900"#, "takes too long"),
      (#""memory":65536"#, #""memory":4194305"#, "takes more than 4096 MiB"),
    ] {
      let forged = try fixture.forge(secret, "forged.sif") { $0.replacing(old, with: new) }
      let answer = try fixture.siftool(["ls", forged] + key)
      #expect(answer.status == 1 && answer.errors.contains(sentence), "\(new): \(answer.errors)")
      let check = try fixture.siftool(["check", forged])
      #expect(check.status == 0 && check.text.contains(sentence), "\(new): \(check.text)")
      #expect(check.text.contains("1 warning") && !check.text.contains("sound"), "\(new): \(check.text)")
    }
  }

  /// A key slot that holds another key than that of the data, as cryptsetup makes it: nothing is different but `info`.
  @Test func unboundKeySlots() throws {
    let volume = try fixture.directory.write("volume", try fixture.dump(try fixture.encrypt("secret.sif"), 2))
    try Tool.check([
      "cryptsetup", "luksAddKey", "--batch-mode", "--unbound", "--key-size", "256", "--pbkdf", "pbkdf2",
      "--pbkdf-force-iterations", "1000", volume, try fixture.directory.write("other", Array("other".utf8)),
    ])
    let image = fixture.file("unbound.sif")
    try Siftool.check("new", image)
    try fixture.add(
      image, try fixture.directory.read("volume"), "--datatype", "partition", "--parttype", "2", "--partfs",
      "5", "--partarch", "2")
    let check = try fixture.siftool(["check", image])
    #expect(check.status == 0 && check.text.hasPrefix("sound"), "\(check.text)")
    #expect(try fixture.siftool(["check", image] + key).status == 0)
    #expect(try fixture.siftool(["cat", image, "etc/file"] + key).text == "hello\n")
    #expect(try fixture.siftool(["ls", image, "--passphrase-file", fixture.file("other")]).status == 6)
    let info = try fixture.siftool(["info", "1", image, "--encryption"]).text
    #expect(info.contains("512-bit key") && info.contains("key slot 1 (unbound: opens no data):"), "\(info)")
    let rekey = try fixture.siftool(
      ["rekey", image, "--new-passphrase-file", try fixture.directory.write("new", Array("new".utf8))] + key
        + EncryptionFixture.cheap)
    #expect(rekey.status == 0, "\(rekey.errors)")
    let new = ["--passphrase-file", fixture.file("new")]
    #expect(try fixture.siftool(["cat", image, "etc/file"] + new).text == "hello\n")
    #expect(try fixture.siftool(["ls", image] + key).status == 6)
    #expect(try fixture.siftool(["rekey", image, "--remove"] + new).status == 1)
    // The slot that was there stays, and opens as before.
    let after = try fixture.directory.write("after", try fixture.dump(image, 1))
    try Tool.check([
      "cryptsetup", "open", "--test-passphrase", "--unbound", "--key-slot", "1", "--key-file",
      fixture.file("other"), after,
    ])
  }
}
