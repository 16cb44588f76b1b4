import Glibc
import SIF
import StrictJSON
import TestSupport
import Testing

/// `new`, `add`, `del`, `setprim`, `compact`, `grow`, `check` and `diff` at their edges: the files that they replace or may
/// not replace, the least and the greatest sizes, and numbers as people write them.
@Suite struct FormatCommandTests {
  private let directory: Scratch
  private let object: String

  init() throws {
    directory = try Scratch()
    object = try directory.write("object", Array("object".utf8))
  }

  /// Debian's setprim writes letters where the architecture's digits belong; the header has them right.
  @Test func headersKeepAnArchitectureThatOnlyTheyKnow() throws {
    let image = directory.file("image.sif")
    try Tool.check(["siftool", "new", image])
    for type in ["1", "2"] {
      try Tool.check(
        [
          "siftool", "add", image, object, "--datatype", "4", "--parttype", type, "--partfs", "4",
          "--partarch", "6",
        ])
    }
    try Tool.check(["siftool", "setprim", "1", image])
    func architecture() throws -> [UInt8] { Array(try Tool.read(image)[45..<48]) }
    #expect(try architecture() == Array("06\0".utf8))
    try Siftool.check("add", image, object, "--datatype", "7")
    #expect(try architecture() == Array("06\0".utf8))
    for command in [["compact", image], ["grow", image, "--capacity", "60"], ["check", "--repair", image]] {
      _ = try Siftool.run(command)
      #expect(try architecture() == Array("06\0".utf8), "\(command)")
    }
  }

  @Test func replacedFilesKeepTheirOwner() throws {
    let image = directory.file("image.sif")
    for command in [["compact", image], ["grow", image, "--capacity", "60"], ["new", image]] {
      try Tool.check(["cp", Fixture.path("images/two-systems.sif"), image])
      try Tool.check(["chown", "65534:65534", image])
      try Tool.check(["chmod", "4750", image])
      try Tool.check(["setfattr", "-n", "user.note", "-v", "kept", image])
      try Siftool.check(command)
      #expect(try Tool.check(["stat", "-c", "%u %g %a", image]).text == "65534 65534 4750\n", "\(command)")
      #expect(try Tool.check(["getfattr", "--only-values", "-n", "user.note", image]).text == "kept")
    }
  }

  @Test func protectedFilesAreNotReplaced() throws {
    let folder = directory.file("folder")
    try Tool.check(["mkdir", "-m", "777", folder])
    try Tool.check(["chmod", "755", directory.path])
    let image = "\(folder)/image.sif"
    try Tool.check(["cp", Fixture.path("images/empty.sif"), image])
    try Tool.check(["chmod", "444", image])
    let tool = directory.file("siftool")
    try Tool.check(["cp", Fixture.siftool, tool])
    try Tool.check(["chmod", "755", tool])
    let answer = try Tool.run([
      "setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", tool, "new", image,
    ])
    #expect(answer.status == 7)
    #expect(try Tool.read(image) == Fixture.read("images/empty.sif"))
  }

  @Test func linksToNothingLeadToTheNewFile() throws {
    let link = directory.file("link.sif")
    try Tool.check(["ln", "-s", "target.sif", link])
    try Siftool.check("new", link)
    #expect(try Tool.check(["readlink", link]).text == "target.sif\n")
    #expect(try directory.read("target.sif").count == 32176)
  }

  @Test func longFileNames() throws {
    let image = directory.file(String(repeating: "n", count: 251) + ".sif")
    try Siftool.check("new", image)
    try Siftool.check("grow", "--capacity", "60", image)
  }

  @Test func emptyAlignedObjectsAreWhole() throws {
    let image = directory.file("image.sif")
    let empty = try directory.write("empty", [])
    try Siftool.check("new", image)
    try Siftool.check(
      "add", image, empty, "--datatype", "4", "--parttype", "3", "--partfs", "4",
      "--partarch", "2")
    try Siftool.check("add", image, empty, "--datatype", "7", "--alignment", "65536")
    #expect(try Siftool.run("check", image).status == 0)
    #expect(try Siftool.run("dump", "1", image).status == 0)
    try Siftool.check("compact", image)
    #expect(try Siftool.run("check", image).status == 0)
  }

  @Test func anImageIsNoObjectOfItself() throws {
    let image = directory.file("image.sif")
    let link = directory.file("link.sif")
    try Tool.check(["cp", Fixture.path("images/two-systems.sif"), image])
    try Tool.check(["ln", image, link])
    for source in [image, link] {
      let answer = try Siftool.run("add", image, source, "--datatype", "7")
      #expect(answer.status == 64)
      #expect(answer.errors.contains("is the input"))
    }
    #expect(try Tool.read(image) == Fixture.read("images/two-systems.sif"))
  }

  @Test func aLimitOnFilesIsAnError() throws {
    let image = directory.file("image.sif")
    try Tool.check(["cp", Fixture.path("images/two-systems.sif"), image])
    let large = try directory.write("large", Array(repeating: 1, count: 300_000))
    let script = "ulimit -f 100; \(Fixture.siftool) add \(image) \(large) --datatype 7; echo $?"
    #expect(try Tool.run(["bash", "-c", script]).text == "7\n")
    #expect(try Tool.read(image) == Fixture.read("images/two-systems.sif"))
  }

  /// Numbers are read as the reference reads them.
  @Test func numbers() throws {
    for (text, reads) in [
      ("010", true), ("0x10", true), ("0b11", true), ("0o17", true), ("0x1_0", true), ("1_0", true),
      ("1__0", false), ("_1", false), ("1_", false), ("0_7", true),
      ("+5", false),
      ("08", false), ("", false), ("0", true), ("268435456", true),
    ] {
      let images = try ["siftool", Fixture.siftool].map { tool -> [UInt8]? in
        let image = directory.file("numbers.sif")
        try Tool.check(["cp", Fixture.path("images/empty.sif"), image])
        let status = try Tool.run([tool, "add", image, object, "--datatype", "7", "--groupid", text]).status
        #expect((status == 0) == reads, "\(tool) \(text)")
        return status == 0 ? Array(try Tool.read(image)[4096..<4096 + 41]) : nil
      }
      #expect(images[0] == images[1], "\(text)")
    }
  }

  /// The library's JSON is that of the tool's documents.
  @Test(arguments: [
    "crypto-messages.sif", "deleted.sif", "empty.sif", "groups-and-links.sif", "partitions.sif",
    "plain-types.sif", "sboms.sif",
    "signatures.sif",
  ]) func documentsOfTheLibrary(name: String) throws {
    let path = Fixture.path("images/\(name)")
    let image = try Image(opening: path)
    let list = try JSONParser.parse(Array(Siftool.check("list", path, "--json").output))
    #expect(list["header"] == sorted(image.header.json) && list["objects"] == sorted(image.json)["objects"])
    for object in image.descriptors {
      let info = try JSONParser.parse(Array(Siftool.check("info", "\(object.id)", path, "--json").output))
      #expect(info["object"] == sorted(object.json))
    }
    let other = Fixture.path("images/one-slot.sif")
    let diff = try JSONParser.parse(Array(Siftool.run("diff", path, other, "--json").output))
    let differences = try image.differences(from: Image(opening: other))
    #expect(diff["differences"] == .array(differences.map { sorted($0.json) }) && !differences.isEmpty)
    let text = differences.map { "\($0)\n" }.joined()
    #expect(try Siftool.run("diff", path, other).text == text)
  }

  /// A value as a document has it, with its members in order.
  private func sorted(_ value: JSONValue) -> JSONValue {
    (try? JSONParser.parse(JSONWriter.pretty(value))) ?? .null
  }

  @Test func differencesOutsideOfObjects() throws {
    let bytes = try Fixture.read("images/deleted.sif")
    let image = Fixture.path("images/deleted.sif")
    for offset in [2000, 4096 + 585 + 100, 20_000, 32_182] {
      var other = bytes
      other[offset] ^= 0xFF
      let answer = try Siftool.run("diff", image, try directory.write("other.sif", other))
      #expect(answer.status == 1, "byte \(offset)")
      #expect(
        answer.text == "file  the bytes that belong to no object differ first at byte \(offset)\n",
        "\(answer.text)")
    }
    let longer = try Siftool.run("diff", image, try directory.write("longer.sif", bytes + [0]))
    #expect(longer.status == 1)
    #expect(longer.text.hasPrefix("file  fileSize"), "\(longer.text)")
    let cut = try Siftool.run("diff", image, try directory.write("cut.sif", bytes.dropLast()))
    #expect(cut.text.contains("object 3  bytes  whole | truncated"), "\(cut.text)")
  }

  @Test func usageErrorsAreDocumentsToo() throws {
    let answer = try Siftool.run("list", "--json")
    #expect(answer.status == 64)
    #expect(answer.text.contains("\"code\": \"usage\""))
  }

  @Test func dataOffsetsBehindTheFileAreNamed() throws {
    var bytes = try Fixture.read("images/two-systems.sif")
    withUnsafeBytes(of: Int64(1 << 31).littleEndian) { bytes.replaceSubrange(112..<120, with: $0) }
    let answer = try Siftool.run("check", try directory.write("image.sif", bytes))
    #expect(answer.status == 5)
    #expect(answer.text.contains("data offset, 2147483648, lies beyond the end of the file"))
    #expect(!answer.text.contains("deletion"))
  }

  @Test func deepButValidJSONIsNoFault() throws {
    let image = directory.file("image.sif")
    try Siftool.check("new", image)
    for text in [String(repeating: "[", count: 100) + String(repeating: "]", count: 100), "\"\\ud800\""] {
      let file = try directory.write("json", Array(text.utf8))
      try Siftool.check("add", image, file, "--datatype", "6")
    }
    #expect(try Siftool.run("check", image).text.hasPrefix("sound"))
  }
}
