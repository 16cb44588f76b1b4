import Glibc
import StrictJSON
import TestSupport
import Testing

/// What `map`, `carve`, `report` and `check --salvage` say of files that change, are damaged or are in the way.
@Suite struct ForensicsFaultTests {
  /// Somebody writes to the file all the while, and strace holds some of the reads up until that has happened.
  @Test(arguments: ["map", "carve", "report"])
  func changesAreNoticed(command: String) throws {
    let directory = try Scratch()
    let image = try directory.write("image.sif", try Fixture.read("images/plain-types.sif"))
    try Tool.check(["sh", "-c", "head -c 8000000 /dev/urandom >> \(image)"])
    let shell = """
      (while :; do touch "$2"; done) & writer=$!
      strace -f -qq -o /dev/null -P "$2" -e trace=pread64 -e inject=pread64:delay_exit=200000:when=2..4 \
        "$1" \(command) "$2" --json --quiet; status=$?
      kill $writer; exit $status
      """
    let answer = try Tool.run(["sh", "-c", shell, "sh", Fixture.siftool, image])
    #expect(answer.status == 1, "\(answer.errors)")
    #expect(answer.errors.contains("the file changed while it was examined"))
    #expect(try JSONSchema.faults(of: answer.output, schema: command) == "")
    let document = try JSONParser.parse(answer.output, limits: JSONLimits(bytes: 64 << 20))
    #expect(document["error"]?["code"]?.text == "changed")
  }

  /// What is not all there, or lies where something else does, is damage.
  @Test func damageHasItsCode() throws {
    let directory = try Scratch()
    let bytes = try Fixture.read("images/plain-types.sif")
    let image = try directory.write("sound.sif", bytes)
    #expect(try Siftool.run("map", image).status == 0)
    #expect(try Siftool.run("report", image).status == 0)
    let short = try directory.write("short.sif", Array(bytes.dropLast(1)))
    // The second object begins where the first does.
    let overlapping = try directory.write(
      "overlap.sif",
      Array(bytes[..<(4681 + 17)] + bytes[4096 + 17..<4096 + 25] + bytes[(4681 + 25)...]))
    for damaged in [short, overlapping] {
      let answer = try Siftool.run("map", damaged, "--json")
      #expect(answer.status == 5, "\(damaged)")
      #expect(try JSONSchema.faults(of: answer.output, schema: "map") == "")
      let page = damaged + ".html"
      #expect(try Siftool.run("report", damaged, "-o", page).status == 5)
      #expect(try Tool.read(page).count > 1000)
    }
  }

  /// What was altered under a signature is named as such.
  @Test func alteredObjectsAreBroken() throws {
    let directory = try Scratch()
    let image = directory.file("image.sif")
    try Siftool.check("new", image)
    for name in ["pem-rsa.pem", "ring.pgp"] {
      try Siftool.check("add", image, Fixture.path("keys/\(name)"), "--datatype", "generic", "--groupid", "1")
    }
    let secret = try directory.write("key", try Fixture.read("keys/rsa2048.sec.asc"))
    try Siftool.check("sign", image, "--key", secret, environment: ["SOURCE_DATE_EPOCH": "1704153600"])
    try Tool.check(["sh", "-c", "printf X | dd of=\(image) bs=1 seek=32200 conv=notrunc 2> /dev/null"])
    let answer = try Siftool.run("map", image, "--key", secret, "--json")
    #expect(try JSONSchema.faults(of: answer.output, schema: "map") == "")
    let regions = try JSONParser.parse(answer.output)["regions"]?.elements ?? []
    let states = regions.filter { $0["kind"]?.text == "object" }.map { region in
      let ids = (region["coverage"]?["signatures"]?.elements ?? []).compactMap(\.integer)
      return "\(region["coverage"]?["state"]?.text ?? "") \(ids)"
    }
    #expect(states == ["broken [3]", "validated [3]", "none []"])
    let text = try Siftool.run("map", image, "--key", secret).text
    #expect(text.contains(" by 3, BAD "))
    let other = try Siftool.run("map", image, "--key", Fixture.path("keys/ed25519.pub.asc")).text
    #expect(!other.contains("BAD"))
  }

  /// Results take nobody's place.
  @Test func resultsReplaceNothing() throws {
    let directory = try Scratch()
    let image = try directory.write("image.sif", try Fixture.read("images/plain-types.sif"))
    let file = try directory.write("mine", Array("mine".utf8))
    try Tool.check(["ln", "-s", "nowhere", directory.file("link")])
    for place in [file, directory.file("link")] {
      for arguments in [["map", "--svg"], ["report", "-o"], ["check", "--salvage"]] {
        let answer = try Siftool.run(arguments[0], image, arguments[1], place)
        #expect(answer.status == 7, "\(arguments)")
        #expect(answer.errors.contains("File exists"))
      }
    }
    #expect(try Tool.read(file) == Array("mine".utf8))
    #expect(try Tool.run(["ls", directory.file("nowhere")]).status != 0)
  }

  /// An image of nothing is no success.
  @Test func nothingSalvagedIsAFailure() throws {
    let directory = try Scratch()
    var bytes = try Fixture.read("images/plain-types.sif")
    bytes[96] ^= 0xFF
    let damaged = try directory.write("damaged.sif", bytes)
    let answer = try Siftool.run("check", damaged, "--salvage", directory.file("out"), "--json")
    #expect(try !(JSONParser.parse(answer.output)["salvaged"]?["kept"]?.elements ?? []).isEmpty)
    for index in stride(from: 4096, to: 4096 + 585 * 48, by: 1) where index < bytes.count { bytes[index] = 0 }
    let lost = try directory.write("lost.sif", bytes)
    #expect(try Siftool.run("check", lost, "--salvage", directory.file("none")).status == 5)
  }
}
