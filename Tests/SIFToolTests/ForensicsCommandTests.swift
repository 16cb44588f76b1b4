import Glibc
import StrictJSON
import TestSupport
import Testing

/// `map`, `carve`, `report` and `check --salvage` as users run them.
@Suite struct ForensicsCommandTests {
  private static let key = Fixture.path("keys/rsa2048.sec.asc")

  private static func json(_ arguments: [String], status: Int32 = 0) throws -> JSONValue {
    let answer = try Siftool.run(arguments + ["--json"])
    #expect(answer.status == status, "\(arguments): \(answer.errors)")
    return try JSONParser.parse(answer.output, limits: JSONLimits(bytes: 64 << 20))
  }

  private static func numbers(_ list: JSONValue?, _ key: String) -> [Int64] {
    (list?.elements ?? []).compactMap { $0[key]?.integer }
  }

  /// A packed tree with hostile names, labels and definition file, signed, and one object deleted.
  static func specimen(in directory: Scratch) throws -> String {
    let shell = """
      mkdir -p tree/etc tree/bin tree/tmp && cp /bin/true tree/bin/ && chmod 4755 tree/bin/true
      printf x > tree/etc/plain && chmod 666 tree/etc/plain && chmod 1777 tree/tmp
      printf y > 'tree/etc/<img src=x onerror=alert(1)>' && printf z > "$(printf 'tree/etc/\\377\\033[31mred')"
      touch -d 2031-01-01 tree/etc/plain
      printf 'Bootstrap: docker\\n%%post\\n\\techo "<script>alert(2)</script>"\\n' > definition
      printf '{"<b>bold</b>": "\\\\u001b[31m</pre><script>alert(3)</script>"}' > labels.json
      printf 'FOO="><script>alert(4)</script>"\\n' > environment
      """
    try Tool.check(["sh", "-ec", shell], in: directory.path)
    let image = directory.file("<script>alert(5)<.sif")
    let steps = [
      ["pack", "tree", image, "--deffile", "definition", "--labels", "labels.json", "--quiet"],
      ["add", image, "environment", "--datatype", "environment-variables", "--groupid", "1"],
      ["add", image, "/bin/true", "--datatype", "generic", "--filename", "\"><script>alert(6)</script>"],
      ["add", image, Fixture.path("keys/ed25519.msg.asc"), "--datatype", "generic"],
      ["add", image, "labels.json", "--datatype", "generic-json"], ["del", "6", image],
    ]
    for step in steps {
      try Siftool.check(step, in: directory)
    }
    return image
  }

  /// A squashfs that nobody can read is no sound image, whoever is asked.
  @Test func unreadableSquashfs() throws {
    let directory = try Scratch()
    let image = try Self.specimen(in: directory)
    let list = try Self.json(["list", image])
    let partition = try #require(
      list["objects"]?.elements?.first { $0["partition"] != nil })
    let offset = try #require(partition["offset"]?.integer)
    try Tool.check(
      [
        "sh", "-c",
        "printf '\\377\\377\\377\\377\\377\\377\\377\\177' | dd of=\"$0\" bs=1 seek=\(offset + 64) conv=notrunc status=none",
        image,
      ])
    let check = try Siftool.run("check", image)
    #expect(check.status == 5 && check.text.contains("content-unreadable"), "\(check.text)")
    #expect(try Siftool.run("scan", image, "-q").text.contains(#""code":"content-unreadable""#))
    let page = directory.file("page.html")
    #expect(try Siftool.run("report", image, "-o", page, "--quiet").status == 5)
    let html = String(decoding: try Tool.read(page), as: UTF8.self)
    #expect(html.contains("content-unreadable") && !html.contains("sound, ") && !html.contains(">sound<"))
  }

  // MARK: Map

  @Test(arguments: Fixture.imageNames)
  func mapsAreAsTheSchemaSaysAndAsTheReferenceLists(name: String) throws {
    let path = Fixture.path("images/\(name)")
    let answer = try Siftool.check("map", path, "--json")
    #expect(try JSONSchema.faults(of: answer.output, schema: "map") == "")
    let map = try JSONParser.parse(answer.output)
    let size = Int64(try Fixture.read("images/\(name)").count)
    #expect(Self.numbers(map["regions"], "length").reduce(0, +) == size)
    #expect(map["size"]?.integer == size)
    var extents: Set<String> = []
    for region in map["regions"]?.elements ?? [] where region["kind"]?.text == "object" {
      let offset = try #require(region["offset"]?.integer)
      extents.insert("\(offset)-\(offset + (region["length"]?.integer ?? 0))")
      let id = try #require(region["object"]?.integer)
      let sum = try Tool.check(["sh", "-c", "siftool dump \(id) \(path) | sha256sum"]).text.prefix(64)
      #expect(region["sha256"]?.text == String(sum), "object \(id)")
    }
    let listing = try Tool.check(["siftool", "list", path]).text.split(separator: "\n").dropFirst(3)
    for line in listing {
      let columns = line.split(separator: "|")
      guard columns.count > 3 else { continue }
      let extent = columns[3].split(separator: " ")[0]
      let ends = extent.split(separator: "-")
      if ends[0] != ends[1] { #expect(extents.contains(String(extent)), "\(line)") }
    }
  }

  @Test func coverageIsClaimedOrVerified() throws {
    let directory = try Scratch()
    let image = directory.file("image.sif")
    try Siftool.check("new", image)
    for file in ["keys/pem-rsa.pem", "images/one-slot.sif"] {
      try Siftool.check("add", image, Fixture.path(file), "--datatype", "generic", "--groupid", "1")
    }
    try Siftool.check("add", image, Fixture.path("keys/ring.pgp"), "--datatype", "generic")
    let secret = try directory.write("key", try Tool.read(Self.key))
    try Siftool.check(
      "sign", image, "--key", secret, "--group-id", "1",
      environment: ["SOURCE_DATE_EPOCH": "1704153600"])
    func states(_ arguments: [String]) throws -> [String] {
      let map = try Self.json(["map", image] + arguments)
      return (map["regions"]?.elements ?? []).compactMap { region in
        guard ["object", "launch-script", "descriptor"].contains(region["kind"]?.text) else { return nil }
        let ids = Self.ids(region["coverage"]?["signatures"])
        return
          "\(region["coverage"]?["state"]?.text ?? "") \(ids) \(region["coverage"]?["uncoveredBytes"]?.integer ?? -1)"
      }
    }
    func expected(_ word: String) -> [String] {
      let whole = Int64(585)
      return ["\(word) [4] 0", "\(word) [4] 33", "\(word) [4] 33", "none [] \(whole)", "none [] \(whole)"]
        + ["\(word) [4] 0", "\(word) [4] 0"]
    }
    #expect(Array(try states([]).prefix(7)) == expected("claimed"))
    #expect(Array(try states(["--key", secret]).prefix(7)) == expected("validated"))
    let wrong = try states(["--key", Fixture.path("keys/ed25519.pub.asc")])
    #expect(wrong.allSatisfy { $0.hasPrefix("none") })
    // A byte that was altered is no longer covered, whatever the signature claims.
    try Tool.check(["sh", "-c", "printf X | dd of=\(image) bs=1 seek=32200 conv=notrunc 2> /dev/null"])
    #expect(try states([])[5] == "claimed [4] 0")
    #expect(try states(["--key", secret])[5].hasPrefix("broken [4]"))
  }

  private static func ids(_ list: JSONValue?) -> [Int64] { (list?.elements ?? []).compactMap(\.integer) }

  /// A partition a thousand times the rest: every other part still has its cell, its row and its figures.
  @Test func drawingsShowTheSmallBesideTheLarge() throws {
    let directory = try Scratch()
    let image = try Self.specimen(in: directory)
    try Tool.check(["truncate", "-s", "40M", directory.file("large")])
    try Siftool.check(
      "add", image, directory.file("large"), "--datatype", "partition", "--partfs", "raw",
      "--parttype", "data", "--partarch", "amd64", "--quiet")
    try Siftool.check("map", image, "--svg", directory.file("map.svg"))
    let program = """
      import sys, xml.dom.minidom as dom
      page = dom.parse(sys.argv[1])
      assert page.documentElement.tagName == "svg"
      names = {node.tagName for node in page.getElementsByTagName("*")}
      assert names <= {"svg", "title", "rect", "text", "polygon", "g"}, names
      for node in page.getElementsByTagName("*"):
          for name, value in node.attributes.items():
              assert not name.startswith("on") and "href" not in name and "url(" not in value, (name, value)
      cells = [float(r.getAttribute("width")) for r in page.getElementsByTagName("rect") if r.getAttribute("y") == "132"]
      print(len(cells), min(cells))
      print(" ".join(t.firstChild.data for t in page.getElementsByTagName("text")))
      """
    let lines = try Tool.check(["python3", "-c", program, directory.file("map.svg")]).text.split(
      separator: "\n")
    let counts = lines[0].split(separator: " ")
    #expect((Int(counts[0]) ?? 0) > 8)
    #expect((Double(counts[1]) ?? 0) > 15)
    for label in ["object 1: definition-file", "41.9 MB", "signed", "header", "gap between"] {
      #expect(lines[1].contains(label), "\(label)")
    }
  }

  @Test func damagedImagesAreMappedToo() throws {
    let directory = try Scratch()
    let bytes = try Fixture.read("images/groups-and-links.sif")
    let truncated = try directory.write("truncated.sif", Array(bytes.prefix(9000)))
    let map = try Self.json(["map", truncated], status: 5)
    #expect(Self.numbers(map["regions"], "length").reduce(0, +) == 9000)
    #expect(map["error"]?["code"]?.text == "truncated")
    let text = try directory.write("text", Array("no image at all\n".utf8))
    #expect(try Self.json(["map", text], status: 5)["regions"]?.elements?.count == 1)
    let answer = try Siftool.run("map", truncated, "--json")
    #expect(try JSONSchema.faults(of: answer.output, schema: "map") == "")
  }

  /// A terabyte of hole takes no time, and the map says what it did not hash.
  @Test func sparseFiles() throws {
    let directory = try Scratch()
    let image = try directory.write("sparse.sif", try Fixture.read("images/plain-types.sif"))
    try Tool.check(["truncate", "-s", "1T", image])
    let map = try Self.json(["map", image])
    let last = try #require(map["regions"]?.elements?.last)
    #expect(last["kind"]?.text == "trailing")
    #expect(last["sha256"] == .null)
    #expect((last["holeBytes"]?.integer ?? 0) > 1_099_500_000_000)
    #expect(Self.numbers(map["regions"], "length").reduce(0, +) == 1 << 40)
    let text = try Siftool.check("map", image).text
    #expect(text.contains("bytes lie in holes of the file"))
    #expect(try Self.json(["carve", image])["items"]?.elements?.isEmpty == true)
    let report = try Self.json(["report", image])
    #expect(report["acquisition"]?["sha256Before"] == .null)
  }

  // MARK: Carve

  @Test func extractionNeverWritesOverAnything() throws {
    let directory = try Scratch()
    let image = try Self.specimen(in: directory)
    let found = directory.file("found")
    try Siftool.check("carve", image, "--extract", found, "--quiet")
    let manifest = try Tool.read("\(found)/manifest.json")
    #expect(try JSONSchema.faults(of: manifest, schema: "carve") == "")
    let items = try JSONParser.parse(manifest)["items"]?.elements ?? []
    #expect(items.contains { $0["kind"]?.text == "pgp-clear-signed" && $0["confidence"]?.text == "high" })
    for item in items {
      let name = try #require(item["file"]?.text)
      let sum = try Tool.check(["sha256sum", "\(found)/\(name)"]).text.prefix(64)
      #expect(item["sha256"]?.text == String(sum))
    }
    let message = try Fixture.read("keys/ed25519.msg.asc")
    #expect(try items.contains { try Tool.read("\(found)/\($0["file"]?.text ?? "")") == message })
    // The second time everything is there already: an error, and nothing is touched.
    let before = try Tool.check(["sh", "-c", "sha256sum *; ls -l --time-style=full-iso"], in: found).text
    let again = try Siftool.run("carve", image, "--extract", found)
    #expect(again.status == 7)
    #expect(again.errors.contains("File exists"))
    #expect(
      try Tool.check(["sh", "-c", "sha256sum *; ls -l --time-style=full-iso"], in: found).text == before)
    // Only the manifest is in the way: what was written before it goes again.
    let half = directory.file("half")
    try Tool.check(["mkdir", half])
    try Tool.write("\(half)/manifest.json", Array("mine".utf8))
    #expect(try Siftool.run("carve", image, "--extract", half).status == 7)
    #expect(try Tool.check(["ls", half]).text == "manifest.json\n")
    #expect(try Tool.read("\(half)/manifest.json") == Array("mine".utf8))
    let high = try Self.json(["carve", image, "--min-confidence", "high"])["items"]?.elements ?? []
    #expect(!high.isEmpty && high.allSatisfy { $0["confidence"]?.text == "high" })
  }

  /// A signal while items are written: what is there goes again, and the signal ends the process.
  @Test(arguments: [1, 2, 3])
  func interruptedExtractionLeavesNothing(write: Int) throws {
    let directory = try Scratch()
    let image = try Self.specimen(in: directory)
    try directory.write("trace", "")
    let before = try Tool.check(["ls", directory.path]).text
    let answer = try Tool.run([
      "strace", "-f", "-qq", "-o", directory.file("trace"), "-e", "trace=pwrite64", "-e",
      "inject=pwrite64:signal=TERM:when=\(write)", Fixture.siftool, "carve", image, "--all", "--extract",
      directory.file("found"),
    ])
    #expect(answer.status == 128 + SIGTERM && answer.text.isEmpty, "\(answer.status) \(answer.errors)")
    #expect(try Tool.check(["ls", directory.path]).text == before)
  }

  // MARK: Salvage

  @Test func salvagedImagesVerify() throws {
    let directory = try Scratch()
    let image = directory.file("image.sif")
    try Siftool.check("new", image)
    try Siftool.check("add", image, Fixture.path("keys/ring.pgp"), "--datatype", "generic", "--groupid", "1")
    let secret = try directory.write("key", try Tool.read(Self.key))
    let past = ["SOURCE_DATE_EPOCH": "1704153600"]
    try Siftool.check("sign", image, "--key", secret, environment: past)
    try Siftool.check("add", image, "/bin/true", "--datatype", "generic", "--groupid", "2")
    let bytes = try Tool.read(image)
    // The end is gone, and so is the magic.
    let damaged = try directory.write("damaged.sif", Array(bytes.dropLast(100)))
    try Tool.check(["sh", "-c", "printf X | dd of=\(damaged) bs=1 seek=34 conv=notrunc 2> /dev/null"])
    let out = directory.file("out.sif")
    let answer = try Siftool.run("check", damaged, "--salvage", out, "--json")
    #expect(answer.status == 5)
    #expect(try JSONSchema.faults(of: answer.output, schema: "check") == "")
    let salvaged = try JSONParser.parse(answer.output)["salvaged"]
    #expect(Self.ids(salvaged?["kept"]) == [1, 2])
    #expect(try Siftool.run("check", out).status == 0)
    #expect(try Siftool.run("verify", out, "--key", secret).status == 0)
    #expect(try Tool.run(["siftool", "list", out]).status == 0)
    #expect(try Siftool.run("check", "/dev/null", "--salvage", directory.file("none")).status == 5)
    #expect(try Tool.run(["ls", directory.file("none")]).status != 0)
  }

  /// Results never go where the evidence is.
  @Test func theImageItselfIsNotWrittenTo() throws {
    let directory = try Scratch()
    let bytes = try Fixture.read("images/partitions.sif")
    let image = try directory.write("image.sif", bytes)
    try Tool.check(["ln", image, directory.file("link.sif")])
    for arguments in [["map", "--svg"], ["report", "-o"], ["check", "--salvage"]] {
      let answer = try Siftool.run(arguments[0], image, arguments[1], directory.file("link.sif"))
      #expect(answer.status == 64, "\(arguments): \(answer.errors)")
    }
    #expect(try Tool.read(image) == bytes)
  }
}
