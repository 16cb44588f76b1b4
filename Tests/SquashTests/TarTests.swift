import Glibc
import LinuxSystem
import Squash
import TestSupport
import Testing

/// Archives that GNU tar and bsdtar read back equal, and images from archives that those tools made.
@Suite struct TarTests {
  private func stream(_ image: String, to path: String) throws -> TarReport {
    let sink = try FileStream(path, flags: O_WRONLY | O_CREAT | O_TRUNC)
    var stream = TarStream(try SquashReader(try openImage(image)), to: sink)
    let report = try stream.write()
    sink.finish()
    return report
  }

  @Test func gnuTarReadsTheStream() throws {
    let scratch = try Scratch()
    try makeTree(scratch.file("tree"))
    try write(scratch.file("tree"), to: scratch.file("image"))
    let report = try stream(scratch.file("image"), to: scratch.file("archive"))
    #expect(report.faultCount == 0)
    #expect(report.skipped == [Array("socket".utf8)])
    try shell(
      "cd \(scratch.path); mkdir out; tar --xattrs --xattrs-include='*' --numeric-owner -xpf archive -C out; rm tree/socket; touch -d @1600000000 tree"
    )
    try expectEqualTrees(scratch.file("tree"), scratch.file("out"))
    #expect(try shell("stat -c %b \(scratch.file("out"))/holes") < "9000000")
  }

  @Test func bsdtarReadsTheStream() throws {
    let scratch = try Scratch()
    try makeTree(scratch.file("tree"))
    try write(scratch.file("tree"), to: scratch.file("image"))
    _ = try stream(scratch.file("image"), to: scratch.file("archive"))
    try shell(
      "cd \(scratch.path); mkdir out; LC_ALL=C.UTF-8 bsdtar --numeric-owner -xpf archive -C out; rm tree/socket; touch -d @1600000000 tree out"
    )
    try expectEqualTrees(scratch.file("tree"), scratch.file("out"))
  }

  @Test(arguments: [
    "tar --format=pax --xattrs --xattrs-include=* -cf", "tar --format=pax --xattrs --xattrs-include=* -Scf",
    "tar --format=pax --sparse-version=0.0 --xattrs --xattrs-include=* -Scf",
    "tar --format=pax --sparse-version=0.1 --xattrs --xattrs-include=* -Scf",
    "tar --format=pax --xattrs --xattrs-include=* -czf",
    "tar --format=pax --xattrs --xattrs-include=* --zstd -cf",
    "bsdtar --format=pax -cf", "bsdtar --format=pax --zstd -cf", "bsdtar --format=pax -czf",
  ])
  func imagesFromArchives(command: String) throws {
    let scratch = try Scratch()
    try makeTree(scratch.file("tree"))
    try shell("cd \(scratch.file("tree")); rm socket; touch -d @1600000000 .; \(command) ../archive .")
    let report = try writeImage(to: scratch.file("image")) {
      let source = try FileStream(scratch.file("archive"), flags: O_RDONLY)
      try $0.add(archive: source)
      source.finish()
    }
    #expect(report.skipped.isEmpty)
    try extract(try openImage(scratch.file("image")), to: scratch.file("out"))
    try expectEqualTrees(scratch.file("tree"), scratch.file("out"))
    try shell("cd \(scratch.path); unsquashfs -q -n -d foreign image")
    try expectEqualTrees(scratch.file("tree"), scratch.file("foreign"))
  }

  @Test(arguments: [
    "tar --format=gnu -cf", "tar --format=gnu -Scf", "tar --format=ustar -cf", "bsdtar --format=gnutar -cf",
  ])
  func olderFormats(command: String) throws {
    let scratch = try Scratch()
    try shell(
      """
      mkdir -p \(scratch.file("tree"))/a/\(String(repeating: "d", count: 90)); cd \(scratch.file("tree"))
      echo text > a/\(String(repeating: "d", count: 90))/\(String(repeating: "f", count: 90)); ln -s a link
      ln link-target hard 2>/dev/null || true; truncate -s 700000 holes; echo end >> holes
      for n in $(seq 1 60); do printf x >> many; truncate -s $((n * 40000)) many; done
      mkfifo pipe; mknod null c 1 3; find . -exec touch -h -d @1500000000 {} +
      \(command) ../archive .
      """)
    try writeImage(to: scratch.file("image")) {
      let source = try FileStream(scratch.file("archive"), flags: O_RDONLY)
      try $0.add(archive: source)
      source.finish()
    }
    try extract(try openImage(scratch.file("image")), to: scratch.file("out"))
    try expectEqualTrees(scratch.file("tree"), scratch.file("out"))
  }

  @Test(arguments: ["../up", "a/../../up", "/..", ".."]) func namesThatLeadUpwardsAreRefused(name: String)
    throws
  {
    let scratch = try Scratch()
    try shell(
      """
      cd \(scratch.path); python3 - <<'EOF'
      import tarfile, io
      t = tarfile.open('archive', 'w'); i = tarfile.TarInfo('\(name)'); i.size = 1; t.addfile(i, io.BytesIO(b'x')); t.close()
      EOF
      """)
    let error = #expect(throws: SquashError.self) {
      try writeImage(to: scratch.file("image")) {
        try $0.add(archive: try FileStream(scratch.file("archive"), flags: O_RDONLY))
      }
    }
    #expect(error?.code == .hostileName)
  }

  @Test(arguments: [300, 700, 1000, 5000]) func aDamagedArchiveIsAnError(length: Int) throws {
    let scratch = try Scratch()
    try shell(
      "cd \(scratch.path); seq 1 100000 > file; tar -czf whole file; head -c \(length) whole > archive")
    #expect(throws: SquashError.self) {
      try writeImage(to: scratch.file("image")) {
        try $0.add(archive: try FileStream(scratch.file("archive"), flags: O_RDONLY))
      }
    }
    #expect(throws: SquashError.self) { try openImage(scratch.file("image")) }
  }

  @Test func laterEntriesReplaceEarlierOnes() throws {
    let scratch = try Scratch()
    try shell(
      """
      cd \(scratch.path); echo one > file; ln file other; tar -cf archive file other; rm file other; echo two > file
      tar -rf archive file; mkdir dir; touch dir/inside; tar -rf archive dir; tar -rf archive dir
      """)
    try writeImage(to: scratch.file("image")) {
      try $0.add(archive: try FileStream(scratch.file("archive"), flags: O_RDONLY))
    }
    try extract(try openImage(scratch.file("image")), to: scratch.file("out"))
    #expect(
      try shell("cd \(scratch.file("out")); cat file other; stat -c %h file other; ls dir")
        == "two\none\n1\n1\ninside\n")
  }
}
