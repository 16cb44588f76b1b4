import TestSupport
import Testing

/// Images that gocryptfs encrypts: Debian's gocryptfs makes and mounts them, and every command opens them.
@Suite struct GocryptfsTests {
  private let fixture: GocryptfsFixture

  init() throws { fixture = try GocryptfsFixture() }

  private func siftool(_ arguments: String..., environment: [String: String] = [:]) throws -> ToolAnswer {
    try Siftool.run(arguments, environment: environment, in: fixture.directory)
  }

  /// What we make, gocryptfs mounts, and finds our bytes; and the reverse.
  @Test func bothWays() throws {
    try fixture.encrypt("ours.sif")
    #expect(try siftool("list", "ours.sif").text.contains("|FS (Gocryptfs squashfs/*System/amd64)\n"))
    let mounted = try fixture.withFuse(
      """
      siftool dump 2 ours.sif > ours.squashfs; unsquashfs -q -n -d ours ours.squashfs > /dev/null
      ls ours | sed 's/[0-9]*$//'; gocryptfs -q -passfile phrase ours mnt; cmp mnt/squashfs-* plain.squashfs && echo same
      gocryptfs -fsck -passfile phrase ours > /dev/null 2>&1; echo $?; umount mnt
      """)
    #expect(mounted.text == "gocryptfs.conf\nsquashfs-\nsame\n0\n", "\(mounted.text) \(mounted.errors)")
    for options in ["-plaintextnames", "", "-deterministic-names", "-raw64=false"] {
      try fixture.make("theirs.sif", options)
      for command in [["ls", "theirs.sif", "/"], ["cat", "theirs.sif", "/noise"], ["tar", "theirs.sif"]] {
        let theirs = try Siftool.run(command + ["--passphrase-file", "phrase"], in: fixture.directory)
        let plain = try Siftool.run(
          command.map { $0 == "theirs.sif" ? "plain.sif" : $0 }, in: fixture.directory)
        #expect(theirs.output == plain.output && plain.status == 0, "\(options) \(command): \(theirs.errors)")
      }
      let answer = try Shell.check(
        "siftool decrypt theirs.sif back.sif --passphrase-file phrase; siftool dump 2 back.sif | cmp - plain.squashfs",
        in: fixture.directory)
      #expect(answer.errors == "siftool: opening partition 2: scrypt, 1 MiB\n", "\(answer.errors)")
    }
  }

  /// Every command that takes a key.
  @Test func everyCommand() throws {
    try fixture.encrypt("secret.sif")
    let key = ["--passphrase-file", "phrase"]
    func text(_ arguments: String...) throws -> String {
      let answer = try Siftool.run(arguments + key, in: fixture.directory)
      #expect(answer.status == 0, "\(arguments): \(answer.errors)")
      return answer.text
    }
    #expect(try text("check", "secret.sif").hasPrefix("sound"))
    #expect(
      try text("info", "2", "secret.sif").contains("    opens with the key\n    squashfs: zstd, 4 inodes"))
    #expect(try text("inspect", "secret.sif").contains("gocryptfs, aes-256-gcm, made by siftool"))
    #expect(try text("hash", "secret.sif").contains("secret.sif#2/etc/file"))
    #expect(try text("bodyfile", "secret.sif").contains("secret.sif#2/etc/file"))
    #expect(try text("report", "secret.sif").contains("aes-256-gcm"))
    // The map draws the partition as an encrypted one.
    try Siftool.check("map", "secret.sif", "--svg", "map.svg", in: fixture.directory)
    #expect(String(decoding: try fixture.directory.read("map.svg"), as: UTF8.self).contains("#7a4fa3"))
    _ = try text("extract", "secret.sif", "-C", "out", "--quiet")
    #expect(try Shell.run("diff -r rootfs out", in: fixture.directory).text == "")
    for command in ["ls", "cat", "tar", "extract", "decrypt", "exec", "run", "mount"] {
      let operands =
        ["ls": [], "cat": ["/etc/file"], "exec": ["true"], "decrypt": ["no"], "mount": ["mnt"]][command] ?? []
      let wrong = try Siftool.run(
        [command]
          + (command == "exec"
            ? ["--passphrase-file", "wrong", "secret.sif"] + operands
            : command == "extract"
              ? ["secret.sif", "-C", "none", "--passphrase-file", "wrong"]
              : command == "run"
                ? ["--passphrase-file", "wrong", "secret.sif"]
                : ["secret.sif"] + operands + ["--passphrase-file", "wrong"]),
        in: fixture.directory)
      #expect(
        wrong.status == 6 && wrong.errors.contains("gocryptfs.conf"),
        "\(command): \(wrong.status) \(wrong.errors)")
    }
    #expect(try Shell.run("ls -d no mnt/* out2; ls -A none mnt", in: fixture.directory).text == "mnt:\n")
    let none = try siftool("cat", "secret.sif", "/etc/file")
    #expect(none.status == 6 && none.errors.contains("--passphrase-file"))
    // Without a key: what is encrypted is no list of files.
    let hashes = try siftool("hash", "secret.sif")
    #expect(!hashes.text.contains("gocryptfs.conf") && hashes.errors.contains("is encrypted (gocryptfs)"))
    #expect(
      try siftool("info", "2", "secret.sif", "--encryption").text.contains("scrypt, N = 65536, r = 8, p = 1"))
    let rekey = try siftool("rekey", "secret.sif", "--passphrase-file", "phrase")
    #expect(rekey.status == 1 && rekey.errors.contains("decrypt the image, and encrypt it with the new key"))
    let twice = try siftool("encrypt", "secret.sif", "no", "--passphrase-file", "phrase")
    #expect(twice.status == 1 && twice.errors.contains("encrypted already"))
  }

  @Test func documents() throws {
    try fixture.encrypt("secret.sif")
    for (schema, arguments) in [
      ("encrypt", ["encrypt", "plain.sif", "x.sif", "--format", "gocryptfs", "--passphrase-file", "phrase"]),
      ("info", ["info", "2", "secret.sif", "--passphrase-file", "phrase"]),
      ("inspect", ["inspect", "secret.sif", "--passphrase-file", "phrase"]),
      ("decrypt", ["decrypt", "secret.sif", "y.sif", "--passphrase-file", "phrase"]),
      ("report", ["report", "secret.sif"]), ("scan", ["scan", "secret.sif"]),
    ] {
      let answer = try Siftool.run(arguments + (schema == "scan" ? [] : ["--json"]), in: fixture.directory)
      #expect(try JSONSchema.faults(of: answer.output, schema: schema) == "", "\(schema): \(answer.errors)")
      #expect(answer.text.contains("aes-256-gcm") || schema == "decrypt", "\(schema)")
    }
  }

  /// The message holds a line of text, as gocryptfs reads it, and openssl finds the same.
  @Test func recipients() throws {
    for name in ["pem-rsa.pem", "pem-rsa.pub.pem"] {
      try fixture.directory.write(name, try Fixture.read("keys/\(name)"))
    }
    try fixture.encrypt("secret.sif", key: "--pem-path pem-rsa.pub.pem --pem-path pem-rsa.pub.pem")
    #expect(try siftool("list", "secret.sif").text.contains("Cryptographic Message (PEM/RSA-OAEP)"))
    let read = try siftool("cat", "secret.sif", "/etc/file", "--pem-path", "pem-rsa.pem")
    #expect(read.text == "hello\n", "\(read.errors)")
    let mounted = try fixture.withFuse(
      """
      for id in 3 4; do
        siftool dump $id secret.sif | grep -v -- ----- | base64 -d | tail -c +5 | openssl pkeyutl -decrypt \
          -inkey pem-rsa.pem -pkeyopt rsa_padding_mode:oaep -pkeyopt rsa_oaep_md:sha256 > key-$id
      done; cmp key-3 key-4; grep -cE '^[0-9a-f]{64}$' key-3
      siftool dump 2 secret.sif > s.squashfs; unsquashfs -q -n -d s s.squashfs > /dev/null
      gocryptfs -q -passfile key-3 s mnt; cmp mnt/squashfs-* plain.squashfs && echo same; umount mnt
      SOURCE_DATE_EPOCH=1600000000 siftool decrypt secret.sif back.sif --pem-path pem-rsa.pem --quiet; cmp back.sif plain.sif && echo back
      """)
    #expect(mounted.text == "1\nsame\nback\n", "\(mounted.text) \(mounted.errors)")
  }

  /// As root and as a user who has no privilege: exec, mount, and both again with our own server alone.
  @Test func running() throws {
    try Shell.check(
      """
      mkdir -p app/bin; cp /bin/busybox app/bin/busybox; for n in sh cat id; do ln -s busybox app/bin/$n; done; echo inside > app/file
      siftool pack app app.sif --quiet; siftool encrypt app.sif run.sif --format gocryptfs --passphrase-file phrase
      chmod 644 run.sif phrase wrong; chmod 777 mnt; rm app.sif
      """, in: fixture.directory)
    let script = """
      siftool exec --passphrase-file phrase run.sif cat /file; SIFTOOL_PASSPHRASE=secret siftool exec run.sif id -u
      siftool exec --passphrase-file wrong run.sif cat /file; echo $?
      siftool mount run.sif mnt --passphrase-file phrase; cat mnt/file; siftool mount --list | grep -c "$PWD"; siftool unmount mnt
      ls -A mnt
      """
    let root = try fixture.withFuse(script)
    #expect(root.text == "inside\n0\n6\ninside\n1\n", "\(root.text) \(root.errors)")
    #expect(!root.errors.contains("cannot mount"))
    let user = try OrdinaryUser.run(script, in: fixture.directory)
    #expect(user.text == "inside\n65534\n6\ninside\n1\n", "\(user.text) \(user.errors)")
  }

  @Test func options() throws {
    for option in [
      ["--kdf", "pbkdf2"], ["--kdf-time", "5"], ["--sector-size", "512"], ["--luks-offset", "16M"],
    ] {
      let answer = try Siftool.run(
        ["encrypt", "plain.sif", "no", "--format", "gocryptfs", "--passphrase-file", "phrase"] + option,
        in: fixture.directory)
      #expect(
        answer.status == 64 && answer.errors.contains("\(option[0]) applies to --format luks"),
        "\(answer.errors)")
    }
    #expect(try siftool("encrypt", "plain.sif", "no", "--format", "ecryptfs").status == 64)
    try fixture.directory.write("lines", Array("two\nlines\n".utf8))
    let lines = try siftool(
      "encrypt", "plain.sif", "no", "--format", "gocryptfs", "--passphrase-file", "lines")
    #expect(lines.status == 64 && lines.errors.contains("one line"), "\(lines.errors)")
    #expect(try Shell.run("ls -A | grep -c '^no\\|^\\.'", in: fixture.directory).text == "0\n")
  }
}
