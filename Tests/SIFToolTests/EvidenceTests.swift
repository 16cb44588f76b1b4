import Glibc
import StrictJSON
import TestSupport
import Testing

/// What is examined stays as it is, and what is found in it harms nobody who reads of it.
@Suite struct EvidenceTests {
  private static func commands(_ image: String, _ directory: Scratch) -> [[String]] {
    // Results take nobody's place: each run has files of its own.
    let number = UInt32.random(in: 0 ... .max)
    return [
      ["map", image], ["map", image, "--json", "--key", Fixture.path("keys/ed25519.pub.asc")],
      ["map", image, "--svg", directory.file("map-\(number).svg")], ["carve", image],
      ["carve", image, "--all", "--extract", directory.file("found-\(number)")],
      ["report", image], ["report", image, "--json"],
      ["check", image, "--salvage", directory.file("salvaged-\(number)")],
    ]
  }

  /// Bytes, access and modification times, and locks.
  @Test func nothingOfTheFileChanges() throws {
    let directory = try Scratch()
    let image = try directory.write("image.sif", try Fixture.read("images/groups-and-links.sif"))
    // An access time older than the modification: a kernel with relatime would renew it.
    try Tool.check(["touch", "-a", "-d", "2001-01-01", image])
    let holder = """
      import fcntl, sys
      file = open(sys.argv[1], "r+b")
      fcntl.lockf(file, fcntl.LOCK_EX, 1 << 30)
      print("held", flush=True)
      sys.stdin.read()
      """
    let state = ["stat", "-c", "%X %Y %Z %s %h %a", image]
    let before = try Tool.check(state).text
    let bytes = try Tool.read(image)
    try Tool.check(["touch", "-a", "-d", "2001-01-01", image])
    let expected = try Tool.check(state).text
    #expect(expected.split(separator: " ")[0] == before.split(separator: " ")[0])
    let script = """
      lock=":$(stat -c %i "$IMAGE") 0 "
      mkfifo wait
      python3 -c "$1" "$IMAGE" < wait &
      exec 9> wait
      for _ in $(seq 1200); do grep -q "$lock" /proc/locks && break; sleep 0.05; done
      shift
      "$@"
      status=$?
      grep -c "$lock" /proc/locks >&2
      exec 9>&-
      wait
      exit $status
      """
    for command in Self.commands(image, directory) {
      let place = try Scratch()
      let answer = try Tool.run(
        ["bash", "-c", script, "bash", holder, Fixture.siftool] + command, environment: ["IMAGE": image],
        in: place.path)
      #expect(answer.status == 0, "\(command): \(answer.errors)")
      // The other program's lock, and none of ours.
      #expect(answer.errors.hasSuffix("1\n"), "\(command): \(answer.errors)")
      #expect(try Tool.check(state).text == expected, "\(command)")
    }
    #expect(try Tool.read(image) == bytes)
  }

  /// An immutable file, one that may only be read, and one on a file system that is mounted to be read.
  @Test func whatCannotBeWrittenCanBeExamined() throws {
    let directory = try Scratch()
    let image = try directory.write("image.sif", try Fixture.read("images/groups-and-links.sif"))
    try Tool.check(["chmod", "400", image])
    // Not every file system knows the attribute; the permissions are there anyway.
    let isImmutable = try Tool.run(["chattr", "+i", image]).status == 0
    defer { if isImmutable { _ = try? Tool.run(["chattr", "-i", image]) } }
    for command in Self.commands(image, directory) {
      #expect(try Siftool.run(command).status == 0, "\(command)")
    }
    guard geteuid() == 0 else { return }
    let mount = directory.file("mounted")
    try Tool.check(["mkdir", mount])
    let script =
      "mount -t tmpfs none \"$1\" && cp \"$2\" \"$1/image.sif\" && mount -o remount,ro \"$1\" && shift 2 && \"$@\""
    // Where this process may not mount, a namespace of its own does not help either: then permissions have to do.
    guard try Tool.run(["unshare", "-m", "true"]).status == 0,
      try Tool.run(["unshare", "-m", "sh", "-c", "mount -t tmpfs none \"$1\"", "sh", mount]).status == 0
    else { return }
    for command in Self.commands("\(mount)/image.sif", directory) {
      let answer = try Tool.run(
        ["unshare", "-m", "sh", "-c", script, "sh", mount, image, Fixture.siftool] + command)
      #expect(answer.status == 0, "\(command): \(answer.errors)")
    }
  }

  /// Who may not keep the access time is told so; what is no file to read is refused as elsewhere.
  @Test func refusals() throws {
    let directory = try Scratch()
    try Tool.check(["mkfifo", directory.file("fifo")])
    for command in ["map", "carve", "report"] {
      #expect(try Siftool.run(command, directory.file("fifo")).status == 5)
      #expect(try Siftool.run(command, directory.path).status == 5)
      #expect(try Siftool.run(command, directory.file("missing")).status == 7)
      #expect(try Siftool.run(command).status == 64)
    }
    #expect(try Siftool.run("carve", "/dev/null").status == 5)
    guard geteuid() == 0 else { return }
    let image = try directory.write("image.sif", try Fixture.read("images/partitions.sif"))
    try Tool.check(["chmod", "755", directory.path])
    try Tool.check(["chmod", "444", image])
    let other = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"]
    let answer = try Tool.run(other + [Fixture.siftool, "map", image])
    // The tool itself may lie where others cannot go.
    if answer.status != 126, answer.status != 127 {
      #expect(answer.status == 0, "\(answer.errors)")
      #expect(answer.errors.contains("may change its access time"))
      try Tool.check(["chmod", "400", image])
      #expect(try Tool.run(other + [Fixture.siftool, "map", image]).status == 7)
    }
  }

  /// What a page may hold: no script, no handler, nothing from elsewhere, no control characters.
  private static let inspector = """
    import html.parser, sys
    text = open(sys.argv[1], "rb").read()
    assert not any(byte < 32 and byte not in (9, 10) for byte in text)
    text = text.decode("utf-8")
    class Inspector(html.parser.HTMLParser):
        def __init__(self):
            super().__init__()
            self.tags, self.words = set(), []
        def handle_starttag(self, tag, attributes):
            self.tags.add(tag)
            for name, value in attributes:
                assert not name.startswith("on"), (tag, name)
                assert name not in ("src", "href", "action", "data", "srcset", "xlink:href"), (tag, name, value)
                assert "url(" not in (value or "") and "http" not in (value or "").replace("http-equiv", ""), value
        def handle_data(self, data):
            self.words.append(data)
    page = Inspector()
    page.feed(text)
    allowed = set("html head meta title style body main h1 h2 h3 p ul li b table thead tbody tr th td pre svg rect text "
                  "polygon g".split())
    assert page.tags <= allowed, page.tags - allowed
    style = text[text.index("<style>"):text.index("</style>")]
    assert "url(" not in style and "@import" not in style
    print("".join(page.words))
    """

  @Test func pagesAreHarmless() throws {
    let directory = try Scratch()
    let image = try ForensicsCommandTests.specimen(in: directory)
    try Siftool.check("report", image, "-o", directory.file("report.html"))
    let page = try directory.write("inspector.py", Array(Self.inspector.utf8))
    let text = try Tool.check(["python3", page, directory.file("report.html")]).text
    for number in 2...6 { #expect(text.contains("alert(\(number))"), "\(number)") }
    for words in [
      "<img src=x onerror=alert(1)>", "\\xff\\x1b[31mred", "\\x1b[31m</pre>", "SHA-256 before", "-rwsr-xr-x",
      "2031-01-01", "gap between",
    ] { #expect(text.contains(words), "\(words)") }
    let answer = try Siftool.check("report", image, "--json")
    #expect(try JSONSchema.faults(of: answer.output, schema: "report") == "")
    for command in [["map", image], ["carve", image], ["report", image]] {
      let output = try Siftool.check(command).output
      #expect(!output.contains(0x1B), "\(command)")
    }
  }

  @Test(arguments: Fixture.imageNames)
  func reportsOfAllImages(name: String) throws {
    let image = Fixture.path("images/\(name)")
    let environment = ["SOURCE_DATE_EPOCH": "1700000000"]
    // Of images with faults the exit code tells.
    let status = try Siftool.run("check", image).status
    let first = try Siftool.run("report", image, environment: environment)
    #expect(first.status == status)
    #expect(try Siftool.run("report", image, environment: environment).output == first.output)
    let directory = try Scratch()
    let page = try directory.write("inspector.py", Array(Self.inspector.utf8))
    try Tool.check(["python3", page, try directory.write("page.html", first.output)])
    let answer = try Siftool.run("report", image, "--json", environment: environment)
    #expect(answer.status == status)
    #expect(try JSONSchema.faults(of: answer.output, schema: "report") == "")
    let digests = try JSONParser.parse(answer.output)["acquisition"]
    let sum = try Tool.check(["sha256sum", image]).text.prefix(64)
    #expect(digests?["sha256Before"]?.text == String(sum))
    #expect(digests?["sha256After"]?.text == String(sum))
    #expect(digests?["time"]?.text == "2023-11-14T22:13:20Z")
  }

  /// Files of an encrypted partition are listed with its key; without it there are its facts.
  @Test func encryptedPartitions() throws {
    let directory = try Scratch()
    let image = try ForensicsCommandTests.specimen(in: directory)
    try directory.write("secret", Array("correct horse".utf8))
    try directory.write("wrong", Array("battery staple".utf8))
    let sealed = directory.file("sealed.sif")
    try Siftool.check(
      "encrypt", image, sealed, "--passphrase-file", directory.file("secret"), "--kdf-memory", "8",
      "--quiet")
    let without = try Siftool.check("report", sealed)
    #expect(without.text.contains("it is encrypted, and no key was given"))
    #expect(without.text.contains("aes-xts-plain64"))
    #expect(!without.text.contains("-rwsr-xr-x"))
    let key = ["--passphrase-file", directory.file("secret")]
    let with = try Siftool.check(["report", sealed, "--quiet"] + key)
    #expect(with.text.contains("-rwsr-xr-x"))
    let wrong = ["--passphrase-file", directory.file("wrong")]
    let answer = try Siftool.run(["report", sealed, "--json"] + wrong)
    #expect(answer.status == 6)
    #expect(try JSONSchema.faults(of: answer.output, schema: "report") == "")
  }

  /// Of a damaged image the report says what can be said, and the commands end as they should.
  @Test func reportsOfDamagedImages() throws {
    let directory = try Scratch()
    let page = try directory.write("inspector.py", Array(Self.inspector.utf8))
    let seed: UInt64 = 31_337
    var random = SeededRandom(seed: seed)
    for round in 0..<20 {
      let name = try #require(Fixture.imageNames.randomElement(using: &random))
      var bytes = try Fixture.read("images/\(name)")
      for _ in 0..<Int.random(in: 0...8, using: &random) {
        let limit = Bool.random(using: &random) ? 128 : 4096 + 8 * 585
        bytes[Int.random(in: 0..<min(bytes.count, limit), using: &random)] = .random(
          in: 0...255, using: &random)
      }
      if round.isMultiple(of: 2) { bytes.removeLast(Int.random(in: 0..<bytes.count, using: &random)) }
      let image = try directory.write("image.sif", bytes)
      let answer = try Siftool.run("report", image)
      let note = "seed \(seed), round \(round): \(answer.errors)"
      #expect([0, 5].contains(answer.status), "\(note)")
      try Tool.check(["python3", page, try directory.write("page.html", answer.output)])
      let json = try Siftool.run("report", image, "--json")
      #expect(json.status == answer.status, "\(note)")
      #expect(try JSONSchema.faults(of: json.output, schema: "report") == "", "\(note)")
      #expect([0, 5].contains(try Siftool.run("map", image).status), "\(note)")
      #expect(try Siftool.run("carve", image).status == 0, "\(note)")
    }
  }

  /// In a browser the page shows its drawing, in its colours and where it should be.
  @Test func pagesRender() throws {
    let directory = try Scratch()
    let image = try ForensicsCommandTests.specimen(in: directory)
    try Siftool.check("report", image, "-o", directory.file("report.html"))
    try Tool.check([
      "timeout", "600", "chromium", "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars",
      "--user-data-dir=\(directory.file("profile"))", "--host-resolver-rules=MAP * ~NOTFOUND",
      "--window-size=1100,1400", "--screenshot=\(directory.file("page.png"))",
      "file://\(directory.file("report.html"))",
    ])
    let colours = ["ffffff", "2f6fb2", "a8b3bf", "57606a", "e0a030", "1f2328"]
    let lines = try Tool.check(
      ["python3", "\(Fixture.root)/Tests/Oracle/png.py", directory.file("page.png")] + colours
    ).text
      .split(separator: "\n")
    #expect(lines[0] == "1100 1400")
    let counts = lines.dropFirst().compactMap { Int($0) }
    #expect(counts.count == colours.count)
    // White ground; the colours of partition, table, header, gap and text.
    for (index, least) in [400_000, 2000, 2000, 1000, 1000, 1000].enumerated() {
      #expect(counts[index] > least, "\(colours[index]): \(counts[index])")
    }
  }
}
