import Glibc
import TestSupport
import Testing

/// Servers that lie, break off and send elsewhere: a pull makes the right image or none, and says why.
@Suite struct LyingServerTests {
  private let directory: Scratch
  private let server: TestServer
  private let image: [UInt8]

  init() throws {
    directory = try Scratch()
    image = try Fixture.read("images/plain-types.sif")
    try directory.write("image.sif", image)
    server = try TestServer.start(
      ["/usr/bin/python3", Fixture.script("lying-server.py"), directory.path],
      portsFile: directory.file("ports"))
  }

  private var origin: String { "http://127.0.0.1:\(server.port)" }

  /// Pulls to a new file. Waits are short.
  private func pull(
    _ address: String, to name: String = "new.sif", _ options: [String] = [], retries: Int = 2
  ) throws -> ToolAnswer {
    try Siftool.run(
      ["pull", "--no-https", "--retries", "\(retries)", name, address] + options, in: directory)
  }

  private func hasFile(_ name: String) -> Bool { access(directory.file(name), F_OK) == 0 }

  private func files(endingIn end: String) throws -> [String] {
    try Tool.check(["ls", directory.path]).text.split(separator: "\n").map(String.init).filter {
      $0.hasSuffix(end)
    }
  }

  private func requests() throws -> [[String]] {
    let text = String(decoding: (try? directory.read("requests")) ?? [], as: UTF8.self)
    return text.split(separator: "\n").map { $0.split(separator: "\t").map(String.init) }
  }

  @Test(arguments: ["ok", "untold", "cut", "cut-without-ranges", "busy", "relative", "to-other"])
  func theRightImage(way: String) throws {
    // With a cut, each try brings an eighth.
    let answer = try pull("\(origin)/\(way)/app.sif", retries: 1)
    let again = way == "busy" ? try pull("\(origin)/\(way)/app.sif") : answer
    #expect(again.status == 0, "\(way): \(again.errors)")
    #expect(try directory.read("new.sif") == image)
    #expect(try files(endingIn: ".part").isEmpty)
  }

  @Test(
    arguments: [
      ("short", 7, "the answer ends after|broke after"), ("changed", 5, "it changed while it was read"),
      ("other-range", 5, "bytes from [0-9]+ on were asked for, and the answer is .bytes 0-99"),
      ("not-satisfiable", 5, "it has no bytes from"), ("limit", 7, "429 Too Many Requests.*again in 3600 s"),
      ("error", 7, "500 Internal Server Error"), ("loop", 7, "more than 10"),
      ("to-file", 7, "only https:// and http://"), ("html", 5, "a web page, not an image"),
      ("endless", 5, "something else, not an image"), ("endless-head", 5, "more than 262144 bytes"),
      ("cut-in-head", 7, "127.0.0.1"), ("nothing", 7, "127.0.0.1"), ("rubbish", 5, "127.0.0.1"),
      ("injection", 7, "names no host"), ("drip", 7, "next to nothing, for 2 s"),
      ("silent", 7, "waiting for an answer"),
    ])
  func theReason(way: String, status: Int, reason: String) throws {
    let answer = try pull(
      "\(origin)/\(way)/app.sif", ["--stall-timeout", "2"],
      retries: ["other-range", "changed", "not-satisfiable"].contains(way) ? 1 : 0)
    #expect(answer.status == status, "\(way): \(answer.errors)")
    #expect(try answer.errors.contains(Regex(reason)), "\(way): \(answer.errors)")
    #expect(!answer.errors.contains("\u{1B}"))
    #expect(!hasFile("new.sif"), "\(way)")
    // What cannot be continued is not kept.
    if status == 5 { #expect(try files(endingIn: ".part").isEmpty, "\(way)") }
  }

  /// An address that is not encrypted is asked only if somebody says so, and credentials are for one origin.
  @Test func credentialsStay() throws {
    let reference = "oras://127.0.0.1:\(server.port)/secret/a:1"
    let config = "{\"auths\":{\"127.0.0.1:\(server.port)\":{\"auth\":\"dXNlcjpwYXNz\"}}}"
    try Tool.check(["mkdir", "-p", directory.file(".singularity")])
    try directory.write(".singularity/docker-config.json", config)
    let refused = try Siftool.run(["pull", "new.sif", reference, "--retries", "0"], in: directory)
    #expect(refused.status == 7 && !hasFile("new.sif"))
    #expect(try requests().isEmpty)
    let answer = try pull(reference)
    #expect(answer.status == 0, "\(answer.errors)")
    #expect(try directory.read("new.sif") == image)
    // A host that the registry leads to asks for the login, and gets none.
    let asked = try pull("oras://127.0.0.1:\(server.port)/asks/a:1", to: "asked.sif", ["--disable-cache"])
    #expect(asked.status == 7 && asked.errors.contains("401 Unauthorized"), "\(asked.errors)")
    let seen = try requests()
    #expect(seen.contains { $0[2] == "/asks" })
    #expect(seen.contains { $0[2].hasPrefix("/v2/token") && $0[4] == "Basic dXNlcjpwYXNz" })
    #expect(seen.contains { $0[2].contains("/manifests/") && $0[4] == "Bearer the-token" })
    let elsewhere = seen.filter { $0[0] == "\(server.ports[1])" }
    #expect(!elsewhere.isEmpty && elsewhere.allSatisfy { $0[4] == "-" }, "\(elsewhere)")
    // The secret of an address is not shown.
    let secret = try pull("\(origin)/html/app.sif?signature=verysecret", to: "other.sif")
    #expect(!secret.errors.contains("verysecret"), "\(secret.errors)")
  }

  /// A token that stands for a login, and one that the registry takes as it is.
  @Test func tokens() throws {
    let host = "127.0.0.1:\(server.port)"
    try directory.write("identity", "{\"auths\":{\"\(host)\":{\"identitytoken\":\"the identity\"}}}")
    try directory.write("registry", "{\"auths\":{\"https://\(host)/v1/\":{\"registrytoken\":\"the-token\"}}}")
    try directory.write("wrong", "{\"auths\":{\"\(host)\":{\"identitytoken\":\"another\"}}}")
    try directory.write("no-json", "auths: x")
    let reference = "oras://\(host)/identity/a:1"
    for file in ["identity", "registry"] {
      let answer = try pull(reference, to: "\(file).sif", ["--authfile", file])
      #expect(answer.status == 0, "\(file): \(answer.errors)")
    }
    let wrong = try pull(reference, ["--authfile", "wrong"])
    #expect(wrong.status == 7 && wrong.errors.contains("refuses the login"), "\(wrong.errors)")
    let malformed = try pull(reference, ["--authfile", "no-json"])
    #expect(malformed.status == 5 && malformed.errors.contains("no-json is not JSON"), "\(malformed.errors)")
    #expect(!hasFile("new.sif"))
  }

  /// Of an image on a server, only what is needed is read.
  @Test func readingParts() throws {
    let place = try Scratch()
    try Shell.check(
      "mkdir tree; head -c 20000000 /dev/urandom > tree/random; echo small > tree/small; siftool pack tree image.sif -q",
      in: place)
    let server = try TestServer.start(
      ["/usr/bin/python3", Fixture.script("lying-server.py"), place.path], portsFile: place.file("ports"))
    let address = "http://127.0.0.1:\(server.port)/ok/app.sif"
    for command in [
      ["list"], ["header"], ["info", "1"], ["inspect"], ["ls", "-R"], ["cat", "small"], ["check"],
    ] {
      let (name, rest) = (command[0], Array(command.dropFirst()))
      let arguments = { (image: String) in
        name == "cat" ? [name, image] + rest : [name] + rest + [image]
      }
      let local = try Siftool.check(arguments(place.file("image.sif")))
      try place.write("requests", "")
      let remote = try Siftool.run(arguments(address), in: directory)
      #expect(remote.status == 0, "\(command): \(remote.errors)")
      if name != "inspect" { #expect(remote.output == local.output, "\(command)") }
      let ranges = String(decoding: try place.read("requests"), as: UTF8.self).split(separator: "\n")
        .map { $0.split(separator: "\t")[3].dropFirst(6).split(separator: "-").compactMap { Int($0) } }
      #expect(ranges.count < 12, "\(command): \(ranges)")
      #expect(ranges.reduce(0) { $0 + $1[1] - $1[0] } < 1_000_000, "\(command): \(ranges)")
    }
    let whole = try Siftool.run("dump", "1", address, in: directory)
    #expect(whole.status == 0, "\(whole.errors)")
    #expect(try whole.output == Siftool.check("dump", "1", place.file("image.sif")).output)
    let repair = try Siftool.run("check", "--repair", address, in: directory)
    #expect(repair.status == 64 && repair.errors.contains("can only be read"), "\(repair.errors)")
    // A server that sends no parts, one that sends others, and one that is not there.
    for (way, reason) in [("untold", "no parts of files"), ("html", "not a SIF image"), ("limit", "429")] {
      let answer = try Siftool.run(
        "list", "http://127.0.0.1:\(server.port)/\(way)/app.sif", in: directory)
      #expect(answer.status != 0 && answer.errors.contains(reason), "\(way): \(answer.errors)")
    }
  }

  @Test(
    arguments: [
      ("wrong-blob", 5, "its bytes were changed"), ("long-blob", 5, "more bytes came than"),
      ("missing", 1, "BLOB_UNKNOWN: not here"), ("negative", 5, "its size is -5"),
      ("huge", 7, "there is room for"),
      ("many", 5, "10000 layers"), ("two", 5, "should have a single layer"), ("container", 5, "docker://"),
      ("deep", 5, "is not a document"), ("html", 5, "is not a document"),
      ("cycle", 5, "its bytes were changed"),
      ("wrong-manifest", 5, "its bytes were changed"), ("json-bomb", 5, "more than 16777216 bytes"),
      ("escapes", 1, "red"), ("no-realm", 7, "names no place to get it"),
      ("file-realm", 7, "a token service that is none"),
      ("strange", 7, "401 Unauthorized"), ("html-token", 5, "looks like a web page"),
      ("basic", 7, "wants a login"), ("token-asks", 7, "401 Unauthorized"),
    ])
  func registriesThatLie(way: String, status: Int, reason: String) throws {
    let answer = try pull("oras://127.0.0.1:\(server.port)/\(way)/a:1", retries: 0)
    #expect(answer.status == status, "\(way): \(answer.errors)")
    #expect(answer.errors.contains(reason), "\(way): \(answer.errors)")
    #expect(!answer.errors.contains("\u{1B}"), "\(way)")
    #expect(!hasFile("new.sif"), "\(way)")
    #expect(try files(endingIn: ".part").isEmpty, "\(way)")
  }

  /// Ten pulls that are ended end in one right file, and nothing has its name before.
  @Test func interruptedPulls() throws {
    var resumed = 0
    for round in 0..<10 {
      let running = try Siftool.start(
        ["pull", "new.sif", "\(origin)/slow/app.sif", "--quiet"], in: directory)
      let before = try requests().count
      while try requests().count == before { usleep(10_000) }
      usleep(UInt32(150_000 + 20_000 * round))
      running.signal([SIGINT, SIGTERM, SIGKILL][round % 3])
      let answer = try running.wait()
      if answer.status == 0 { break }
      #expect(!hasFile("new.sif"))
      #expect(try files(endingIn: ".part").count <= 1)
      if try requests().contains(where: { $0[3] != "-" }) { resumed += 1 }
    }
    if !hasFile("new.sif") {
      try Siftool.check(["pull", "new.sif", "\(origin)/slow/app.sif"], in: directory)
    }
    #expect(try directory.read("new.sif") == image)
    #expect(try files(endingIn: ".part").isEmpty)
  }

  /// Two pulls of one image at once: one makes it, the other one waits and finds it there.
  @Test func twoAtOnce() throws {
    let first = try Siftool.start(["pull", "new.sif", "\(origin)/slow/app.sif"], in: directory)
    let second = try Siftool.start(["pull", "new.sif", "\(origin)/slow/app.sif"], in: directory)
    let answers = [try first.wait(), try second.wait()]
    #expect(answers.contains { $0.status == 0 }, "\(answers.map(\.errors))")
    #expect(answers.allSatisfy { $0.status == 0 || $0.errors.contains("exists already") })
    #expect(try directory.read("new.sif") == image)
    #expect(try files(endingIn: ".part").isEmpty)
  }

  /// A disk that is full: the reason is told, and nothing has the name.
  @Test func fullDisk() throws {
    let script = """
      mkdir full; mount -t tmpfs -o size=16k none full
      siftool pull full/new.sif \(origin)/untold/app.sif && exit 1
      siftool pull full/new.sif \(origin)/ok/app.sif && exit 1
      ls full > left; umount full; cat left
      """
    let answer = try Tool.run(
      [
        "unshare", "-m", "sh", "-c",
        "PATH=\(Fixture.siftool.dropLast(8)):$PATH; cd \(directory.path); \(script)",
      ],
      environment: ["HOME": directory.path])
    #expect(answer.errors.contains("No space left"), "\(answer.errors)")
    #expect(answer.errors.contains("there is room for"), "\(answer.errors)")
    #expect(!answer.text.split(separator: "\n").contains("new.sif"))
  }

  /// An existing file stays, unless it may be replaced.
  @Test func existingFile() throws {
    try directory.write("new.sif", "mine")
    let answer = try pull("\(origin)/ok/app.sif")
    #expect(answer.status == 1 && answer.errors.contains("new.sif exists already; --force replaces it"))
    #expect(try directory.read("new.sif") == Array("mine".utf8))
    #expect(try requests().isEmpty)
    #expect(try pull("\(origin)/ok/app.sif", ["--force"]).status == 0)
    #expect(try directory.read("new.sif") == image)
  }

  /// Without the library: one sentence, and the exit code of the system.
  @Test func withoutTheLibrary() throws {
    let script = """
      for library in /usr/lib/*/libcurl*.so.4*; do [ -L "$library" ] || mount --bind /dev/null "$library"; done
      siftool pull new.sif \(origin)/ok/app.sif
      """
    let answer = try Tool.run(
      [
        "unshare", "-m", "sh", "-c",
        "PATH=\(Fixture.siftool.dropLast(8)):$PATH; cd \(directory.path); \(script)",
      ],
      environment: ["HOME": directory.path])
    #expect(answer.status == 7)
    #expect(answer.errors.contains("the network needs libcurl.so.4"), "\(answer.errors)")
    #expect(answer.errors.split(separator: "\n").count == 1)
  }
}
