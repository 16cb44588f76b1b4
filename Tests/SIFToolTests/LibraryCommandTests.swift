import StrictJSON
import TestSupport
import Testing

/// `pull`, `push`, `search` and `delete` with a container library.
@Suite struct LibraryCommandTests {
  private let home: Scratch
  private let server: LibraryServer
  private let image: String

  init() throws {
    home = try Scratch()
    server = try LibraryServer()
    image = home.file("image.sif")
    try home.write("image.sif", try Fixture.read("images/partitions.sif"))
    let key = try home.write("key.asc", try Fixture.read("keys/ed25519.sec.asc"))
    try Siftool.check("sign", image, "--key", key, "--quiet", in: home)
    try server.use(in: home)
  }

  private func run(_ arguments: String...) throws -> ToolAnswer { try Siftool.run(arguments, in: home) }

  private func push(_ reference: String = "library://e/c/n:v1") throws {
    let answer = try run("push", image, reference, "-D", "an image")
    #expect(answer.status == 0, "\(answer.errors)")
  }

  /// Adds a mode of the server as the remote in use, with the login.
  private func use(_ mode: String) throws { try server.use(mode, in: home) }

  private func isPulled(_ name: String) throws -> Bool { try home.read(name) == Tool.read(image) }

  @Test func thereAndBack() throws {
    try push("library://e/c/n:v1,v2")
    let again = try run("push", image, "library://e/c/n:v3", "--json")
    #expect(try JSONSchema.faults(of: again.output, schema: "push") == "")
    #expect(try JSONParser.parse(again.output)["sent"] == false)
    for reference in ["library://e/c/n:v1", "library://e/c/n:v3"] {
      #expect(try run("pull", "--force", "--disable-cache", "x.sif", reference).status == 0)
      #expect(try isPulled("x.sif"))
    }
    let name = try run("pull", "--disable-cache", "library:e/c/n:v2")
    #expect(try name.status == 0 && isPulled("n_v2.sif"))
    let digest = try Tool.run(["sha256sum", image]).text.prefix(64)
    #expect(try run("pull", "--disable-cache", "h.sif", "library://e/c/n:sha256.\(digest)").status == 0)
    // What is there is not replaced.
    #expect(try run("pull", "h.sif", "library://e/c/n:v1").status != 0)
    let absent = try run("pull", "y.sif", "library://e/c/n:v9")
    #expect(
      absent.status == 1 && absent.errors.contains("does not have the image library://e/c/n:v9 for amd64"))
    #expect(try run("pull", "--arch", "arm64", "y.sif", "library://e/c/n:v1").status == 1)

    let found = try run("search", "image", "--json")
    #expect(try JSONSchema.faults(of: found.output, schema: "search") == "")
    #expect(
      try JSONParser.parse(found.output)["images"]?.elements?.first?["reference"]
        == "library://e/c/n:v1,v2,v3")
    #expect(
      try run("search", "image").text.contains(
        "  library://e/c/n:v1,v2,v3\n    an image\n    Signed by: ABAB"))
    #expect(
      try run("search", "nothing").text == "No container images found for amd64 matching \"nothing\".\n")
    #expect(try run("delete", "library://e/c/n:v1").status == 64)
    #expect(try run("delete", "--force", "library://e/c/n:v1").status == 0)
    #expect(try run("delete", "--force", "library://e/c/n:v1").status == 1)
    // The token never came to the storage; the server would have refused it.
    let storage = server.requests.filter { $0[0] == "storage" }
    #expect(storage.count >= 5 && storage.allSatisfy { $0.last == "-" })
  }

  /// Every way to send: the oldest, in one part, and in several.
  @Test func uploads() throws {
    try use("old")
    try push("library://e/c/old:v1")
    #expect(server.requests.contains { $0[1] == "POST" && $0[2].hasPrefix("/old/v1/imagefile/") })
    // A long image: parts of 32 MiB.
    try Tool.check(["truncate", "-s", "65M", home.file("zeros")])
    try Siftool.check(
      "add", image, home.file("zeros"), "--datatype", "generic", "--filename", "zeros", in: home)
    try use("badpart")
    let failed = try run("push", image, "library://e/c/long:v1")
    #expect(failed.status == 1 && failed.errors.contains("500"), "\(failed.errors)")
    #expect(server.requests.last?[2].hasSuffix("/_multipart_abort") == true)
    try use("parts")
    let long = try run("push", image, "library://e/c/long:v1")
    #expect(long.status == 0, "\(long.errors)")
    #expect(
      server.requests.filter { $0[1] == "PUT" && $0[2].contains("part=") && $0[2].hasPrefix("/parts/") }.count
        == 3)
    #expect(try run("pull", "long.sif", "library://e/c/long:v1").status == 0)
    #expect(try isPulled("long.sif"))
    try use("one-part")
    try push("library://e/c/whole:v1")
    #expect(server.requests.allSatisfy { $0[0] == "library" || $0.last == "-" })
  }

  /// Presigned addresses of a storage with the interface of S3: moto takes one part and several, and gives ranges.
  @Test func presignedAddresses() throws {
    let moto = try TestServer.start { port in
      ["\(Fixture.root)/.build/python/servers/bin/moto_server", "-H", "127.0.0.1", "-p", "\(port)"]
    }
    let library = try LibraryServer(storage: "http://127.0.0.1:\(moto.port)")
    try library.use("s3", in: home)
    try push("library://e/c/short:v1")
    let arguments = ["--disable-cache", "--connections", "2"]
    let short = try Siftool.run(["pull", "s.sif", "library://e/c/short:v1"] + arguments, in: home)
    #expect(try short.status == 0 && isPulled("s.sif"), "\(short.errors)")
    try Shell.check("head -c 70000000 /dev/urandom > noise", in: home)
    try Siftool.check(
      "add", image, home.file("noise"), "--datatype", "generic", "--filename", "noise", in: home)
    try push("library://e/c/long:v1")
    #expect(library.requests.count { $0[2].hasSuffix("/_multipart") && $0[1] == "PUT" } == 3)
    let long = try Siftool.run(["pull", "l.sif", "library://e/c/long:v1"] + arguments, in: home)
    #expect(try long.status == 0 && isPulled("l.sif"), "\(long.errors)")
    let list = try run("list", "library://e/c/long:v1")
    #expect(try list.status == 0 && list.text == Siftool.check("list", image).text, "\(list.errors)")
  }

  /// A library that names its registry: the image comes from there, and from the library if the registry has another one.
  @Test func registryBehindTheLibrary() throws {
    let registry = try TestServer.start { port in
      try home.write(
        "registry.yml",
        """
        version: 0.1
        log: {level: error}
        storage: {filesystem: {rootdirectory: \(home.path)/registry}}
        http: {addr: "127.0.0.1:\(port)", secret: x}
        """)
      return ["docker-registry", "serve", home.file("registry.yml")]
    }
    let address = "oras://127.0.0.1:\(registry.port)/behind/e/c/n:v1"
    try push()
    try use("registry-\(registry.port)")
    let count = { server.requests.count { $0[2].contains("/imagefile/") && $0[1] == "GET" } }
    let before = count()
    // The registry does not have it yet.
    let first = try run("pull", "--disable-cache", "x.sif", "library://e/c/n:v1")
    #expect(try first.status == 0 && isPulled("x.sif") && count() == before + 1, "\(first.errors)")
    #expect(try run("push", "--no-https", image, address).status == 0)
    let second = try run("pull", "--force", "--disable-cache", "x.sif", "library://e/c/n:v1")
    #expect(try second.status == 0 && isPulled("x.sif") && count() == before + 1, "\(second.errors)")
    let other = Fixture.path("images/plain-types.sif")
    #expect(try run("push", "--no-https", other, address).status == 0)
    let third = try run("pull", "--force", "--disable-cache", "x.sif", "library://e/c/n:v1")
    #expect(try third.status == 0 && isPulled("x.sif") && third.errors.contains("asking the library itself"))
  }

  @Test func refusedPushes() throws {
    func refused(_ reference: String, _ status: Int32, _ reason: String, _ options: String...) throws {
      let answer = try Siftool.run(["push", image, reference] + options, in: home)
      #expect(
        answer.status == status && answer.errors.contains(reason),
        "\(reference): \(answer.status) \(answer.errors)")
    }
    try refused("library://c/n", 64, "all three names")
    try refused("library://e/c/n:sha256.\(String(repeating: "0", count: 64))", 64, "not to a hash")
    try refused("library://e/c/n", 64, "is for registries", "--join-index")
    try refused("library://elsewhere.example.org/e/c/n", 6, "needs a token")
    try use("quota")
    try refused("library://q/c/n", 1, "quota \\x1b[31m exceeded")
    try use("other-errors")
    try home.write("unsigned.sif", try Fixture.read("images/partitions.sif"))
    let unsigned = try run("push", home.file("unsigned.sif"), "library://e/c/n:v1")
    #expect(unsigned.status == 2 && unsigned.errors.contains("--allow-unsigned"))
    #expect(try run("push", "-U", home.file("unsigned.sif"), "library://e/c/n:v1").status == 0)
    try Siftool.check("remote", "logout", in: home)
    try refused("library://e/c/n", 6, "remote login")
  }

  /// Whatever the library and its storage send, a file appears only if it is the image.
  @Test func lyingLibrary() throws {
    try push()
    let count = try Tool.read(image).count
    for (mode, status, reason) in [
      ("altered", 5, "its bytes were changed"), ("page", 5, "it is another thing"), ("size", 5, ""),
      ("to-file", 7, "only https:// and http:// can be asked"), ("html", 5, "a web page, not JSON"),
      ("deep", 5, "too deeply nested"), ("oci", 1, "image of OCI"),
    ] as [(String, Int32, String)] {
      try use(mode)
      let answer = try run("pull", "--disable-cache", "x.sif", "library://e/c/n:v1")
      #expect(
        answer.status == status && answer.errors.contains(reason),
        "\(mode): \(answer.status) \(answer.errors)")
      #expect(try Tool.run(["test", "-e", home.file("x.sif")]).status != 0, "\(mode)")
    }
    // One stream from the library itself, and one that breaks in its middle and goes on.
    for mode in ["stream", "cut", "whole"] {
      try use(mode)
      let answer = try run("pull", "--force", "--disable-cache", "x.sif", "library://e/c/n:v1")
      #expect(try answer.status == 0 && isPulled("x.sif"), "\(mode): \(answer.errors)")
    }
    #expect(count > 1000)
    // A host in a reference gets no token, and is asked over https unless told otherwise.
    let requests = server.requests.count
    let host = server.site("").dropLast()
    #expect(try run("pull", "--no-https", "z.sif", "library://\(host)/e/c/n:v1").status == 0)
    #expect(try isPulled("z.sif"))
    #expect(server.requests.dropFirst(requests).allSatisfy { $0.last == "-" })
    #expect(try run("pull", "other.sif", "library://\(host)/e/c/n:v1").status == 7)
    #expect(try run("pull", "other.sif", "library://\(host)/e/c/n:v1", "--library", "http://h").status == 64)
    #expect(try run("pull", "other.sif", "oras://\(host)/e:v1", "--library", "http://h").status == 64)
  }

  /// Parts of an image are read where it is; the storage is asked for them, without the token.
  @Test func readingParts() throws {
    try push()
    let list = try run("list", "library://e/c/n:v1")
    #expect(try list.status == 0 && list.output == run("list", image).output, "\(list.errors)")
    #expect(server.requests.filter { $0[0] == "storage" }.allSatisfy { $0.last == "-" })
    #expect(try run("list", "library://e/c/n:v9").status == 1)
  }

  /// The token goes only to the library that the remote names, whichever library is asked.
  @Test func namedLibrary() throws {
    try push()
    let own = "http://\(server.site())"
    #expect(try run("pull", "x.sif", "library://e/c/n:v1", "--library", own).status == 0)
    #expect(
      server.requests.contains {
        $0[2].hasPrefix("/ok/v1/imagefile") && $0[3] == "Bearer \(LibraryServer.token)"
      })
    #expect(
      try run(
        "pull", "-F", "--disable-cache", "x.sif", "library://e/c/n:v1", "--library",
        "http://\(server.site("stream"))"
      )
      .status == 0)
    #expect(server.requests.filter { $0[2].hasPrefix("/stream/") }.allSatisfy { $0.last == "-" })
  }
}
