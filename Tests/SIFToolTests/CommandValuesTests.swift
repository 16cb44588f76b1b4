import StrictJSON
import TestSupport
import Testing

/// Values that cannot be meant, and options that would do nothing: 64, the name of the option, and the line with help.
@Suite struct CommandValuesTests {
  private let fixture: EncryptionFixture
  private var directory: Scratch { fixture.directory }

  init() throws {
    fixture = try EncryptionFixture()
    try fixture.encrypt("secret.sif")
    try directory.write("text", "not a list\nof anything\n")
  }

  private func refuses(
    _ command: String, _ words: String, status: Int32 = 64, sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    let answer = try Shell.run("siftool \(command)", with: "bash", in: directory)
    #expect(answer.status == status, "\(command): \(answer.errors)", sourceLocation: sourceLocation)
    let lines = answer.errors.split(separator: "\n")
    #expect(lines.first ?? "" == "siftool: \(words)", "\(command)", sourceLocation: sourceLocation)
    #expect(
      lines.count == (status == 64 ? 2 : 1), "\(command): \(answer.errors)", sourceLocation: sourceLocation)
    #expect(
      status != 64 || lines.last?.hasPrefix("Try 'siftool ") ?? false, "\(command)",
      sourceLocation: sourceLocation)
  }

  @Test func helpOnWhatDoesNotExist() throws {
    for (command, words) in [
      ("help bogus", "siftool has no command bogus"), ("help key bogus", "key has no command bogus"),
      ("help list extra", "list has no command extra"), ("--help bogus", "siftool has no command bogus"),
      ("key -h bogus", "key has no command bogus"), ("help --bogus", "help has no option --bogus"),
      ("''", "siftool has no command \"\""), ("key ''", "key has no command \"\""),
      ("---completion list -- x", "---completion is only for completion scripts"),
    ] { try refuses(command, words) }
    for command in [["list"], ["key", "new"], []] {
      #expect(try Siftool.check(["help"] + command).output == Siftool.check(command + ["--help"]).output)
    }
  }

  @Test func optionsThatWouldDoNothing() throws {
    for (option, type) in [
      ("--parttype bogus", "partition"), ("--partfs ''", "partition"), ("--partarch amd64", "partition"),
      ("--signhash bogus", "signature"), ("--signentity zz", "signature"), ("--sbomformat x", "sbom"),
      ("--message-format bogus", "crypto-message"), ("--message-type bogus", "crypto-message"),
    ] {
      let name = option.prefix { $0 != " " }
      try refuses("add plain.sif text --datatype generic \(option)", "\(name) needs --datatype \(type)")
    }
    for option in [
      "--kdf x", "--kdf-memory 1G", "--kdf-time 9", "--sector-size 7", "--luks-offset 3", "--pem-path x",
      "--passphrase-file x", "--passphrase-fd 3",
    ] {
      try refuses(
        "pack rootfs x.sif --arch amd64 \(option)", "\(option.prefix { $0 != " " }) needs --encrypt")
    }
    try refuses("pack rootfs x.sif --compression lz4 --level 99", "--level does not apply: lz4 has no levels")
    for (command, files) in [("encrypt", "plain.sif x.sif"), ("decrypt", "secret.sif x.sif")] {
      for option in ["--sign-passphrase-file nothing", "--sign-passphrase-fd 3"] {
        try refuses(
          "\(command) \(files) --passphrase-file phrase \(option)",
          "\(option.prefix { $0 != " " }) needs --sign or --sign-key")
      }
    }
    try refuses(
      "rekey secret.sif --remove --kdf-time 9", "--kdf-time is for a new key, and --remove makes none")
    for option in ["--id 2", "--prefix .", "--passphrase-file x"] {
      try refuses(
        "hash plain.sif --only file --only objects \(option)",
        "\(option.prefix { $0 != " " }) is about the files in partitions, which --only leaves out")
    }
    for option in ["--id 1", "--fuse", "--verify", "--pem-path x"] {
      try refuses(
        "mount --list \(option)",
        "\(option.prefix { $0 != " " }) is for mounting an image, and --list only lists them")
    }
    let document = try Siftool.run("hash", fixture.plain, "--json", "--only", "file", "--id", "2")
    #expect(try JSONParser.parse(document.output)["error"]?["code"]?.text == "usage")
  }

  @Test func aValueIsNamedByItsOption() throws {
    for (command, words) in [
      ("new x.sif --capacity=-1", "--capacity: a capacity of -1 descriptors is not between 0 and 131072"),
      (
        "new x.sif --launch \(String(repeating: "x", count: 32))",
        "--launch: the launch script is 32 bytes long; 31 is the most"
      ),
      ("new x.sif --id x", "--id: \"x\" is not a UUID"),
      ("grow plain.sif --capacity 131073", "--capacity: 131073 descriptors are more than 131072"),
      ("grow plain.sif --capacity 1", "--capacity: the image already has 48 descriptors; 1 is not more"),
      (
        "add plain.sif text --datatype generic --filename \(String(repeating: "n", count: 129))",
        "--filename: the name is 129 bytes long; 128 is the most"
      ),
      (
        "add plain.sif text --datatype generic --link-group 268435456",
        "--link-group: 268435456 is not a valid id to link to: they go from 1 to 268435455"
      ),
      (
        "add plain.sif text --datatype generic --link 0",
        "--link: 0 is not a valid id to link to: they go from 1 to 268435455"
      ),
      (
        "add plain.sif text --datatype generic --link-group 0",
        "--link-group: 0 is not a valid id to link to: they go from 1 to 268435455"
      ),
      (
        "add plain.sif text --datatype generic --alignment=-1",
        "the value '-1' is invalid for '--alignment <size>'"
      ),
      (
        "pack rootfs x.sif --block-size 512",
        "--block-size: a block size of 512: not a power of two from 4 KiB to 1 MiB"
      ),
      ("pack rootfs x.sif --level=-1", "--level: level -1 of zstd; 1...22 are possible"),
      ("pack rootfs x.sif --label a=1 --label a=2", "--label a is given twice, and is one label"),
      (
        "exec --bind : plain.sif true",
        "--bind: a bind is SOURCE[:TARGET[:OPTIONS]] with options of ro, rw, image-src=PATH, id=N and nonested, not \":\""
      ),
      ("exec --env X plain.sif true", "--env: \"X\" is not an assignment NAME=VALUE"),
      (
        "exec --env-file text plain.sif true",
        "--env-file: line 1 of text: \"not\" is not an assignment NAME=VALUE"
      ),
      (
        "exec --security seccomp:text plain.sif true",
        "--security: text is not a seccomp profile: JSON: an unexpected byte (at byte 1)"
      ),
      ("exec --hostname $'a\\nb' plain.sif true", "--hostname: a host name has no control characters"),
      ("exec --cpu-shares 0 plain.sif true", "--cpu-shares: this has to be a whole number from 2 to 262144"),
      ("exec --cpuset-cpus x plain.sif true", "--cpuset-cpus: this has to be a list such as 0-2,5"),
      (
        "exec --blkio-weight 5 plain.sif true",
        "--blkio-weight: this has to be a whole number from 10 to 1000"
      ),
      ("exec --pids-limit 0 plain.sif true", "--pids-limit: this has to be above 0, or -1 for no limit"),
      (
        "exec --memory-swap 1 plain.sif true",
        "--memory-swap: this is memory and swap together: it needs a limit on memory"
      ),
    ] { try refuses(command, words) }
    let start = "encrypt plain.sif x.sif --passphrase-file phrase"
    for (option, words) in [
      ("--sector-size 7", "--sector-size: the sector size must be 512, 1024, 2048 or 4096"),
      (
        "--luks-offset 512",
        "--luks-offset: the data must begin at a multiple of 4096 bytes from 512 KiB to 128 MiB"
      ),
      ("--kdf-memory=4KB", "--kdf-memory: 3 KiB of memory are not between 32 KiB and 4 GiB"),
      ("--kdf-time 1", "--kdf-time: 1 passes of Argon2 are too few; the minimum is 4"),
    ] { try refuses("\(start) \(option)", words) }
  }

  /// A key that nothing needs is not read, by any command; a number that no descriptor has is refused by all.
  @Test func aKeyOfAPlainImage() throws {
    for command in [
      "ls IMAGE", "cat IMAGE etc/file", "extract IMAGE -C out$RANDOM", "tar IMAGE", "check IMAGE",
      "hash IMAGE",
      "bodyfile IMAGE", "report IMAGE", "inspect IMAGE", "info 2 IMAGE", "info 2 IMAGE --json",
    ] {
      let words = command.replacing("IMAGE", with: "plain.sif")
      for key in ["--passphrase-file nothing", "--pem-path nothing", "--passphrase-fd 99"] {
        let answer = try Shell.run("siftool \(words) \(key) > out", with: "bash", in: directory)
        #expect(answer.status == 0, "\(words) \(key): \(answer.errors)")
      }
      try refuses("\(words) --passphrase-fd=-1 > out", "the value '-1' is invalid for '--passphrase-fd <n>'")
      try refuses(
        "\(words) --passphrase-fd 3 --passphrase-file phrase > out",
        "--passphrase-fd and --passphrase-file exclude each other")
    }
    try refuses(
      "encrypt plain.sif x --sign --sign-passphrase-fd 3 --sign-passphrase-file phrase",
      "--sign-passphrase-fd and --sign-passphrase-file exclude each other")
    // Before the old key is derived, which may take long.
    let rekey = "rekey secret.sif --passphrase-file phrase --new-passphrase-file"
    try refuses("\(rekey) text --new-pem-path b", "a new passphrase and --new-pem-path exclude each other")
    try refuses("\(rekey) nothing", "cannot open nothing: No such file or directory", status: 7)
  }

  @Test func listsThatAreNone() throws {
    try refuses(
      "hash plain.sif --against text", "text: line 1 of the list is not a digest and a name", status: 5)
    try refuses(
      "scan . --resume text", "text: line 1 of the records is not a JSON object; nothing was changed",
      status: 5)
    try refuses("hash plain.sif --id 1 --only files", "plain.sif: object 1 is not a partition", status: 1)
    let missing = try Siftool.run("hash", fixture.plain, "--id", "77", "--json")
    #expect(try JSONParser.parse(missing.output)["error"]?["object"]?.integer == 77)
    let plain = try Siftool.run("decrypt", fixture.plain, fixture.file("x.sif"), "--json")
    let error = try #require(try JSONParser.parse(plain.output)["error"])
    #expect(error["object"]?.integer == 2)
    #expect(error["message"]?.text == "\(fixture.plain): partition 2 is not encrypted")
  }

  @Test func aManifestIsOpenedFirst() throws {
    try refuses(
      "extract plain.sif -C out --manifest nothing/m",
      "cannot create a file in nothing: No such file or directory", status: 7)
    #expect(try Shell.run("test -e out", in: directory).status == 1)
  }

  /// Sentences show what is not shown elsewhere, and name the file that is at fault.
  @Test func sentences() throws {
    for (command, status, words) in [
      (#"header $'bad\xff.sif'"#, 7, #"cannot open bad\xff.sif: No such file or directory"#),
      (#"$'\xff\xfe'"#, 64, #"siftool has no command \xff\xfe"#),
      (#"list $'--b\xff'"#, 64, #"list has no option --b\xff"#),
      (
        #"extract x --threads=$'\e[31mx\ny'"#, 64, #"the value '\x1b[31mx\ny' is invalid for '--threads <n>'"#
      ),
      (#"extract x --threads=$'-x\ny'"#, 64, #"the value '-x\ny' is invalid for '--threads <n>'"#),
      (
        #"verify x --signer $'\xff'"#, 64,
        #"--signer "\xff" is not a fingerprint, which has 40 or 64 hexadecimal digits, or for a PEM key SHA256: and 43 characters"#
      ),
      ("check --repair rootfs", 5, "rootfs: not a SIF image: it is a directory"),
      ("tar plain.sif -o /dev/full", 7, "cannot write to /dev/full: No space left on device"),
      ("tar plain.sif > /dev/full", 7, "cannot write to standard output: No space left on device"),
      ("list plain.sif > /dev/full", 7, "cannot write to standard output: No space left on device"),
      ("cat plain.sif noise > /dev/full", 7, "cannot write to standard output: No space left on device"),
      ("new rootfs", 7, "cannot replace rootfs: Is a directory"),
      ("cat plain.sif ''", 64, "the value '' is invalid for '<paths>'"),
      ("ls plain.sif ''", 64, "the value '' is invalid for '<paths>'"),
      ("encrypt plain.sif x --pem-path text", 6, "text: there is no public key in the file"),
    ] as [(String, Int32, String)] { try refuses(command, words, status: status) }
    let json = try Shell.run(#"siftool header --json $'bad\xff'"#, with: "bash", in: directory)
    #expect(
      try JSONParser.parse(json.output)["error"]?["message"]?.text
        == #"cannot open bad\xff: No such file or directory"#)
  }

  /// `-` is a standard stream for every input, and for each output that is written from beginning to end.
  @Test func standardStreams() throws {
    for (command, name) in [
      ("new -", "the image"), ("pack rootfs - --arch amd64", "the image"),
      ("check plain.sif --salvage -", "--salvage"),
      ("encrypt plain.sif - --passphrase-file phrase", "the output"), ("map plain.sif --svg -", "--svg"),
      ("extract plain.sif -C out --manifest -", "--manifest"), ("scan . --resume -", "--resume"),
    ] {
      try refuses(
        command, "\(name) cannot be written to standard output: give the name of a file, such as ./-")
    }
    try refuses("extract plain.sif -C -", "the value '-' is invalid for '--directory <dir>'")
    let script = """
      set -e; siftool report plain.sif --deterministic -o - | head -n 1
      siftool tar plain.sif -o - | cmp - <(siftool tar plain.sif)
      siftool list - < plain.sif | cmp - <(siftool list plain.sif)
      siftool hash plain.sif | siftool hash plain.sif --against - --quiet | grep -vc ^same || true
      echo data | siftool add plain.sif - --datatype generic --filename x; siftool dump 3 plain.sif
      siftool encrypt plain.sif out.sif --kdf pbkdf2 --kdf-time 1000 --passphrase-file - -q < phrase
      siftool cat out.sif etc/file --passphrase-file phrase 2> errors; ls -A | grep -c -x -e - || true
      """
    let answer = try Shell.run(script, with: "bash", in: directory)
    #expect(answer.text == "<!DOCTYPE html>\n0\ndata\nhello\n0\n", "\(answer.text) \(answer.errors)")
  }
}
