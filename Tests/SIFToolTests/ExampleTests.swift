import TestSupport
import Testing

/// The programs in Examples/ and in the documentation: what a program outside of this package writes.
@Suite struct ExampleTests {
  private static let programs = "\(Fixture.root)/Examples"
  private let directory: Scratch

  /// A directory with a signed image of a small root file system, and the public key.
  init() throws {
    directory = try Scratch()
    try Shell.check(
      """
      mkdir -p rootfs/etc rootfs/bin; printf 'ID=example\\n' > rootfs/etc/os-release; cp -L /bin/true rootfs/bin/true
      cp /bin/busybox rootfs/bin/sh
      cp "$KEYS/rsa2048.pub.asc" release.asc; cp "$KEYS/rsa2048.sec.asc" secret.asc; chmod 600 secret.asc
      """, environment: ["KEYS": Fixture.path("keys")], in: directory)
    let answer = try run("pack-and-sign", "rootfs", "app.sif", "secret.asc")
    #expect(answer.status == 0 && answer.text.hasPrefix("signature ["), "\(answer.text) \(answer.errors)")
  }

  private func run(_ program: String, _ arguments: String...) throws -> ToolAnswer {
    try Tool.run(["\(Self.programs)/.build/debug/\(program)"] + arguments, in: directory.path)
  }

  @Test func inspectPrintsWhatListPrints() throws {
    let answer = try run("inspect")
    let list = try Siftool.check("list", "app.sif", in: directory).text
    #expect(answer.text == list + "Verdict: ok\nID=example\n", "\(answer.text) \(answer.errors)")
    #expect(try directory.read("app/etc/os-release") == Array("ID=example\n".utf8))
  }

  @Test func verifyInCI() throws {
    #expect(try run("verify-in-ci", "app.sif", "release.asc").status == 0)
    try Shell.check("printf x | dd of=app.sif bs=1 seek=40000 conv=notrunc 2> errors", in: directory)
    let answer = try run("verify-in-ci", "app.sif", "release.asc")
    #expect(answer.status == 1 && answer.text.hasSuffix("tampered\n"), "\(answer.text)")
  }

  /// A program that cannot do its work says why in one sentence, and tells so with its status.
  @Test(arguments: [
    (["inspect"], "app.sif"), (["account"], "evidence.sif"), (["certificates"], "release.asc"),
    (["extract-file", "none.sif", "/x"], "none.sif"), (["extract-file", "app.sif", "/x"], "x: no such file"),
    (["list-files"], "rootfs.squashfs"), (["pack-and-sign", "none", "new.sif", "secret.asc"], "none"),
    (["pack-and-sign", "rootfs", "new.sif", "release.asc"], "release.asc"),
    (["pack-and-sign", "rootfs", "new.sif", "none.asc"], "none.asc"), (["run"], "app.sif"),
    (["read-output"], "app.sif"),
    (["verify-in-ci", "app.sif", "none.asc"], "none.asc"),
    (["verify-in-ci", "none.sif", "release.asc"], "none.sif"),
    (["volume-facts"], "secret.sif"),
  ])
  func failures(command: [String], words: String) throws {
    // These programs have the names of their files in them.
    if command.count == 1 { try Shell.check("rm -f app.sif release.asc", in: directory) }
    let answer = try Tool.run(
      ["\(Self.programs)/.build/debug/\(command[0])"] + command.dropFirst(), in: directory.path)
    #expect(answer.status == 1 && answer.text.isEmpty, "\(command): \(answer.status) \(answer.text)")
    #expect(
      answer.errors.contains(words) && answer.errors.split(separator: "\n").count == 1, "\(answer.errors)")
    #expect(try Shell.run("test -e new.sif", in: directory).status == 1, "an image without a signature")
  }

  @Test func usage() throws {
    for program in ["extract-file", "pack-and-sign", "verify-in-ci"] {
      let answer = try run(program)
      #expect(answer.status == 64 && answer.errors.hasPrefix("usage: \(program) "), "\(answer.errors)")
    }
  }

  @Test func aFileThatIsNoImageGetsAVerdict() throws {
    let answer = try run("verify-in-ci", "release.asc", "release.asc")
    #expect(answer.status == 1 && answer.text.hasSuffix("malformed\n"), "\(answer.text) \(answer.errors)")
  }

  @Test func files() throws {
    #expect(try run("extract-file", "app.sif", "/etc/os-release").text == "ID=example\n")
    try Shell.check("siftool dump 1 app.sif > rootfs.squashfs", in: directory)
    let paths = try run("list-files").text.split(separator: "\n")
    #expect(paths.contains("etc/os-release") && paths.contains("bin/true"), "\(paths)")
  }

  @Test func certificates() throws {
    let names = try Shell.check(
      "gpg --homedir . --show-keys --with-colons release.asc | awk -F: '/^fpr/ { print $10; exit }'",
      in: directory)
    #expect(!names.text.isEmpty)
    #expect(try run("certificates").text.hasPrefix(names.text))
  }

  @Test func volumeFacts() throws {
    try directory.write("phrase", "correct horse")
    try Siftool.check(
      "encrypt", "app.sif", "secret.sif", "--passphrase-file", "phrase", "--kdf", "pbkdf2", "--kdf-time",
      "1000",
      "--quiet", in: directory)
    #expect(try run("volume-facts").text == "LUKS2, aes-xts-plain64\nkey slot 0: pbkdf2\n")
  }

  @Test func outputOfAProgram() throws {
    let script = "echo a; echo b; exit 3"
    #expect(try run("read-output", "/bin/sh", "-c", script).text == "2 lines, then exit status 3\n")
    #expect(try run("read-output", "/bin/sh", "-c", "kill -9 $$").text == "0 lines, then signal 9\n")
    // More than a pipe holds.
    let long = try run("read-output", "/bin/sh", "-c", "seq 100000")
    #expect(long.text == "100000 lines, then exit status 0\n", "\(long.errors)")
    let missing = try run("read-output", "/bin/none")
    #expect(missing.text == "0 lines, then exit status 127\n" && missing.errors.contains("/bin/none"))
  }

  @Test func account() throws {
    try Shell.check("cp app.sif evidence.sif", in: directory)
    let lines = try run("account").text.split(separator: "\n").map { $0.split(separator: " ") }
    let end = lines.reduce(0) { end, line in line.first == "\(end)" ? end + (Int(line[1]) ?? 0) : -1 }
    #expect(end == (try directory.read("evidence.sif").count))
  }

  /// Every module that a program can import has a page, and `make docs` includes it.
  @Test func everyProductHasAPage() throws {
    let package = String(decoding: try Tool.read("\(Fixture.root)/Package.swift"), as: UTF8.self)
    let makefile = String(decoding: try Tool.read("\(Fixture.root)/Makefile"), as: UTF8.self)
      .replacing("\\\n", with: "")
    let products = package.matches(of: /\.library\(name: "(\w+)"/).map { String($0.output.1) }
    let documented = makefile.matches(of: /(?m)^MODULES = (.*)$/).flatMap {
      $0.output.1.split(separator: " ")
    }
    #expect(products.count > 15 && documented.map(String.init).sorted() == products.sorted())
    for module in products {
      let page = try Tool.read("\(Fixture.root)/Sources/\(module)/Documentation.docc/\(module).md")
      #expect(String(decoding: page, as: UTF8.self).hasPrefix("# ``\(module)``\n"), "\(module)")
    }
  }

  /// The code of the documentation is that of the examples, which compile.
  @Test(arguments: [
    ("README.md", "inspect"), ("Sources/SIF/Documentation.docc/FirstProgram.md", "inspect"),
    ("Sources/Squash/Documentation.docc/FirstProgram.md", "list-files"),
    ("Sources/OpenPGP/Documentation.docc/FirstProgram.md", "certificates"),
    ("Sources/LUKS/Documentation.docc/FirstProgram.md", "volume-facts"),
    ("Sources/Partitions/Documentation.docc/FirstProgram.md", "extract-file"),
    ("Sources/ImageTrust/Documentation.docc/FirstProgram.md", "verify-in-ci"),
    ("Sources/Forensics/Documentation.docc/FirstProgram.md", "account"),
    ("Sources/SIFRuntime/Documentation.docc/FirstProgram.md", "run"),
    ("Sources/SIFRuntime/Documentation.docc/ProgramOutput.md", "read-output"),
    ("Sources/ImageBuild/Documentation.docc/FirstProgram.md", "pack-and-sign"),
  ])
  func documentedPrograms(page: String, program: String) throws {
    let text = String(decoding: try Tool.read("\(Fixture.root)/\(page)"), as: UTF8.self)
    let code = String(
      decoding: try Tool.read("\(Self.programs)/Sources/\(program)/main.swift"), as: UTF8.self)
    #expect(
      text.contains("```swift\n\(code)```"), "\(page) does not have Examples/Sources/\(program)/main.swift")
  }
}
