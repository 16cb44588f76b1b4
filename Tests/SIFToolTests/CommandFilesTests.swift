import Glibc
import TestSupport
import Testing

/// The files of a command line: no output is an input, bytes of names are kept, and an interrupted command leaves nothing.
@Suite struct CommandFilesTests {
  private let fixture: EncryptionFixture
  private var directory: Scratch { fixture.directory }

  init() throws {
    fixture = try EncryptionFixture()
    try fixture.encrypt("secret.sif")
    try Tool.check(["ln", "-s", "phrase", directory.file("link")])
    try Tool.check(["ln", directory.file("phrase"), directory.file("hard")])
    try Tool.check([
      "openssl", "genrsa", "-out", directory.file("private.pem"), "2048",
    ])
  }

  /// A command in a shell, in the directory of the files, and what they are before and after.
  private func refuse(
    _ command: String, _ words: String, status: Int32 = 64, _ variables: [String: String] = [:]
  )
    throws
  {
    let sums = "find . -type f ! -name sums | sort | xargs sha256sum"
    let before = try Shell.check(sums, in: directory).text
    let answer = try Shell.run("siftool \(command)", with: "bash", environment: variables, in: directory)
    #expect(answer.status == status, "\(command): \(answer.errors)")
    #expect(answer.errors.contains(words), "\(command): \(answer.errors)")
    #expect(try Shell.check(sums, in: directory).text == before, "\(command)")
  }

  @Test(arguments: ["phrase", "./phrase", "link", "hard"]) func noOutputIsAnInput(phrase: String) throws {
    let key = "--passphrase-file \(phrase)"
    let role = "phrase belongs to --passphrase-file\n"
    for command in [
      "encrypt plain.sif phrase \(key)", "decrypt secret.sif phrase \(key)",
      "tar secret.sif -o phrase \(key)",
      "extract secret.sif -C out --manifest phrase \(key)", "report secret.sif -o phrase \(key)",
      "check secret.sif --salvage phrase \(key)", "pack rootfs phrase --encrypt \(key)",
      "rekey phrase \(key) --new-passphrase-file definition",
      "encrypt plain.sif phrase --sign-\(key.dropFirst(2)) --sign",
    ] {
      try refuse(command, command.contains("--sign") ? "phrase belongs to --sign-passphrase-file\n" : role)
    }
    try refuse(
      "rekey phrase --passphrase-file definition --new-\(key.dropFirst(2))",
      "belongs to --new-passphrase-file")
    try refuse("sign phrase --key private.pem \(key)", role)
    try refuse("scan . --resume phrase --key \(phrase)", "phrase belongs to --key\n")
    try refuse("map plain.sif --svg phrase --keyring \(phrase)", "phrase belongs to --keyring\n")
    try refuse(
      "pack rootfs phrase --arch amd64 --deffile \(phrase)", "the image phrase belongs to --deffile\n")
    try refuse(
      "pack rootfs phrase --arch amd64 --runscript \(phrase)", "the image phrase belongs to --runscript\n")
    try refuse(
      "new phrase", "phrase belongs to $SINGULARITY_ENCRYPTION_PEM_PATH\n",
      [
        "SINGULARITY_ENCRYPTION_PEM_PATH": phrase
      ])
  }

  @Test func keysAreNoOutputs() throws {
    try refuse("encrypt plain.sif private.pem --pem-path private.pem", "private.pem belongs to --pem-path\n")
    try refuse("decrypt secret.sif private.pem --pem-path private.pem", "private.pem belongs to --pem-path\n")
    try Shell.check("mkdir ring && cp private.pem ring/pgp-secret", in: directory)
    try refuse(
      "encrypt plain.sif ring/pgp-secret --passphrase-file phrase --sign-keyring ring",
      "ring/pgp-secret belongs to --sign-keyring\n")
  }

  @Test func theInputIsNoOutput() throws {
    try Shell.check("ln -s plain.sif soft.sif; ln plain.sif hard.sif", in: directory)
    for name in ["plain.sif", "./plain.sif", "soft.sif", "hard.sif"] {
      for command in [
        "encrypt plain.sif \(name) --passphrase-file phrase", "decrypt plain.sif \(name)",
        "tar plain.sif -o \(name)",
        "report plain.sif -o \(name)", "map plain.sif --svg \(name)", "check plain.sif --salvage \(name)",
        "pack plain.sif \(name) --arch amd64", "extract plain.sif --manifest \(name) -C out",
        "add \(name) plain.sif --datatype generic",
      ] { try refuse(command, "\(name) is the input\n") }
    }
    // A device is written to, and read, but never replaced.
    try Shell.check("siftool tar plain.sif -o /dev/null --passphrase-file /dev/null", in: directory)
  }

  @Test func aSlashAfterTheNameOfAFile() throws {
    for command in ["list", "header", "list --json", "check", "ls", "inspect", "verify", "tar"] {
      let words = command == "tar" ? "tar plain.sif/ -o x" : "\(command) plain.sif/"
      try refuse(words, "cannot open plain.sif: Not a directory", status: 7)
    }
    for command in ["new x.sif/", "pack rootfs x.sif/ --arch amd64", "tar plain.sif -o x.tar/"] {
      try refuse(command, "Not a directory", status: 7)
    }
    try Shell.check("siftool extract plain.sif -C new/ && test -f new/etc/file", in: directory)
    try Shell.check("siftool pack rootfs/ other.sif --arch amd64", in: directory)
  }

  @Test func bytesThatAreNotText() throws {
    let script = #"""
      byte=$(printf '\377'); siftool new l.sif --launch "n$byte"; head -c 3 l.sif | od -An -tx1
      cp plain.sif "bad$byte.sif"; siftool extract "bad$byte.sif"; ls -b | grep bad
      siftool new "s.sif" --launch "#!/x$byte"; head -c 6 s.sif | od -An -tx1
      """#
    let answer = try Shell.check(script, in: directory)
    #expect(answer.text == " 6e ff 00\nbad\\377\nbad\\377.sif\n 23 21 2f 78 ff 0a\n", "\(answer.errors)")
    let byte = #"$'x\xff'"#
    for (command, words) in [
      ("key new --no-passphrase --keyring kr --user-id \(byte)", #"--user-id "x\xff" is not UTF-8"#),
      ("exec --hostname \(byte) plain.sif true", #"--hostname "x\xff" is not UTF-8"#),
      ("sign plain.sif --fingerprint \(byte)", #"--fingerprint "x\xff" is not UTF-8"#),
      ("pack rootfs x.sif --arch amd64 --label \(byte)=1", #"--label "x\xff=1" is not UTF-8"#),
      ("key export \(byte)", #"the argument "x\xff" is not UTF-8"#),
    ] { try refuse(command, words) }
    // Text of the last plane is text.
    let text =
      #"siftool key new --user-id $'\u{10f000}' --no-passphrase --keyring kr && siftool key list --keyring kr"#
    #expect(try Shell.run(text, with: "bash", in: directory).status == 0)
  }

  @Test(arguments: [SIGINT, SIGTERM, SIGHUP]) func anInterruptedAddLeavesNothing(signal: Int32) throws {
    let image = directory.file("plain.sif")
    let before = try Tool.read(image)
    // A source that gives 8 MiB, and then waits.
    try #require(mkfifo(directory.file("source"), 0o600) == 0)
    let writer = try Tool.start(
      ["sh", "-c", "exec > source; head -c 8388608 /dev/zero; exec sleep 60"], in: directory.path)
    let adding = try Siftool.start("add", image, directory.file("source"), "--datatype", "generic")
    while try Tool.read(image).count == before.count, kill(adding.process, 0) == 0 { usleep(1000) }
    adding.signal(signal)
    #expect(try adding.wait().status == 128 + signal)
    writer.signal(SIGKILL)
    _ = try writer.wait()
    #expect(try Tool.read(image) == before)
    // A signal that is ignored does not end it.
    let answer = try Shell.check(
      "trap '' HUP; head -c 8388608 /dev/zero > big; siftool add plain.sif big --datatype generic & kill -HUP $!; wait $!",
      in: directory)
    #expect(answer.errors.isEmpty)
    #expect(try Siftool.check("list", image).text.contains("|3"))
  }
}
