import Glibc
import TestSupport
import Testing

/// Several programs at one image.
@Suite struct WriterTests {
  private let directory: Scratch
  private let image: String

  init() throws {
    directory = try Scratch()
    image = directory.file("image.sif")
    try Siftool.check("new", "--capacity", "200", image)
  }

  @Test func writersTakeTurns() throws {
    let objects = try (0..<24).map { try directory.write("object\($0)", Array("object \($0);".utf8)) }
    let running = try objects.map { try Siftool.start("add", image, $0, "--datatype", "7") }
    for program in running { #expect(try program.wait().status == 0) }
    let contents = try (1...24).map { try Siftool.check("dump", "\($0)", image).text }
    #expect(Set(contents) == Set((0..<24).map { "object \($0);" }))
    #expect(try Siftool.check("check", image).text.hasPrefix("sound: 24 objects"))
  }

  @Test func readersSeeOneState() throws {
    let object = try directory.write("object", Array(repeating: 7, count: 100_000))
    let writer = try Tool.start([
      "sh", "-c",
      "for i in 1 2 3 4 5 6 7 8 9 10; do \(Fixture.siftool) add \(image) \(object) --datatype 7 && \(Fixture.siftool) del $i \(image) --compact && \(Fixture.siftool) add \(image) \(object) --datatype 6 || exit 1; done",
    ])
    var seen: Set<Int> = []
    for _ in 0..<60 {
      let listing = try Siftool.check("list", image)
      seen.insert(listing.text.split(separator: "\n").count - 3)
    }
    #expect(try writer.wait().status == 0)
    #expect(seen.allSatisfy { (0...11).contains($0) })
  }

  /// An edit that waited for a writer which replaced the file goes into the new one.
  @Test func editsFollowAReplacedFile() throws {
    let object = try directory.write("object", Array("bytes".utf8))
    var running: [RunningTool] = []
    for index in 0..<30 {
      running.append(
        try Tool.start(
          index % 3 == 0
            ? [Fixture.siftool, "grow", image, "--capacity", "\(300 + index)", "--quiet"]
            : [Fixture.siftool, "add", image, object, "--datatype", "7"]))
    }
    let results = try running.map { try $0.wait() }
    // A grow that comes after a larger one is refused; every add takes place.
    for (index, result) in results.enumerated() where index % 3 != 0 {
      #expect(result.status == 0, "\(result.errors)")
    }
    let listing = try Siftool.check("list", image)
    #expect(listing.text.split(separator: "\n").count - 3 == 20)
    #expect(try Siftool.run("check", image).status == 0)
  }

  /// A writer that is killed leaves a whole image, and no lock.
  @Test func killedWriters() throws {
    let object = try directory.write("object", Array(repeating: 9, count: 3_000_000))
    var random = SeededRandom(seed: 9)
    for _ in 0..<20 {
      let writer = try Siftool.start("add", image, object, "--datatype", "7")
      usleep(UInt32.random(in: 0...30_000, using: &random))
      writer.signal(SIGKILL)
      _ = try writer.wait()
      let check = try Siftool.run("check", image)
      #expect(check.status == 0, "\(check.text)")
    }
    #expect(try Siftool.run("add", image, object, "--datatype", "7").status == 0)
    let listing = try Siftool.check("list", image).text
    let sizes = listing.split(separator: "\n").dropFirst(3).map { line -> Int in
      let range = line.split(separator: "|")[3].split(separator: " ")[0].split(separator: "-").compactMap {
        Int($0)
      }
      return range[1] - range[0]
    }
    #expect(sizes.allSatisfy { $0 == 3_000_000 })
  }

  /// Signatures that an edit breaks are named.
  @Test func brokenSignaturesAreNamed() throws {
    let signed = directory.file("signed.sif")
    try Tool.check(["cp", Fixture.path("images/two-systems.sif"), signed])
    let block = try directory.write("block", Array("-----BEGIN PGP SIGNED MESSAGE-----\n".utf8))
    try Siftool.check(
      "add", signed, block, "--datatype", "signature", "--signhash", "sha256",
      "--signentity",
      String(repeating: "AB", count: 20), "--link-group", "1")
    let compacted = try Siftool.check("compact", signed)
    #expect(compacted.errors.contains("signature 3 stays valid"))
    let grown = try Siftool.check("grow", "--capacity", "60", signed)
    #expect(grown.errors.contains("signature 3 stays valid"))
    let added = try Siftool.check("add", signed, block, "--datatype", "7", "--groupid", "1")
    #expect(added.errors.contains("signature 3 is over group 1"))
    let primary = try Siftool.check("setprim", "1", signed)
    #expect(primary.errors.contains("object 1 changed: signature 3"))
    #expect(primary.errors.contains("object 2 changed: signature 3"))
    let deleted = try Siftool.check("del", "2", signed)
    #expect(deleted.errors.contains("object 2 is deleted: signature 3"))
    #expect(deleted.output.isEmpty)
  }

  /// The same commands make the same bytes, whenever and wherever they run.
  @Test func deterministicImages() throws {
    func make(_ name: String, _ options: [String], _ environment: [String: String]) throws -> [UInt8] {
      let path = directory.file(name)
      try Siftool.check(["new", path] + options, environment: environment)
      let object = try directory.write("object", Array("bytes".utf8))
      try Siftool.check(["add", path, object, "--datatype", "7"] + options, environment: environment)
      try Siftool.check(["del", "1", path] + options, environment: environment)
      return try Tool.read(path)
    }
    let plain = try make("a.sif", ["--deterministic"], [:])
    #expect(plain == (try make("b.sif", ["--deterministic"], [:])))
    let epoch = ["SOURCE_DATE_EPOCH": "1600000000"]
    let dated = try make("c.sif", [], epoch)
    #expect(dated == (try make("d.sif", [], epoch)))
    #expect(dated != plain)
    #expect(
      try Tool.check(["siftool", "header", directory.file("c.sif")]).text.contains("2020-09-13 12:26:40"))
    #expect(!(try Tool.check(["siftool", "header", directory.file("a.sif")]).text.contains("At:")))
  }
}
