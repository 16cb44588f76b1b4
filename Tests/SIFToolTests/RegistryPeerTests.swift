import TestSupport
import Testing

/// Registries that ask for tokens, and artifacts of another client.
@Suite struct RegistryPeerTests {
  private let directory: Scratch

  init() throws {
    directory = try Scratch()
    try Tool.check(["cp", Fixture.path("images/plain-types.sif"), directory.file("a.sif")])
  }

  private func registry(_ more: String = "") throws -> TestServer {
    try TestServer.start { port in
      try directory.write(
        "registry.yml",
        """
        version: 0.1
        log: {level: error}
        storage: {filesystem: {rootdirectory: \(directory.path)/registry}, delete: {enabled: true}}
        http: {addr: "127.0.0.1:\(port)", secret: x}
        \(more)
        """)
      return ["docker-registry", "serve", directory.file("registry.yml")]
    }
  }

  private func siftool(_ arguments: String..., input: String = "") throws -> ToolAnswer {
    try Siftool.run(arguments, input: Array(input.utf8), in: directory)
  }

  /// Debian's registry with a token service. Everybody may pull from public/, and bob may do everything.
  @Test func tokens() throws {
    try Shell.check(
      """
      openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout token.key -out token.pem -days 2 \
        -subj /CN=issuer 2>&1
      """, in: directory)
    let service = try TestServer.start(
      [
        "/usr/bin/python3", Fixture.script("token-server.py"), directory.file("port"), directory.file("log"),
        directory.file("token.pem"), directory.file("token.key"),
      ], portsFile: directory.file("port"))
    let server = try registry(
      """
      auth: {token: {realm: "http://127.0.0.1:\(service.port)/token", service: svc, issuer: issuer, \
      rootcertbundle: \(directory.path)/token.pem}}
      """)
    let host = "127.0.0.1:\(server.port)"
    let (open, closed) = ("oras://\(host)/public/app:1", "oras://\(host)/private/app:1")
    let anonymous = try siftool("push", "--no-https", "a.sif", open)
    #expect(anonymous.status == 7 && anonymous.errors.contains("401 Unauthorized"), "\(anonymous.errors)")
    let wrong = try siftool(
      "registry", "login", "--no-https", "-u", "bob", "--password-stdin", host, input: "wrong\n")
    #expect(
      wrong.status == 7 && wrong.errors.contains("incorrect username or password"), "\(wrong.errors)")
    let login = try siftool(
      "registry", "login", "--no-https", "-u", "bob", "--password-stdin", host, input: "right word\n")
    #expect(login.status == 0, "\(login.errors)")
    for address in [open, closed] {
      let pushed = try siftool("push", "--no-https", "a.sif", address)
      #expect(pushed.status == 0, "\(pushed.errors)")
    }
    // An image of several blobs, there and back, and to skopeo with the same file of credentials.
    let script = """
      set -e; export HOME=$PWD; python3 \(Fixture.script("layout.py")) none layout
      siftool push -q --no-https oci:layout docker://\(host)/private/box:1 > /dev/null
      siftool pull -q --no-https box.sif docker://\(host)/private/box:1; siftool check box.sif
      siftool pull -q --no-https again.sif docker://\(host)/private/box:1; cmp box.sif again.sif
      siftool inspect box.sif | grep -q 'maintainer: *nobody'
      # An OCI-SIF goes as it is and comes back as it was.
      siftool pull -q --no-https --oci docker://\(host)/private/box:1
      siftool push -q --no-https box_1.oci.sif docker://\(host)/private/other:1 > /dev/null
      siftool pull -q --no-https --oci docker://\(host)/private/other:1; cmp box_1.oci.sif other_1.oci.sif
      skopeo inspect --raw --tls-verify=false --authfile .singularity/docker-config.json docker://\(host)/private/app:1
      """
    let back = try Shell.run(script, with: "bash", in: directory)
    #expect(back.status == 0 && back.text.contains("sif.layer.v1.sif"), "\(back.errors)")
    #expect(try siftool("registry", "logout", host).status == 0)
    let pulled = try siftool("pull", "--no-https", "--disable-cache", "b.sif", open)
    #expect(pulled.status == 0, "\(pulled.errors)")
    #expect(try directory.read("b.sif") == directory.read("a.sif"))
    let refused = try siftool("pull", "--no-https", "--disable-cache", "c.sif", closed)
    #expect(refused.status == 7 && refused.errors.contains("401 Unauthorized"), "\(refused.errors)")
    // Each token is for one repository, and no more than is needed.
    let asked = String(decoding: try directory.read("log"), as: UTF8.self)
    #expect(asked.contains("bob repository:private/app:pull,push\n"), "\(asked)")
    #expect(asked.contains("nobody repository:public/app:pull\n"), "\(asked)")
  }

  /// What PyPI's oras client sends is pulled, and it takes what is pushed here.
  @Test func anotherClient() throws {
    let server = try registry()
    let host = "127.0.0.1:\(server.port)"
    let client = ["\(Fixture.root)/.build/python/servers/bin/python", Fixture.script("artifact-client.py")]
    try Tool.check(client + ["push", host, "theirs/app:1", directory.file("a.sif")])
    let pulled = try siftool("pull", "--no-https", "x.sif", "oras://\(host)/theirs/app:1")
    #expect(pulled.status == 0, "\(pulled.errors)")
    #expect(try directory.read("x.sif") == directory.read("a.sif"))
    #expect(try siftool("push", "--no-https", "a.sif", "oras://\(host)/ours/app:1").status == 0)
    try Tool.check(client + ["pull", host, "ours/app:1", directory.file("taken")])
    #expect(try directory.read("taken/a.sif") == directory.read("a.sif"))
  }

  /// A long image is hashed while it is sent. One that the registry has is not kept twice, and an upload that breaks is
  /// made in another way.
  @Test func longImages() throws {
    let server = try registry()
    let address = "oras://127.0.0.1:\(server.port)/images/long"
    try Shell.check(
      "mkdir tree; head -c 9000000 /dev/urandom > tree/random; siftool pack tree long.sif -q", in: directory)
    let first = try siftool("push", "--no-https", "long.sif", "\(address):1", "--json")
    #expect(first.status == 0 && first.text.contains("\"sent\": true"), "\(first.errors)")
    let digest = try Tool.check(["sha256sum", directory.file("long.sif")]).text.prefix(64)
    #expect(first.text.contains("sha256:\(digest)"))
    for tag in ["1", "2"] {
      let again = try siftool("push", "--no-https", "long.sif", "\(address):\(tag)", "--json")
      #expect(again.status == 0 && again.text.contains("sha256:\(digest)"), "\(again.errors)")
      if tag == "1" { #expect(again.text.contains("\"sent\": false"), "\(again.text)") }
    }
    #expect(try siftool("pull", "--no-https", "x.sif", "\(address):2").status == 0)
    #expect(try directory.read("x.sif") == directory.read("long.sif"))
    // A tag of another image of the same length.
    try Shell.check(
      "head -c 9000000 /dev/urandom > tree/random; siftool pack tree other.sif -q", in: directory)
    let other = try siftool("push", "--no-https", "other.sif", "\(address):1")
    #expect(other.status == 0, "\(other.errors)")
    #expect(try siftool("pull", "--no-https", "y.sif", "\(address):1").status == 0)
    #expect(try directory.read("y.sif") == directory.read("other.sif"))
    let stated = try Tool.check(
      ["skopeo", "inspect", "--raw", "--tls-verify=false", "docker://127.0.0.1:\(server.port)/images/long:2"])
    #expect(stated.text.contains(String(digest)))
  }
}
