import Glibc
import TestSupport
import Testing

/// `scan` as users meet it, on the real binary.
@Suite struct ScanCommandTests {
  private let directory: Scratch

  init() throws {
    directory = try Scratch()
    try Tool.check(
      [
        "sh", "-ec",
        """
        mkdir -p images/deep; cp \(Fixture.path("images"))/* images; cd images; head -c 100 /dev/zero > deep/no.sif; cp empty.sif deep/unnamed
        cp signatures.sif "$(printf 'deep/\\377\\033[31m')"
        cp groups-and-links.sif deep/truncated; truncate -s 32200 deep/truncated; cp empty.sif deep/broken
        printf '\\377\\377\\377\\377' | dd of=deep/broken bs=1 seek=88 conv=notrunc 2>/dev/null
        """,
      ], in: directory.path)
  }

  /// The values of a string member, line by line.
  private func values(_ text: String, _ key: String) -> [String] {
    text.split(separator: "\n").map { line in
      line.split(separator: "\"\(key)\":\"", maxSplits: 1).last.map { String($0.prefix { $0 != "\"" }) } ?? ""
    }
  }

  private func signed(_ name: String) throws {
    let image = directory.file("images/\(name)")
    try directory.write("data", Array("data".utf8))
    try Siftool.check("new", image)
    try Siftool.check("add", image, directory.file("data"), "--datatype", "generic", "--groupid", "1")
    let key = directory.file("key.asc")
    try Tool.check(["install", "-m", "600", Fixture.path("keys/ed25519.sec.asc"), key])
    try Siftool.check(
      "sign", image, "--key", key, "--quiet",
      environment: ["SOURCE_DATE_EPOCH": "1704153600"])
  }

  /// Each record is what the other commands say of the image, in the same order whatever the threads.
  @Test func records() throws {
    try signed("ok.sif")
    let key = Fixture.path("keys/ed25519.pub.asc")
    let scan = try Siftool.run("scan", "images", "--key", key, in: directory)
    #expect(scan.status == 0)
    let lines = scan.output.split(separator: 0x0A).map(Array.init)
    #expect(lines.count == Fixture.imageNames.count + 5)
    for line in [lines[0], lines[1], lines.first { $0.count > 3000 } ?? [], lines[lines.count - 1]] {
      #expect(try JSONSchema.faults(of: line, schema: "scan") == "")
    }
    let paths = values(scan.text, "path")
    for (path, verdict) in zip(paths, values(scan.text, "verdict")) where !path.contains("\u{FFFD}") {
      let verify = try Siftool.run("verify", path, "--key", key, "--json", in: directory)
      if verdict != "malformed" {
        #expect(values(verify.text.filter { !$0.isWhitespace }, "verdict") == [verdict], "\(path)")
      }
      #expect((verify.status == 0) == (verdict == "ok"), "\(path)")
      #expect((verify.status == 5) == (verdict == "malformed"), "\(path)")
    }
    #expect(values(scan.text, "verdict").filter { $0 == "malformed" }.count == 2)
    #expect(values(scan.text, "verdict").filter { $0 == "ok" } == ["ok"])
    #expect(
      scan.text.contains(#""pathBytes":"696d616765732f646565702fff1b5b33316d""#)
        && !scan.output.contains(0x1B))
    for threads in ["1", "3"] {
      #expect(
        try Siftool.run("scan", "images", "--key", key, "--threads", threads, in: directory).output
          == scan.output)
    }
    // A policy is that of verify.
    let other = try Siftool.run(
      "scan", "images/ok.sif", "--key", Fixture.path("keys/rsa2048.pub.asc"), "-q", in: directory)
    #expect(values(other.text, "verdict") == ["untrusted"] && other.errors.isEmpty)
    #expect(
      values(
        try Siftool.run("scan", "images/ok.sif", "--key", key, "--threshold", "2", in: directory).text,
        "verdict") == [
          "untrusted"
        ])
    #expect(try Siftool.run("scan", "images", "--signer", "1234", in: directory).status == 64)
    #expect(
      scan.errors.hasPrefix("siftool: \(lines.count) images in \(lines.count + 1) files: 2 malformed, "),
      "\(scan.errors)")
  }

  @Test func obstacles() throws {
    try Tool.check(["chmod", "755", directory.path])
    try Tool.check(
      ["sh", "-ec", "cd images; chmod 000 empty.sif; mkdir -m 000 closed; chmod 755 . deep"],
      in: directory.path)
    let nobody = geteuid() == 0 ? ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"] : []
    let scan = try Tool.run(nobody + [Fixture.siftool, "scan", "images"], in: directory.path)
    #expect(scan.status == 7)
    let failed = scan.text.split(separator: "\n").filter { $0.contains("\"error\":{") }
    #expect(values(failed.joined(separator: "\n"), "path") == ["images/closed", "images/empty.sif"])
    for line in failed { #expect(try JSONSchema.faults(of: Array(line.utf8), schema: "scan") == "") }
    #expect(scan.text.split(separator: "\n").count == Fixture.imageNames.count + 5)
    try Tool.check(["chmod", "700", directory.file("images/closed")])
    let missing = try Siftool.run("scan", "images", "nowhere", in: directory)
    #expect(missing.status == 7 && missing.output.isEmpty && missing.errors.contains("nowhere"))
  }

  @Test func shards() throws {
    let whole = try Siftool.run("scan", "images", "-q", in: directory).text.split(separator: "\n")
    let parts = try (1...3).map {
      try Siftool.run("scan", "images", "-q", "--shard", "\($0)/3", in: directory).text.split(separator: "\n")
    }
    #expect(parts.flatMap { $0 }.sorted() == whole.sorted() && parts.allSatisfy { !$0.isEmpty })
    for bad in ["0/3", "4/3", "3", "a/b"] {
      #expect(try Siftool.run("scan", "images", "--shard", bad, in: directory).status == 64)
    }
  }

  /// Stopped at any moment, a scan goes on to the same records.
  @Test func interruption() throws {
    // The last one takes a while: a gigabyte has to be hashed.
    let image = directory.file("images/zz.sif")
    try Tool.check(["sh", "-c", "truncate -s 1G zeros"], in: directory.path)
    try Siftool.check("new", image)
    try Siftool.check("add", image, directory.file("zeros"), "--datatype", "generic", "--groupid", "1", "-q")
    try Tool.check(["install", "-m", "600", Fixture.path("keys/ed25519.sec.asc"), directory.file("key.asc")])
    try Siftool.check(
      "sign", image, "--key", directory.file("key.asc"), "--quiet",
      environment: ["SOURCE_DATE_EPOCH": "1704153600"])
    let scan = ["scan", "images", "--key", Fixture.path("keys/ed25519.pub.asc"), "-q"]
    let whole = try Siftool.check(scan, in: directory)
    let resume = [Fixture.siftool] + scan + ["--resume", "records"]
    let records = directory.file("records")
    for signal in [SIGKILL, SIGINT, SIGTERM] {
      try Tool.check(["rm", "-f", records])
      let running = try Tool.start(resume, in: directory.path)
      // Once something is written, which is long before the last image is done.
      for _ in 0..<4000 where ((try? Tool.read(records)) ?? []).count < 4000 { usleep(5000) }
      running.signal(signal)
      #expect(try running.wait().status == 128 + signal)
      let kept = try Tool.read(records)
      #expect(kept.count >= 4000 && kept.count < whole.output.count)
      // A write that was cut in two.
      try Tool.write(records, kept.dropLast(7) + [])
      #expect(try Tool.run(resume, in: directory.path).output.isEmpty)
      #expect(try Tool.read(records) == whole.output)
    }
    // Nothing is left to do.
    #expect(
      try Tool.run(resume.filter { $0 != "-q" }, in: directory.path).errors.hasSuffix(" recorded before\n"))
    #expect(try Tool.read(records) == whole.output)
  }

  @Test func goingOn() throws {
    #expect(try Siftool.run("scan", "images", "-q", "--resume", "records", in: directory).status == 0)
    let first = try directory.read("records")
    // An image that was changed is looked at again, and so is a new one.
    try Siftool.check(
      "add", directory.file("images/empty.sif"), Fixture.path("README.md"), "--datatype",
      "generic", "-q")
    try Tool.check(["cp", Fixture.path("images/empty-id.sif"), directory.file("images/new.sif")])
    let second = try Siftool.run("scan", "images", "--resume", "records", in: directory)
    #expect(
      second.errors.contains(" 2 unsigned, ") && second.errors.hasSuffix("recorded before\n"),
      "\(second.errors)")
    let added = try directory.read("records").dropFirst(first.count)
    #expect(values(String(decoding: added, as: UTF8.self), "path") == ["images/empty.sif", "images/new.sif"])
    // What is no file of records stays as it is.
    try directory.write("text", Array("some text\nand more".utf8))
    let refused = try Siftool.run("scan", "images", "--resume", "text", in: directory)
    #expect(
      refused.status == 5 && refused.output.isEmpty && refused.errors.contains("line 1"), "\(refused.errors)")
    #expect(try directory.read("text") == Array("some text\nand more".utf8))
    // A file without a line end is no torn record where it begins like none.
    let image = try Tool.read(Fixture.path("images/no-slots.sif")) + [UInt8](repeating: 7, count: 100)
    let other = Array(image.filter { $0 != 0x0A })
    try directory.write("image", other)
    #expect(try Siftool.run("scan", "images", "--resume", "image", in: directory).status == 5)
    #expect(try directory.read("image") == other)
    #expect(try Siftool.run("scan", "images", "--resume", "images", in: directory).status == 64)
    let locked = try Shell.run(
      "python3 -c 'import fcntl, subprocess, sys; f = open(\"records\", \"r+\"); fcntl.lockf(f, fcntl.LOCK_EX); sys.exit(subprocess.run([\"siftool\", \"scan\", \"images\", \"--resume\", \"records\"]).returncode)'",
      in: directory)
    #expect(locked.status == 7, "\(locked.errors)")
  }

  /// A path within another one adds nothing, in either order; another name of a file does.
  @Test func pathsWithinPaths() throws {
    let whole = Set(values(try Siftool.run("scan", "images", "-q", in: directory).text, "path"))
    let order = [
      ["images", "images/deep", "images/empty.sif"], ["images/deep", "images/empty.sif", "images"],
      ["images", "images", "images/deep/../deep"],
    ]
    for paths in order {
      let records = try Siftool.check(["scan", "-q"] + paths, in: directory).text
      #expect(values(records, "path").count == whole.count, "\(paths)")
      let parts = try (1...3).map {
        try Siftool.check(["scan", "-q", "--shard", "\($0)/3"] + paths, in: directory).text
      }
      #expect(parts.joined().split(separator: "\n").sorted() == records.split(separator: "\n").sorted())
    }
    try Tool.check(["ln", "images/empty.sif", "images/linked.sif"], in: directory.path)
    let linked = values(
      try Siftool.run("scan", "images/empty.sif", "images", "-q", in: directory).text, "path")
    #expect(Set(linked) == whole.union(["images/linked.sif"]) && linked.count == whole.count + 1)
  }

  /// What was recorded under other keys or with another policy is examined again.
  @Test func policies() throws {
    try signed("ok.sif")
    let key = Fixture.path("keys/ed25519.pub.asc")
    let policies = [
      [], ["--key", key], ["--key", key, "--strict"], ["--key", key, "--threshold", "2"],
      ["--key", key, "--signer", String(repeating: "a", count: 40)], ["--key", key, "--limit", "1K"],
    ]
    var total = 0
    for policy in policies {
      let scan = ["scan", "images"] + policy
      let fresh = try Siftool.check(scan + ["-q"], in: directory)
      let before = (try? directory.read("records")) ?? []
      let resumed = try Siftool.run(scan + ["--resume", "records"], in: directory)
      #expect(resumed.status == 0)
      #expect(try directory.read("records").dropFirst(before.count).elementsEqual(fresh.output))
      let count = fresh.output.count { $0 == 0x0A }
      #expect(
        before.isEmpty
          || resumed.errors.hasSuffix("\(count) examined again, recorded under another policy\n"),
        "\(resumed.errors)")
      total += count
      #expect(Set(values(fresh.text, "policy")).count == 1)
    }
    #expect(Set(values(String(decoding: try directory.read("records"), as: UTF8.self), "policy")).count == 6)
    // The order of keys, where they come from, and the case of digits make no other policy.
    let second = Fixture.path("keys/nistp256.pub.asc")
    func policy(_ arguments: String...) throws -> String {
      let scan = [Fixture.siftool, "scan", "images/empty.sif", "-q"] + arguments
      return try #require(values(try Tool.check(scan, in: directory.path).text, "policy").first)
    }
    let one = try policy("--key", key, "--key", second, "--signer", String(repeating: "a", count: 40))
    #expect(
      try policy(
        "--keyring", second, "--key", key, "--key", key, "--signer", String(repeating: "A", count: 40)) == one
    )
  }

  /// A job array on a real cluster of one node.
  @Test func slurm() throws {
    let script = "\(Fixture.root)/docs/examples/slurm-scan.sh"
    let cluster = ["\(Fixture.root)/Tests/Oracle/slurm.sh"]
    try Tool.check(["chmod", "755", directory.path])
    defer { _ = try? Tool.run(cluster + ["stop", directory.path]) }
    try Tool.check(cluster + ["start", directory.path])
    let environment = ["SIFTOOL": Fixture.siftool]
    let batch =
      cluster + ["run", directory.path, "--output", directory.file("job-%a"), "--chdir", directory.path]
    let arguments = [script, "3", directory.file("images"), directory.file("records")]
    try Tool.check(batch + ["--array=1-3"] + arguments, environment: environment)
    let whole = try Siftool.run("scan", directory.file("images"), "-q", in: directory).text.split(
      separator: "\n"
    ).sorted()
    let merged = try Shell.run("cat records/part-*.ndjson", in: directory).text.split(separator: "\n")
      .sorted()
    let said = try Shell.run("cat job-*", in: directory).text
    #expect(merged == whole && !merged.isEmpty, "\(said)")
    // A part that failed is done alone, and is the same part.
    let part = try directory.read("records/part-2.ndjson")
    try directory.write("records/part-2.ndjson", part.dropLast(part.count / 2) + [])
    try Tool.check(batch + ["--array=2"] + arguments, environment: environment)
    #expect(try directory.read("records/part-2.ndjson") == part)
  }
}
