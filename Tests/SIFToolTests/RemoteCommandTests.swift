import StrictJSON
import TestSupport
import Testing

/// A container library of our own, with the services of its site (Tests/Scripts/library.py).
struct LibraryServer {
  static let token = "good.token-1"
  let directory: Scratch
  private let server: TestServer

  /// - Parameter storage: the address of a storage for the mode "s3".
  init(storage: String? = nil) throws {
    let directory = try Scratch()
    self.directory = directory
    let python = storage == nil ? "/usr/bin/python3" : "\(Fixture.root)/.build/python/servers/bin/python"
    server = try TestServer.start(
      [python, Fixture.script("library.py"), directory.file("port"), directory.file("log")]
        + (storage.map { [$0] } ?? []),
      portsFile: directory.file("port"))
  }

  /// The host and path of a mode.
  func site(_ mode: String = "ok") -> String { "127.0.0.1:\(server.port)/\(mode)" }

  /// The requests so far: the server, the method, the path, and `Authorization`.
  var requests: [[String]] {
    String(decoding: (try? directory.read("log")) ?? [], as: UTF8.self).split(separator: "\n").map {
      $0.split(separator: " ", maxSplits: 3).map(String.init)
    }
  }

  /// Makes a mode the remote in use of a home, with a login.
  func use(_ mode: String = "ok", in home: Scratch) throws {
    try home.write("token", "\(Self.token)\n")
    try Siftool.check(
      "remote", "add", mode, site(mode), "--insecure", "--tokenfile", home.file("token"), in: home)
  }
}

/// `remote` and `keyserver`: the files of the runtimes, and logins.
@Suite struct RemoteCommandTests {
  private let home: Scratch

  init() throws { home = try Scratch() }

  private func run(_ arguments: String...) throws -> ToolAnswer { try Siftool.run(arguments, in: home) }

  private var file: String {
    String(decoding: (try? home.read(".singularity/remote.yaml")) ?? [], as: UTF8.self)
  }

  private func document(_ arguments: String..., schema: String) throws -> JSONValue {
    let answer = try Siftool.run(arguments + ["--json"], in: home)
    #expect(try JSONSchema.faults(of: answer.output, schema: schema) == "")
    return try JSONParser.parse(answer.output)
  }

  @Test func login() throws {
    let server = try LibraryServer()
    let empty = try document("remote", "list", schema: "remote-list")
    #expect(empty["remotes"]?.elements?.map { $0["name"]?.text } == ["SylabsCloud"])
    #expect(file.isEmpty)
    try server.use(in: home)
    #expect(file.contains("Active: ok\n") && file.contains("Token: \(LibraryServer.token)\n"))
    #expect(try Tool.run(["stat", "-c", "%a", home.file(".singularity/remote.yaml")]).text == "600\n")
    let status = try document("remote", "status", schema: "remote-status")
    #expect(status["tokenAccepted"] == true && status["user"] == "bob")
    #expect(status["services"]?.elements?.count == 4)
    #expect(try run("remote", "get-login-password").text == "s3cret\n")
    #expect(try run("remote", "status").text.contains("logged in as bob"))

    try home.write("bad", "bad")
    let refused = try run("remote", "login", "--tokenfile", home.file("bad"))
    #expect(refused.status == 6 && refused.errors.contains("does not take the token"))
    #expect(file.contains(LibraryServer.token))
    for (text, reason) in [
      ("", "is empty"), ("\n", "is empty"), ("a b", "no token has"), ("a\u{1B}", "no token has"),
    ] {
      try home.write("bad", text)
      let answer = try run("remote", "login", "--tokenfile", home.file("bad"))
      #expect(answer.status == 6 && answer.errors.contains(reason))
    }
    #expect(try run("remote", "login").status == 64)
    #expect(try run("remote", "logout").status == 0)
    #expect(!file.contains("Token"))
    #expect(try run("remote", "get-login-password").status == 6)
    let stdin = try Siftool.run(
      "remote", "login", "--tokenfile", "-", input: Array(LibraryServer.token.utf8), in: home)
    #expect(stdin.status == 0, "\(stdin.errors)")
    // The token went to the service for tokens and to the library, and nowhere else.
    let sent = server.requests.filter { $0.last?.contains("Bearer") == true }.map { $0[2] }
    #expect(Set(sent) == ["/ok/v1/token-status", "/ok/v1/rbac/users/current"])
  }

  @Test func choosing() throws {
    #expect(try run("remote", "add", "one", "one.example.org", "--no-login").status == 0)
    #expect(
      try run("remote", "add", "two", "https://two.example.org/x/", "--no-login", "--no-default").status == 0)
    let list = try document("remote", "list", schema: "remote-list")["remotes"]?.elements ?? []
    #expect(list.map { $0["name"]?.text } == ["SylabsCloud", "one", "two"])
    #expect(list.map { $0["active"] } == [false, true, false])
    #expect(list.last?["uri"] == "two.example.org/x")
    #expect(try run("remote", "use", "two").status == 0)
    #expect(file.contains("Active: two\n"))
    #expect(try run("remote", "add", "one", "other", "--no-login").status == 1)
    #expect(try run("remote", "use", "three").errors.contains("there are \"SylabsCloud\", \"one\", \"two\""))
    #expect(try run("remote", "remove", "two").status == 0)
    #expect(try run("remote", "remove", "two").status == 1)
    #expect(try run("remote", "use", "one", "--exclusive").status == 64)
    for uri in ["", "u@h", "a b"] { #expect(try run("remote", "add", "x", uri, "--no-login").status == 64) }
    // Two at once: none is lost.
    let running = try (0..<8).map {
      try Siftool.start("remote", "add", "r\($0)", "h\($0)", "--no-login", in: home)
    }
    for tool in running { #expect(try tool.wait().status == 0) }
    #expect(try document("remote", "list", schema: "remote-list")["remotes"]?.elements?.count == 10)
  }

  @Test func faultyFiles() throws {
    try Tool.check(["mkdir", home.file(".singularity")])
    try home.write(".singularity/remote.yaml", "Active: x\nRemotes: {x: {URI: y, Colour: \"\\e[31m\"}}\n")
    let unknown = try run("remote", "list")
    #expect(
      unknown.status == 5 && unknown.errors.contains("remote.yaml: the remote x has the key \"Colour\""))
    #expect(try run("remote", "add", "z", "z", "--no-login").status == 5)
    #expect(file.contains("Colour"))
    try home.write(".singularity/remote.yaml", "Active: gone\nRemotes: {x: {URI: y}}\n")
    #expect(try run("remote", "status").errors.contains("there is no remote \"gone\""))
    try Tool.check(["chmod", "644", home.file(".singularity/remote.yaml")])
    #expect(try run("remote", "list").errors.contains("others can read the tokens"))
    #expect(try run("remote", "use", "x").status == 0)
    #expect(try Tool.run(["stat", "-c", "%a", home.file(".singularity/remote.yaml")]).text == "600\n")
  }

  /// The file of the environment, and Apptainer's.
  @Test func places() throws {
    let other = try Scratch()
    for (variable, name) in [
      ("APPTAINER_CONFIGDIR", "DefaultRemote"), ("SINGULARITY_CONFIGDIR", "SylabsCloud"),
    ] {
      let answer = try Siftool.run(
        "remote", "list", environment: [variable: other.path], in: home)
      #expect(answer.text.contains(name), "\(variable)")
    }
    try Tool.check(["mkdir", home.file(".apptainer")])
    try home.write(".apptainer/remote.yaml", "Active: mine\nRemotes: {mine: {URI: h}}\n")
    #expect(try run("remote", "list").text.contains("mine"))
    let servers = try Siftool.run(
      "keyserver", "list", environment: ["APPTAINER_CONFIGDIR": other.path], in: home)
    #expect(servers.text.contains("1. https://keys.openpgp.org"))
  }

  @Test func keyServerLogins() throws {
    let server = try LibraryServer()
    let address = "http://\(server.site())/v1/token-status"
    try home.write("token", LibraryServer.token)
    let login = try run("keyserver", "login", address, "--tokenfile", home.file("token"))
    #expect(login.status == 0, "\(login.errors)")
    #expect(file.contains("Auth: \"Bearer \(LibraryServer.token)\"\n"))
    #expect(try run("remote", "list").text.contains(address))
    let basic = try Siftool.run(
      "keyserver", "login", address, "--username", "bob", "--password-stdin", input: Array("x\n".utf8),
      in: home)
    #expect(basic.status == 1 && basic.errors.contains("401"), "\(basic.errors)")
    #expect(server.requests.last?.last == "Basic Ym9iOng=")
    #expect(file.contains("Bearer"))
    #expect(try run("keyserver", "logout", address + "/").errors.contains("logged out"))
    #expect(!file.contains("Bearer"))
    // A login is not sent unencrypted to another machine.
    let plain = try run("keyserver", "login", "hkp://192.0.2.1", "--tokenfile", home.file("token"))
    #expect(plain.status == 64 && plain.errors.contains("not encrypted"))
  }

  /// The file of all users, in a mount namespace of its own.
  @Test func systemFile() throws {
    let script = """
      set -e; mkdir -p etc; mount --bind etc /etc
      siftool remote add -g site site.example.org --no-login 2> /dev/null
      siftool remote use -g -e site 2> /dev/null
      siftool keyserver add --insecure site https://one.example.org --ca-file /dev/null 2> error || cat error
      """
    let answer = try Tool.run(
      ["unshare", "-m", "sh", "-c", "PATH=${1%/*}:$PATH; \(script)", "sh", Fixture.siftool],
      environment: ["HOME": home.path], in: home.path)
    #expect(answer.status == 0, "\(answer.errors)")
    // The site does not answer, so its own key server is not known.
    #expect(answer.text.contains("site.example.org"), "\(answer.text)")
    let system = String(decoding: try home.read("etc/singularity/remote.yaml"), as: UTF8.self)
    #expect(system.contains("Active: site\n") && system.contains("Exclusive: true\n"))
    #expect(system.contains("SylabsCloud"))
    #expect(try Tool.run(["stat", "-c", "%a", home.file("etc/singularity/remote.yaml")]).text == "644\n")
    try home.write(
      "etc/singularity/remote.yaml",
      "Active: site\nRemotes: {site: {URI: h, Exclusive: true, Keyservers: [{URI: 'https://zero'}]}, b: {URI: b}}\n"
    )
    let second = """
      set -e; mount --bind etc /etc
      siftool keyserver add site https://one -o 1 2> /dev/null; siftool keyserver add site hkp://two --insecure 2> /dev/null
      siftool keyserver remove site https://zero 2> /dev/null; siftool keyserver list; siftool remote list
      siftool remote use b 2>&1 || echo "=$?"; siftool remote add mine h --no-login 2> /dev/null; siftool remote list
      """
    let next = try Tool.run(
      ["unshare", "-m", "sh", "-c", "PATH=${1%/*}:$PATH; \(second)", "sh", Fixture.siftool],
      environment: ["HOME": home.path], in: home.path)
    #expect(
      next.text.contains("site (in use)\n  1. https://one\n  2. hkp://two, certificate not checked!\n"),
      "\(next.text) \(next.errors)")
    #expect(next.text.contains("the administrator allows only the remote \"site\"\n=7\n"))
    #expect(next.text.contains("mine  h    "))
  }

  /// Without a URL, the key servers of the remote in use are asked in their order, with its token where it is the remote's.
  @Test func keyServersOfTheRemote() throws {
    let server = try LibraryServer()
    try server.use(in: home)
    _ = try run("key", "search", "somebody")
    #expect(server.requests.last?[2].hasPrefix("/ok/pks/lookup?op=index") == true)
    #expect(server.requests.last?.last == "Bearer \(LibraryServer.token)")
    // A server that the user names gets no token of another's.
    _ = try run("key", "search", "somebody", "-u", "http://\(server.site("else"))")
    #expect(server.requests.last?[2].hasPrefix("/else/") == true && server.requests.last?.last == "-")
  }
}
