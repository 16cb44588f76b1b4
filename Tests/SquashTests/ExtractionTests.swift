import Bytes
import Glibc
import LinuxSystem
import Squash
import Synchronization
import Testing
import TestSupport

/// The attacks that extraction withstands, and the state that it leaves.
@Suite struct ExtractionTests {
  private static func text(_ text: String) -> [UInt8] { Array(text.utf8) }

  @Test func whatIsThereAlreadyIsNotTouched() throws {
    let scratch = try Scratch()
    try shell(
      "mkdir -p \(scratch.file("tree"))/dir \(scratch.file("out")); cd \(scratch.path); echo new > tree/file; echo old > out/file"
    )
    try write(scratch.file("tree"), to: scratch.file("image"))
    let error = #expect(throws: SquashError.self) {
      try extract(try openImage(scratch.file("image")), to: scratch.file("out"))
    }
    #expect(error?.errno == EEXIST)
    #expect(error?.path == Self.text("file"))
    #expect(try shell("cat \(scratch.file("out"))/file") == "old\n")
  }

  @Test(arguments: [false, true]) func aLinkWhereADirectoryIsMeantLeadsNowhere(resume: Bool) throws {
    let scratch = try Scratch()
    try shell(
      "cd \(scratch.path); mkdir -p tree/dir out elsewhere; echo secret > tree/dir/file; ln -s ../elsewhere out/dir"
    )
    try write(scratch.file("tree"), to: scratch.file("image"))
    let error = #expect(throws: SquashError.self) {
      try extract(try openImage(scratch.file("image")), to: scratch.file("out")) {
        $0.existing = resume ? .resume : .refuse
      }
    }
    #expect(error?.code == .system)
    #expect(try shell("ls \(scratch.file("elsewhere"))") == "")
  }

  @Test func aLinkWhereAFileIsMeantIsReplacedNotFollowed() throws {
    let scratch = try Scratch()
    try shell(
      "cd \(scratch.path); mkdir -p tree out; echo new > tree/file; echo victim > victim; ln -s ../victim out/file"
    )
    try write(scratch.file("tree"), to: scratch.file("image"))
    try extract(try openImage(scratch.file("image")), to: scratch.file("out")) { $0.existing = .resume }
    #expect(try shell("cd \(scratch.path); cat victim out/file; test ! -L out/file") == "victim\nnew\n")
  }

  /// A forged image whose first entry is a link and whose later entries would go through it.
  @Test func anImageCannotLeadThroughItsOwnLink() throws {
    let scratch = try Scratch()
    let image = ForgedImage.withRoot { forged in
      let file = forged.file(number: 5, size: 0)
      let directory = forged.directory(number: 4, [(Self.text("file"), 5, file, 2)])
      let link = forged.symlink(number: 3, Self.text("/tmp"))
      return [
        (Self.text("a"), 3, link, 3), (Self.text("a"), 4, directory, 1), (Self.text("a/file"), 5, file, 2),
      ]
    }
    let report = try extract(try SquashImage(MemoryReader(image.build())), to: scratch.file("out"))
    #expect(report.faults.map(\.code) == [.duplicateEntry, .hostileName])
    #expect(try shell("ls -A \(scratch.file("out")); readlink \(scratch.file("out"))/a") == "a\n/tmp\n")
  }

  @Test func aHardLinkToWhatWasReplacedIsRefused() throws {
    let scratch = try Scratch()
    try shell(
      "cd \(scratch.path); mkdir tree; echo one > tree/a; for n in $(seq 1000); do echo $n > tree/m$n; done; ln tree/a tree/z; echo victim > victim"
    )
    try write(scratch.file("tree"), to: scratch.file("image"))
    let path = scratch.path
    let error = #expect(throws: SquashError.self) {
      try extract(try openImage(scratch.file("image")), to: scratch.file("out")) { options in
        options.onProgress = { report in
          guard report.entries == 512 else { return }
          while access("\(path)/out/a", F_OK) != 0 { usleep(1000) }
          unlink("\(path)/out/a")
          link("\(path)/victim", "\(path)/out/a")
        }
      }
    }
    #expect(error?.errno == ESTALE)
    #expect(try shell("stat -c %h \(scratch.file("victim"))") == "2\n")
  }

  @Test func aFullDestinationIsAnErrorWithAPath() throws {
    let scratch = try Scratch()
    try shell(
      "cd \(scratch.path); mkdir tree mnt; head -c 3000000 /dev/urandom > tree/big; mount -t tmpfs -o size=1m tmpfs mnt"
    )
    try write(scratch.file("tree"), to: scratch.file("image"))
    let error = #expect(throws: SquashError.self) {
      try extract(try openImage(scratch.file("image")), to: scratch.file("mnt")) { $0.threads = 4 }
    }
    #expect(error?.errno == ENOSPC)
    #expect(error?.path == Self.text("big"))
  }

  @Test func aReadOnlyDestinationIsAnErrorWithAPath() throws {
    let scratch = try Scratch()
    try shell("cd \(scratch.path); mkdir tree mnt; echo text > tree/file; mount -t tmpfs -o ro tmpfs mnt")
    try write(scratch.file("tree"), to: scratch.file("image"))
    let error = #expect(throws: SquashError.self) {
      try extract(try openImage(scratch.file("image")), to: scratch.file("mnt"))
    }
    #expect(error?.errno == EROFS)
    #expect(error?.path == Self.text("file"))
  }

  @Test func aDestinationThatChangesUnderOurFeetLeadsNowhere() throws {
    let scratch = try Scratch()
    try shell(
      "cd \(scratch.path); mkdir -p tree elsewhere; for n in $(seq 100 600); do mkdir tree/d$n; echo $n > tree/d$n/file; done"
    )
    try write(scratch.file("tree"), to: scratch.file("image"))
    let path = scratch.path
    let swaps = Atomic<Int>(0)
    // Another process turns directories into links as fast as it can while files are written into them.
    let attacker = try shell(
      "cd \(path); mkdir out; (for r in $(seq 200); do for d in out/d*; do rm -rf $d; ln -s ../elsewhere $d; done 2>/dev/null; done) >/dev/null 2>&1 & echo $!"
    )
    for round in 0..<20 {
      do {
        try extract(try openImage(scratch.file("image")), to: scratch.file("out")) { $0.existing = .resume }
      } catch is SquashError { swaps.add(1, ordering: .relaxed) }
      if round == 19 { try shell("kill \(attacker) 2>/dev/null || true; sleep 0.2") }
    }
    #expect(try shell("ls -A \(scratch.file("elsewhere"))") == "")
  }

  @Test func anInterruptedExtractionGoesOn() throws {
    let scratch = try Scratch()
    try makeTree(scratch.file("tree"))
    try write(scratch.file("tree"), to: scratch.file("image"))
    let image = try openImage(scratch.file("image"))
    try extract(image, to: scratch.file("out"))
    // The state after a process died: a file half written, some missing, a directory not finished.
    try shell(
      "cd \(scratch.file("out")); head -c 1000 random > t; mv t random; rm -r many text usr/share; ln -s x usr/share-x; rm usr/share-x; chmod 700 a"
    )
    let report = try extract(image, to: scratch.file("out")) { $0.existing = .resume }
    try expectEqualTrees(scratch.file("tree"), scratch.file("out"))
    #expect(report.kept > 20)
    #expect(report.kept < report.entries - 600)
    let again = try extract(image, to: scratch.file("out")) { $0.existing = .resume }
    try expectEqualTrees(scratch.file("tree"), scratch.file("out"))
    #expect(again.kept > report.kept + 600)
  }

  @Test(
    arguments: [
      (
        ["many/file-1?"],
        "many many/file-10 many/file-11 many/file-12 many/file-13 many/file-14 many/file-15 many/file-16 many/file-17 many/file-18 many/file-19"
      ),
      (
        ["/usr/bin", "a/b/c"],
        "a a/b a/b/c a/b/c/d a/b/c/d/e a/b/c/d/e/f a/b/c/d/e/f/g usr usr/bin usr/bin/hard-1"
      ),
      (["**/hard-[12]"], "a a/hard-2 usr usr/bin usr/bin/hard-1"), (["*/nothing", "nothing"], ""),
      (["size-409[!56]"], "size-4097"), (["\\*star*"], "*star?[x]"), (["/", "x"], nil),
    ] as [([String], String?)])
  func partsByPathAndPattern(patterns: [String], expected: String?) throws {
    let scratch = try Scratch()
    try makeTree(scratch.file("tree"))
    try write(scratch.file("tree"), to: scratch.file("image"))
    try extract(try openImage(scratch.file("image")), to: scratch.file("out")) {
      $0.selection = PathSelection(patterns: patterns.map(Self.text))
    }
    if let expected {
      let found = try shell(
        "cd \(scratch.file("out")); find . -mindepth 1 -printf '%P\\n' | sort -V | tr '\\n' ' '")
      #expect(found.split(separator: " ").sorted() == expected.split(separator: " ").sorted())
    } else {
      try expectEqualTrees(scratch.file("tree"), scratch.file("out"))
    }
  }

  @Test func patternsThatMatchNothingAreReported() throws {
    let scratch = try Scratch()
    try makeTree(scratch.file("tree"))
    try write(scratch.file("tree"), to: scratch.file("image"))
    let image = try SquashImage(opening: scratch.file("image"))
    let cases: [([String], [String])] = [
      (["many/file-1?", "no*", "./usr/bin/", "a/no"], ["no*", "a/no"]),
      (["*/nothing", "nothing"], ["*/nothing", "nothing"]),
      (["/", "x"], ["x"]), (["usr", "usr/bin"], []), ([], []),
    ]
    for (index, (patterns, expected)) in cases.enumerated() {
      let selection = PathSelection(patterns: patterns)
      let report = try extract(image, to: scratch.file("out\(index)")) { $0.selection = selection }
      #expect(report.unmatched == expected.map(Self.text), "\(patterns)")
      #expect((report.entries == 0) == (expected == patterns && !patterns.isEmpty), "\(patterns)")
      var stream = TarStream(try SquashReader(image), to: NoBytes())
      #expect(try stream.write(selection).unmatched == expected.map(Self.text), "\(patterns)")
    }
  }

  private struct NoBytes: ByteSink {
    func write(_ bytes: UnsafeRawBufferPointer) {}
  }

  @Test func errorsNameTheDestination() throws {
    let scratch = try Scratch()
    let image = try SquashImage(MemoryReader(ForgedImage.withRoot { _ in [] }.build()))
    for path in ["none/out", "file"] {
      try scratch.write("file", "")
      let error = #expect(throws: SquashError.self) { try image.extract(to: scratch.file(path)) }
      #expect(error?.code == .system && error?.description.contains(scratch.file(path)) == true, "\(error)")
    }
    let missing = #expect(throws: SquashError.self) { try SquashImage(opening: scratch.file("none")) }
    #expect(missing?.code == .system && missing?.description.contains(scratch.file("none")) == true)
  }

  @Test func negativeCounts() throws {
    let image = ForgedImage.withRoot { forged in
      forged.data = [1, 2, 3]
      return [(Self.text("file"), 2, forged.file(number: 2, size: 3, words: [3 | 1 << 24]), 2)]
    }
    let squashfs = try SquashImage(MemoryReader(image.build()))
    let reader = try SquashReader(squashfs)
    let entry = try reader.lookup(Self.text("file"))
    #expect(entry.pathText == "file")
    let layout = try #require(entry.inode.layout)
    #expect(try reader.prefix(of: layout, -1) == [] && reader.prefix(of: layout, 2) == [1, 2])
    #expect(try reader.storedRuns(of: layout, limit: -1) == nil)
    try reader.read(layout, at: 0, count: -1, BlockCache(for: squashfs)) { _ in Issue.record("bytes") }
    #expect(throws: SquashError.self) { try squashfs.contents(of: "file", limit: -1) }
  }

  @Test func withoutPrivilegeTheRestIsRecorded() throws {
    let scratch = try Scratch()
    try makeTree(scratch.file("tree"))
    try write(scratch.file("tree"), to: scratch.file("image"))
    let records = Mutex<[UnappliedAttributes]>([])
    // As the superuser, but with the unprivileged options: owners stay as created, nodes are not made.
    try extract(try openImage(scratch.file("image")), to: scratch.file("out")) {
      $0.isPrivileged = false
      $0.onUnapplied = { record in records.withLock { $0.append(record) } }
    }
    let found = records.withLock { $0 }
    let text = try #require(found.first { $0.path == Self.text("text") })
    #expect(text.userID == 1000 && text.groupID == 1001)
    let disk = try #require(found.first { $0.path == Self.text("disk") })
    #expect(disk.device == DeviceNumber(major: 259, minor: 70000))
    let capability = try #require(found.first { $0.path == Self.text("size-4096") })
    #expect(capability.attributes.map(\.name) == [Self.text("security.capability")])
    let setID = try #require(found.first { $0.path == Self.text("a/hard-2") })
    #expect(setID.permissions == 0o4755)
    #expect(
      try shell(
        "cd \(scratch.file("out")); stat -c '%a %u' usr/bin/hard-1 text; test ! -e null; getfattr --only-values -n user.comment text"
      ) == "755 0\n644 0\na comment")
    // An ordinary user can do it, too.
    try shell("chown -R 65534 \(scratch.file("out")); chmod 755 \(scratch.path)")
  }

  @Test func faultsAreRefusedAndReportedWhileTheRestIsExtracted() throws {
    let scratch = try Scratch()
    let image = ForgedImage.withRoot { forged in
      let file = forged.file(number: 2, size: 0)
      return [
        (Self.text("../escape"), 2, file, 2), (Self.text("good"), 2, file, 2),
        (Self.text("x\u{0}"), 2, file, 2),
      ]
    }
    let report = try extract(try SquashImage(MemoryReader(image.build())), to: scratch.file("out"))
    #expect(report.faults.map(\.code) == [.hostileName, .hostileName])
    #expect(try shell("cd \(scratch.path); find . -type f") == "./out/good\n")
  }

  @Test func directoriesDeeperThanAnyPathAreExtracted() throws {
    let scratch = try Scratch()
    var forged = ForgedImage()
    forged.inodeCount = 3000
    let name = Self.text(String(repeating: "long", count: 25))
    var below = forged.directory(number: 1001, [])
    for number in (1...1000).reversed() {
      below = forged.directory(number: UInt32(number), [(name, UInt32(number + 1), below, 1)])
    }
    forged.root = below
    let report = try extract(try SquashImage(MemoryReader(forged.build())), to: scratch.file("out"))
    #expect(report.entries == 1001 && report.faultCount == 0)
    let depth = try shell(
      """
      cd \(scratch.file("out")); python3 - <<'EOF'
      import os
      depth = 0
      while os.path.isdir('\(String(decoding: name, as: UTF8.self))'):
        os.chdir('\(String(decoding: name, as: UTF8.self))'); depth += 1
      print(depth)
      EOF
      """)
    #expect(depth == "1000\n")
  }
}
