import Glibc
import StrictJSON
import TestSupport
import Testing

/// `encrypt`, `decrypt`, `rekey`, `pack --encrypt` and the key options of the other commands.
@Suite struct EncryptionCommandTests {
  private let fixture: EncryptionFixture

  init() throws { fixture = try EncryptionFixture() }

  private func siftool(_ arguments: String..., environment: [String: String] = [:]) throws -> ToolAnswer {
    try fixture.siftool(arguments, environment: environment)
  }

  @Test(arguments: ["512", "4096"], ["1MiB", "16MiB"])
  func thereAndBack(sector: String, offset: String) throws {
    let secret = try fixture.encrypt("secret.sif", "--sector-size", sector, "--luks-offset", offset)
    #expect(try siftool("list", secret).text.contains("|FS (Encrypted squashfs/*System/amd64)\n"))
    #expect(try siftool("check", secret).text.hasPrefix("sound"))
    let volume = try fixture.directory.write("volume", try fixture.dump(secret, 2))
    let dump = try Tool.check(["cryptsetup", "luksDump", volume]).text
    #expect(dump.contains("sector: \(sector) [bytes]"))
    #expect(dump.contains("offset: \(offset == "1MiB" ? 1 << 20 : 16 << 20) [bytes]"))
    #expect(
      try Tool.run(
        ["cryptsetup", "open", "--test-passphrase", "--key-file", "-", volume], input: Array("secret".utf8)
      ).status == 0)
    let back = fixture.file("back.sif")
    let answer = try siftool("decrypt", secret, back, "--passphrase-file", fixture.phrase)
    #expect(answer.status == 0 && answer.output.isEmpty)
    #expect(answer.errors == "siftool: opening partition 2: pbkdf2, 1000 iterations\n")
    #expect(try fixture.directory.read("back.sif") == fixture.directory.read("plain.sif"))
  }

  @Test func lookingInside() throws {
    let secret = try fixture.encrypt("secret.sif")
    let key = ["--passphrase-file", fixture.phrase]
    #expect(try fixture.siftool(["ls", secret, "etc"] + key).text == "file\n")
    #expect(try fixture.siftool(["cat", secret, "etc/file"] + key).text == "hello\n")
    #expect(
      try fixture.siftool(["cat", secret, "noise"] + key).output == fixture.directory.read("rootfs/noise"))
    #expect(
      try fixture.siftool(["extract", secret, "-C", fixture.file("out"), "--quiet"] + key).errors == "")
    #expect(
      try Tool.run(["diff", "-r", fixture.file("rootfs"), fixture.file("out")]).text == "")
    let names = try Tool.check(
      ["tar", "-tf", "-"], input: try fixture.siftool(["tar", secret] + key).output)
    #expect(names.text == "./\netc/\netc/file\nnoise\n")
    // Every place that a passphrase may come from.
    for variable in [
      "SIFTOOL_PASSPHRASE", "SINGULARITY_ENCRYPTION_PASSPHRASE", "APPTAINER_ENCRYPTION_PASSPHRASE",
    ] {
      #expect(try siftool("cat", secret, "etc/file", environment: [variable: "secret"]).text == "hello\n")
    }
    let descriptor = try Tool.run([
      "sh", "-c", "exec \(Fixture.siftool) cat \(secret) etc/file --passphrase-fd 3 3< \(fixture.phrase)",
    ])
    #expect(descriptor.text == "hello\n")
    let none = try siftool("cat", secret, "etc/file")
    #expect(none.status == 6 && none.errors.contains("--passphrase-file"), "\(none.errors)")
    // What is known without a key, and with it.
    let info = try siftool("info", "2", secret, "--encryption").text
    #expect(info.contains("LUKS2, aes-xts-plain64, 512-bit key, 4096-byte sectors, data at byte 1048576\n"))
    #expect(info.hasSuffix("key slot 0: pbkdf2, 1000 iterations\n"))
    #expect(try !siftool("info", "2", secret).text.contains("LUKS"))
    let opened = try fixture.siftool(["info", "2", secret] + key).text
    #expect(opened.contains("opens with the key: slot 0\n") && opened.contains("squashfs: zstd, 4 inodes"))
    #expect(try fixture.siftool(["inspect", secret] + key).text.contains("opens with the key: slot 0\n"))
    #expect(try fixture.siftool(["check", secret] + key).status == 0)
  }

  /// With RSA keys in every form, several recipients, and openssl in between.
  @Test func recipients() throws {
    let secret = try fixture.encrypt(
      "secret.sif", "--pem-path", try fixture.key("pem-rsa.pub.pem"), "--pem-path",
      try fixture.key("pem-rsa.pkcs1.pub.pem"))
    #expect(try siftool("list", secret).text.contains("Cryptographic Message (PEM/RSA-OAEP)"))
    let phrase = try fixture.directory.write("key-phrase", Array("correct horse".utf8))
    for key in ["pem-rsa.pem", "pem-rsa.pkcs1.pem"] {
      let answer = try siftool("cat", secret, "etc/file", "--pem-path", try fixture.key(key))
      #expect(answer.text == "hello\n", "\(key): \(answer.errors)")
    }
    let locked = try fixture.key("pem-rsa.aes256.pem")
    #expect(
      try siftool("cat", secret, "etc/file", "--pem-path", locked, "--passphrase-file", phrase).text
        == "hello\n")
    #expect(try siftool("cat", secret, "etc/file", "--pem-path", locked).status == 6)
    let variables = ["SINGULARITY_ENCRYPTION_PEM_PATH", "APPTAINER_ENCRYPTION_PEM_PATH"]
    for variable in variables {
      let environment = [variable: try fixture.key("pem-rsa.pem")]
      #expect(try siftool("cat", secret, "etc/file", environment: environment).text == "hello\n")
    }
    // openssl finds 64 bytes in either message, and they open the volume for cryptsetup.
    let volume = try fixture.directory.write("volume", try fixture.dump(secret, 2))
    for id in [3, 4] {
      let key = try Tool.check([
        "sh", "-c",
        """
        \(Fixture.siftool) dump \(id) \(secret) | grep -v -- ----- | base64 -d | tail -c +5 |
          openssl pkeyutl -decrypt -inkey \(try fixture.key("pem-rsa.pem")) -pkeyopt rsa_padding_mode:oaep \
          -pkeyopt rsa_oaep_md:sha256
        """,
      ]).output
      #expect(key.count == 64)
      let opened = try Tool.run(
        ["cryptsetup", "open", "--test-passphrase", "--key-file", "-", volume], input: key)
      #expect(opened.status == 0, "\(opened.errors)")
    }
    // Decrypting drops both messages and gives the image back.
    let back = fixture.file("back.sif")
    #expect(try siftool("decrypt", secret, back, "--pem-path", try fixture.key("pem-rsa.pem")).status == 0)
    #expect(try fixture.directory.read("back.sif") == fixture.directory.read("plain.sif"))
  }

  /// A message that openssl made, as a runtime would have made it with Go's library.
  @Test func aMessageOfOpenSSL() throws {
    let image = try fixture.encrypt("secret.sif")
    let key = (0..<64).map { UInt8($0 * 3) }
    let keyFile = try fixture.directory.write("random", key)
    let rekeyed = try siftool(
      "rekey", image, "--passphrase-file", fixture.phrase, "--new-passphrase-file", keyFile, "--kdf",
      "pbkdf2",
      "--kdf-time", "1000")
    #expect(rekeyed.status == 0, "\(rekeyed.errors)")
    let message = try Tool.check([
      "sh", "-c",
      """
      cd \(fixture.directory.path)
      openssl pkeyutl -encrypt -pubin -inkey \(try fixture.key("pem-rsa.pub.pem")) -pkeyopt rsa_padding_mode:oaep \
        -pkeyopt rsa_oaep_md:sha256 -in random > wrapped
      { printf '\\004\\202\\001\\000'; cat wrapped; } > der
      echo '-----BEGIN MESSAGE-----'; base64 -w 64 der; echo '-----END MESSAGE-----'
      """,
    ]).output
    try fixture.add(
      image, message, "--datatype", "crypto-message", "--message-format", "pem", "--message-type",
      "rsa-oaep", "--link", "2")
    let answer = try siftool("cat", image, "etc/file", "--pem-path", try fixture.key("pem-rsa.pem"))
    #expect(answer.text == "hello\n", "\(answer.errors)")
  }

  @Test func packingEncrypted() throws {
    let phrase = ["--passphrase-file", fixture.phrase]
    for sector in ["512", "4096"] {
      let packed = fixture.file("packed\(sector).sif")
      let answer = try fixture.siftool(
        [
          "pack", fixture.file("rootfs"), packed, "--plain", "--arch", "amd64", "--deffile",
          fixture.file("definition"), "--encrypt", "--sector-size", sector,
        ] + phrase + EncryptionFixture.cheap)
      #expect(answer.status == 0, "\(answer.errors)")
      let back = fixture.file("back\(sector).sif")
      #expect(try fixture.siftool(["decrypt", packed, back, "--quiet"] + phrase).status == 0)
      #expect(try Tool.read(back) == fixture.directory.read("plain.sif"))
    }
    let shared = fixture.file("shared.sif")
    let packed = try fixture.siftool(
      [
        "pack", fixture.file("rootfs"), shared, "--arch", "amd64", "--encrypt", "--pem-path",
        try fixture.key("pem-rsa.pub.pem"),
      ] + EncryptionFixture.cheap)
    #expect(packed.status == 0, "\(packed.errors)")
    #expect(
      try siftool("cat", shared, "etc/file", "--pem-path", try fixture.key("pem-rsa.pem")).text == "hello\n")
    let usage = try fixture.siftool(["pack", fixture.file("rootfs"), shared] + phrase)
    #expect(usage.status == 64)
  }

  @Test func signatures() throws {
    let signer = try fixture.key("pem-ed25519.pem")
    let verifier = try fixture.key("pem-ed25519.pub.pem")
    // One signature over everything, one over the definition file alone.
    for options in [[], ["--sif-id", "1"]] {
      let signed = try fixture.siftool(["sign", fixture.plain, "--key", signer, "--quiet"] + options)
      #expect(signed.status == 0, "\(signed.errors)")
    }
    let secret = fixture.file("secret.sif")
    let answer = try fixture.siftool(
      ["encrypt", fixture.plain, secret, "--passphrase-file", fixture.phrase, "--json"]
        + EncryptionFixture.cheap)
    #expect(
      answer.errors == "siftool: dropped: signature 3, which is not valid for the changed partition 2\n")
    let document = try JSONParser.parse(answer.output)
    #expect(document["droppedSignatures"] == [3])
    #expect(try siftool("verify", secret, "--sif-id", "1", "--key", verifier).status == 0)
    // Signed in the same run, and without the one that is not over everything.
    #expect(try siftool("del", "4", fixture.plain, "--quiet").status == 0)
    let signed = try fixture.siftool(
      ["encrypt", fixture.plain, secret, "--sign-key", signer, "--passphrase-file", fixture.phrase]
        + EncryptionFixture.cheap)
    #expect(signed.status == 0 && signed.errors.contains("siftool: signed: object 3\n"), "\(signed.errors)")
    #expect(try siftool("verify", secret, "--key", verifier).status == 0)
    let back = fixture.file("back.sif")
    let decrypted = try siftool("decrypt", secret, back, "--passphrase-file", fixture.phrase)
    #expect(decrypted.errors.contains("dropped: signature 3"))
    #expect(try siftool("verify", back, "--key", verifier).status == 2)
  }

  @Test func documents() throws {
    let secret = fixture.file("secret.sif")
    let public1 = try fixture.key("pem-rsa.pub.pem")
    let private1 = try fixture.key("pem-rsa.pem")
    let made = try fixture.siftool(
      ["encrypt", "--json", fixture.plain, secret, "--pem-path", public1] + EncryptionFixture.cheap)
    #expect(try JSONSchema.faults(of: made.output, schema: "encrypt") == "")
    #expect(try JSONParser.parse(made.output)["messages"] == [3])
    for arguments in [["info", "2"], ["inspect"]] {
      for key in [[], ["--pem-path", private1]] {
        let answer = try fixture.siftool(arguments + ["--json", secret] + key)
        #expect(try JSONSchema.faults(of: answer.output, schema: arguments[0]) == "", "\(answer.errors)")
      }
    }
    let rekeyed = try fixture.siftool(
      ["rekey", "--json", secret, "--pem-path", private1, "--new-passphrase-file", fixture.phrase]
        + EncryptionFixture.cheap)
    #expect(try JSONSchema.faults(of: rekeyed.output, schema: "rekey") == "", "\(rekeyed.errors)")
    #expect(try JSONParser.parse(rekeyed.output)["droppedMessages"] == [3])
    let back = try fixture.siftool(
      ["decrypt", "--json", secret, fixture.file("back.sif"), "--passphrase-file", fixture.phrase])
    #expect(try JSONSchema.faults(of: back.output, schema: "decrypt") == "", "\(back.errors)")
    let failed = try fixture.siftool(
      ["decrypt", "--json", fixture.plain, fixture.file("x"), "--passphrase-file", fixture.phrase])
    #expect(try JSONSchema.faults(of: failed.output, schema: "error") == "")
    #expect(try JSONParser.parse(failed.output)["error"]?["code"] == "not-encrypted")
  }

  /// The whole cycle as somebody without any privilege.
  @Test func asNobody() throws {
    let tool = fixture.file("siftool")
    let answer = try Tool.run([
      "sh", "-c",
      """
      set -e; cd \(fixture.directory.path); cp \(Fixture.siftool) siftool; mkdir work; chmod 755 . siftool; chmod 777 work
      chmod 644 phrase plain.sif; cd work; cp \(Fixture.root)/testdata/keys/pem-rsa*.pem .; chmod 644 *.pem
      cat > run <<'S'
      set -e
      cd \(fixture.directory.path)/work; cheap='--kdf pbkdf2 --kdf-time 1000 --quiet'
      grep -q 'CapEff:.*0000000000000000' /proc/self/status
      \(tool) encrypt ../plain.sif a.sif --pem-path pem-rsa.pub.pem $cheap
      \(tool) rekey a.sif --pem-path pem-rsa.pem --new-passphrase-file ../phrase $cheap
      \(tool) cat a.sif etc/file --passphrase-file ../phrase
      \(tool) extract a.sif -C out --passphrase-file ../phrase --quiet
      \(tool) decrypt a.sif b.sif --passphrase-file ../phrase --quiet
      \(tool) pack out c.sif --plain --arch amd64 --encrypt --passphrase-file ../phrase $cheap
      \(tool) ls c.sif --passphrase-file ../phrase
      S
      chmod 644 run
      exec setpriv --reuid=65534 --regid=65534 --clear-groups --inh-caps=-all --bounding-set=-all sh run
      """,
    ])
    #expect(answer.status == 0 && answer.text == "hello\netc\nnoise\n", "\(answer.text)\(answer.errors)")
    #expect(try fixture.dump(fixture.file("work/b.sif"), 2) == fixture.dump(fixture.plain, 2))
  }
}
