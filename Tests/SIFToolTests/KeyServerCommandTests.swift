import StrictJSON
import TestSupport
import Testing

/// `key search`, `key pull` and `key push` with a real server, with gpg beside them, and with one that lies.
@Suite struct KeyServerCommandTests {
  static let ed25519 = "3BD73D170B28614DD6E22C9091C4FEDB9D37F723"
  static let nistp256 = "128E88E0197103189BD1D705BE16C291223E1EC8"
  private let home: Scratch

  init() throws { home = try Scratch() }

  private func key(_ arguments: String...) throws -> ToolAnswer {
    try Siftool.run(["key"] + arguments, in: home)
  }

  @Test func realServer() throws {
    let server = try KeyServer("ed25519", "rsa2048")
    let found = try key("search", "--json", "-u", server.address, "ed25519")
    #expect(try JSONSchema.faults(of: found.output, schema: "key-search") == "")
    let keys = try JSONParser.parse(found.output)["keys"]?.elements ?? []
    #expect(keys.map { $0["key"]?.text } == [Self.ed25519])
    #expect(keys.first?["userIds"] == ["ed25519 <ed25519@example.org>"])
    #expect(keys.first?["algorithm"] == "Ed25519" && keys.first?["createdAt"] == "2024-01-01T00:00:00Z")
    let list = try key("search", "-u", server.address, "example.org")
    #expect(list.text.contains("2 keys:\n") && list.text.contains("91C4FEDB9D37F723  256 "))
    let long = try key("search", "-l", "-u", server.address, "0x9D37F723")
    #expect(long.text.contains("\(Self.ed25519)  Ed25519    256   2024-01-01"))
    let none = try key("search", "-u", server.address, "nobody")
    #expect(none.status == 0 && none.text == "no keys found\n")

    let pulled = try key("pull", "-u", server.address, Self.ed25519.lowercased())
    #expect(pulled.status == 0 && pulled.errors.contains("\(Self.ed25519) added to"), "\(pulled.errors)")
    let again = try key("pull", "-u", server.address, "0x91C4FEDB9D37F723")
    #expect(again.status == 0 && again.errors.contains("is already in"))
    #expect(try key("pull", "-u", server.address, "9D37F723").errors.contains("anybody can make a key"))
    #expect(try key("pull", "-u", server.address, Self.nistp256).status == 6)

    // What is put there, gpg gets, with the same packets.
    try Siftool.check("key", "import", Fixture.path("keys/nistp256.pub.asc"), in: home)
    let pushed = try key("push", "-u", server.address, Self.nistp256)
    #expect(pushed.status == 0, "\(pushed.errors)")
    let gnupg = try Scratch()
    let gpg = ["gpg", "--batch", "--no-tty", "--homedir", gnupg.path]
    try Tool.check(gpg + ["--keyserver", server.address, "--recv-keys", Self.nistp256, Self.ed25519])
    _ = try Tool.run(["gpgconf", "--homedir", gnupg.path, "--kill", "all"])
    // gpg writes both in its own form.
    let ours = try Scratch()
    let other = ["gpg", "--batch", "--no-tty", "--homedir", ours.path]
    for name in [Self.nistp256, Self.ed25519] {
      let text = try Siftool.check("key", "export", name, in: home).output
      try Tool.check(other + ["--import"], input: text)
      #expect(
        try Tool.check(other + ["--export", name]).output == Tool.check(gpg + ["--export", name]).output,
        "\(name)")
    }
  }

  /// A key for all users of the machine, which verify believes.
  @Test func keysOfTheMachine() throws {
    let server = try KeyServer("ed25519")
    let script = """
      set -e; mkdir -p etc; mount --bind etc /etc; cp "$2" x.sif
      siftool sign x.sif --key "$3" --quiet; siftool verify x.sif > first || echo $?
      siftool key pull -g -u \(server.address) \(Self.ed25519) 2> /dev/null; stat -c %a /etc/singularity/global-pgp-public
      siftool verify x.sif > second; siftool key pull -g --keyring . \(Self.ed25519) 2> /dev/null || echo $?
      SINGULARITY_SYPGPDIR=$PWD siftool verify x.sif > third || echo $?
      """
    let answer = try Tool.run(
      [
        "unshare", "-m", "sh", "-c", "PATH=${1%/*}:$PATH; \(script)", "sh", Fixture.siftool,
        Fixture.path("images/partitions.sif"), Fixture.path("keys/ed25519.sec.asc"),
      ], environment: ["HOME": home.path], in: home.path)
    #expect(answer.text == "6\n644\n64\n6\n", "\(answer.text) \(answer.errors)")
  }

  @Test func lyingServer() throws {
    let server = try LyingKeyServer()
    func pull(_ mode: String) throws -> ToolAnswer {
      try key("pull", Self.ed25519, "-u", server.address(mode))
    }
    func refused(_ mode: String, _ status: Int32, _ reason: String) throws {
      let answer = try pull(mode)
      #expect(
        answer.status == status && answer.errors.contains(reason),
        "\(mode): \(answer.status) \(answer.errors)")
      #expect(try key("list").text.isEmpty, "\(mode)")
    }
    try refused("other", 6, "sent another one: \(Self.nistp256)")
    try refused("html", 1, "holds no key, but a web page")
    try refused("big", 5, "more than 4194304 bytes")
    try refused("secret", 1, "holds no key")
    try refused("broken", 1, "cannot be read")
    try refused("cut", 7, "127.0.0.1")
    try refused("empty", 1, "holds no key")
    try refused("403", 1, "refused: 403 Forbidden: \\x1b[31m no \\u{202e}; it wants a login")
    try refused("404", 6, "has no key")
    try refused("file", 7, "only https:// and http:// can be asked")
    try refused("none", 1, "refused: 400 Bad Request")
    let page = try pull("page")
    #expect(page.status == 0, "\(page.errors)")
    try Siftool.check("key", "remove", Self.ed25519, in: home)
    let both = try pull("both")
    #expect(both.status == 0 && both.errors.contains("has sent another key, which nobody asked for"))
    #expect(try key("list").text.split(separator: "\n").first?.hasPrefix(Self.ed25519) == true)
    #expect(!(try key("list").text.contains(Self.nistp256)))

    let names = try key("search", "-l", "x", "-u", server.address("names"))
    #expect(
      names.status == 0 && names.text.contains("\\x1b[31mred\\u{202e}\\nsound: forged"), "\(names.text)")
    #expect(names.text.contains("revoked,expired") && names.errors.contains("has found 70 keys"))
    let noIndex = try key("search", "x", "-u", server.address("html"))
    #expect(noIndex.status == 1 && noIndex.errors.contains("is not an index, but a web page"))
    let rubbish = try key("push", Self.ed25519, "-u", server.address("500"))
    #expect(
      rubbish.status == 1 && rubbish.errors.contains("500 Internal Server Error: oops"), "\(rubbish.errors)")
  }

  @Test func usage() throws {
    for address in ["keys.example.org", "ldap://h", "file:///etc/passwd", "https://u:p@h/"] {
      let answer = try key("search", "x", "-u", address)
      #expect(answer.status == 64, "\(address): \(answer.errors)")
    }
    for name in ["", "x", "1234567", "\(Self.ed25519)0"] {
      #expect(try key("pull", name, "-u", "hkp://127.0.0.1:1").status == 64, "\(name)")
      #expect(try key("push", name, "-u", "hkp://127.0.0.1:1").status == 64, "\(name)")
    }
    #expect(try key("push", "9D37F723", "-u", "hkp://127.0.0.1:1").status == 64)
    let absent = try key("push", Self.ed25519, "-u", "hkp://127.0.0.1:1")
    #expect(absent.status == 6 && absent.errors.contains("no public key has the fingerprint"))
    let unreachable = try key("pull", Self.ed25519, "-u", "hkp://127.0.0.1:1")
    #expect(unreachable.status == 7 && unreachable.errors.contains("127.0.0.1"))
  }
}
