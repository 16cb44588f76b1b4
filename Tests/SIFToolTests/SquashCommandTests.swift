import Glibc
import TestSupport
import Testing

/// `ls`, `cat`, `extract`, `tar` and `pack` as users meet them, on the real binary.
@Suite struct SquashCommandTests {
  private let directory: Scratch
  private let image: String

  init() throws {
    directory = try Scratch()
    image = directory.file("app.sif")
    try Tool.check([
      "sh", "-c",
      """
      set -e; cd \(directory.path); mkdir -p rootfs/bin rootfs/etc rootfs/deep/er
      cp \(Fixture.siftool) rootfs/bin/sh 2>/dev/null; truncate -s 4096 rootfs/bin/sh
      echo text > rootfs/etc/file; ln -s file rootfs/etc/link; ln rootfs/etc/file rootfs/etc/other
      truncate -s 300000 rootfs/holes; echo end >> rootfs/holes; echo deep > rootfs/deep/er/file
      printf x > "$(printf 'rootfs/esc\\033[31m')"; chmod 4711 rootfs/bin/sh; mkfifo rootfs/pipe
      printf '#!/bin/sh\\necho "hello $WHO" "$@"\\n' > runscript; echo 'Bootstrap: scratch' > definition
      find rootfs -exec touch -h -d @1600000000 {} +
      """,
    ])
    try pack("--plain")
  }

  private func pack(_ extra: String..., to name: String = "app.sif") throws {
    let answer = try Siftool.run(
      ["pack", directory.file("rootfs"), directory.file(name)] + extra,
      environment: ["SOURCE_DATE_EPOCH": "1700000000"])
    try #require(answer.status == 0, "\(answer.errors)")
    #expect(answer.output.isEmpty && answer.errors.isEmpty, "\(answer.errors)")
  }

  @Test func listings() throws {
    #expect(try Siftool.run("ls", image, "/etc").text == "file\nlink\nother\n")
    #expect(try Siftool.run("ls", image, "etc/link").text == "etc/link\n")
    #expect(try Siftool.run("ls", image).text.contains("esc\\x1b[31m\n"))
    #expect(try Siftool.run("ls", "-R", image, "deep").text == "deep\ndeep/er\ndeep/er/file\n")
    let long = try Siftool.run("ls", "-l", image, "etc").text
    #expect(
      long.contains("lrwxrwxrwx   1     0     0          4 2020-09-13T12:26:40Z link -> file\n"), "\(long)")
    #expect(
      try Siftool.run("ls", "-l", image, "bin").text.hasPrefix("-rws--x--x   1     0     0       4096 2020-"))
    let document = try Siftool.run("ls", "--json", image, "etc/file").text
    let json =
      #"{"entries":[{"groupId":0,"inode":0,"links":2,"mode":"0644","modifiedAt":"2020-09-13T12:26:40Z","#
      + #""path":"/etc/file","size":5,"type":"file","userId":0}],"faults":[],"schemaVersion":1}"#
    let bare = document.filter { !$0.isWhitespace }.replacing(/"inode":\d+/, with: "\"inode\":0")
    #expect(bare == json)
    let lines = try Siftool.run("ls", "-R", "--ndjson", image).text.split(separator: "\n")
    #expect(lines.count == (try Siftool.run("ls", "-R", image).text.split(separator: "\n").count))
    #expect(lines.contains { $0.contains(#""target":"file","type":"symlink""#) })
  }

  @Test func contents() throws {
    #expect(try Siftool.run("cat", image, "/etc/link", "etc/../deep/er/file").text == "text\ndeep\n")
    #expect(try Siftool.run("cat", image, "holes").output == Tool.read(directory.file("rootfs/holes")))
    let missing = try Siftool.run("cat", image, "nothing")
    #expect(missing.status == 1 && missing.errors == "siftool: nothing: no such file or directory\n")
    #expect(try Siftool.run("cat", image, "etc").status == 1)
    #expect(try Siftool.run("cat", image, "etc/file/x").status == 1)
    // A reader that goes away is no reason to complain.
    #expect(
      try Shell.check("\(Fixture.siftool) cat \(image) holes holes | head -c 1 | wc -c; true", in: directory)
        .text == "1\n")
  }

  @Test func extraction() throws {
    #expect(
      try Shell.check(
        "\(Fixture.siftool) extract app.sif 2>&1; ls -d app; stat -c %a app/bin/sh", in: directory
      ).text == "app\n4711\n")
    for name in ["bin", "etc", "deep", "holes"] {
      #expect(
        try Shell.check("diff -r --no-dereference rootfs/\(name) app/\(name)", in: directory).text == "")
    }
    let again = try Tool.run(["sh", "-c", "cd \(directory.path); exec \(Fixture.siftool) extract app.sif"])
    #expect(again.status == 7 && again.errors.contains("File exists"))
    #expect(try Siftool.run("extract", image, "-C", directory.file("app"), "--resume").status == 0)
    #expect(try Siftool.run("extract", image, "-C", directory.file("part"), "etc/l*", "/deep/er").status == 0)
    #expect(
      try Shell.check("cd part; find . -type f -o -type l | sort", in: directory).text
        == "./deep/er/file\n./etc/link\n")
    let nothing = try Siftool.run("extract", image, "-C", directory.file("none"), "*/nothing")
    #expect(nothing.status == 1 && nothing.errors.contains("nothing in the image matches"))
  }

  @Test func withoutRootThereIsAManifest() throws {
    let tool = directory.file("siftool")
    let answer = try Tool.check([
      "sh", "-c",
      """
      set -e; cd \(directory.path); cp \(Fixture.siftool) \(tool); mkdir work; chmod 755 . \(tool); chmod 777 work
      setpriv --reuid=65534 --regid=65534 --clear-groups \(tool) extract app.sif -C work/out 2>&1
      wc -l < work/out.manifest.ndjson; stat -c '%u %a' work/out/bin/sh
      grep bin/sh work/out.manifest.ndjson
      """,
    ])
    let lines = answer.text.split(separator: "\n")
    #expect(lines.first?.contains("out.manifest.ndjson") == true)
    #expect(lines.suffix(2).first == "65534 711")
    #expect(lines.last == #"{"groupId":0,"mode":"4711","path":"bin/sh","type":"file","userId":0}"#)
  }

  @Test func archives() throws {
    #expect(
      try Shell.check(
        "\(Fixture.siftool) tar app.sif | (mkdir x; tar -C x -xf -); diff -r --no-dereference rootfs/etc x/etc",
        in: directory
      ).text == "")
    #expect(try Siftool.run("tar", image, "etc", "-o", directory.file("etc.tar")).status == 0)
    #expect(try Shell.check("tar -tf etc.tar", in: directory).text == "etc/\netc/file\netc/link\netc/other\n")
  }

  @Test func plainSquashfsFilesAndOtherPartitions() throws {
    try Tool.check(["sh", "-c", "cd \(directory.path); mksquashfs rootfs plain.squashfs -quiet -no-progress"])
    #expect(try Siftool.run("ls", directory.file("plain.squashfs"), "etc").text == "file\nlink\nother\n")
    let usage = try Siftool.run("ls", directory.file("plain.squashfs"), "--id", "1")
    #expect(usage.status == 64)
    let ext3 = directory.file("ext3.sif")
    #expect(try Siftool.run("new", ext3).status == 0)
    try directory.write("data", [UInt8](repeating: 0, count: 5000))
    let added = try Siftool.run(
      "add", ext3, directory.file("data"), "--datatype", "4", "--parttype", "2", "--partfs", "2",
      "--partarch", "2")
    #expect(added.status == 0, "\(added.errors)")
    let answer = try Siftool.run("ls", ext3)
    #expect(answer.status == 1 && answer.errors.contains("ext3"), "\(answer.errors)")
    #expect(try Siftool.run("ls", directory.file("data")).status == 5)
    // A truncated image.
    try Tool.check(["truncate", "-s", "33000", image])
    let cut = try Siftool.run("ls", image)
    #expect(cut.status == 5 && cut.errors.contains("truncated"), "\(cut.errors)")
  }

  @Test func packing() throws {
    let parts = [
      "--runscript", directory.file("runscript"), "--env", "WHO=it's you", "--label", "a=b",
      "--deffile", directory.file("definition"), "--all-root",
    ]
    for threads in ["1", "2", "5"] {
      let answer = try Siftool.run(
        [
          "pack", directory.file("rootfs"), directory.file("t\(threads).sif"), "--threads",
          threads,
        ] + parts, environment: ["SOURCE_DATE_EPOCH": "1700000000"])
      #expect(answer.status == 0, "\(answer.errors)")
    }
    #expect(try directory.read("t1.sif") == directory.read("t2.sif"))
    #expect(try directory.read("t1.sif") == directory.read("t5.sif"))
    let packed = directory.file("t1.sif")
    let listing = try Siftool.run("list", packed).text
    #expect(listing.contains("|Def.FILE\n"))
    #expect(listing.contains("|JSON.Generic\n"))
    #expect(listing.contains("|FS (Squashfs/*System/amd64)\n"), "\(listing)")
    #expect(
      try Siftool.run("header", packed).text.hasPrefix(
        "Launch Script:        #!/usr/bin/env run-singularity\n"))
    #expect(try Siftool.run("check", packed).status == 0)
    let metadata = try Siftool.run("dump", "2", packed).text
    #expect(metadata.contains("\"labels\":{\"a\":\"b\"}") && metadata.contains("export WHO="), "\(metadata)")
    #expect(try Siftool.run("cat", packed, ".singularity.d/labels.json").text == "{\n\t\"a\": \"b\"\n}")
    // The partition is a squashfs that begins at a multiple of 4096.
    #expect(
      try Shell.check(
        "\(Fixture.siftool) dump 3 t1.sif > part; unsquashfs -s part | grep -c 'Compression zstd'",
        in: directory
      ).text
        == "1\n")
    // The program that it starts, in the shell of this machine with the image's variables.
    #expect(
      try Shell.check(
        "\(Fixture.siftool) extract t1.sif -C r; sed 's|/.singularity.d|'$PWD'/r/.singularity.d|' r/.run > run; sh run one two",
        in: directory
      ).text
        == "hello it's you one two\n")
    try pack("--plain", "--compression", "gzip", "--block-size", "65536", "--arch", "s390x", to: "plain.sif")
    #expect(
      try Siftool.run("ls", directory.file("plain.sif")).text == "bin\ndeep\nesc\\x1b[31m\netc\nholes\npipe\n"
    )
    #expect(try Siftool.run("list", directory.file("plain.sif")).text.contains("s390x"))
  }

  @Test func packingArchives() throws {
    #expect(
      try Shell.check(
        "tar -czf a.tgz -C rootfs . && \(Fixture.siftool) pack a.tgz one.sif && tar -cf - -C rootfs . | \(Fixture.siftool) pack - two.sif",
        in: directory
      ).text == "")
    for name in ["one.sif", "two.sif"] {
      #expect(try Siftool.run("cat", directory.file(name), "etc/other").text == "text\n")
    }
  }

  /// Archives of very many files: memory follows the names, not the bytes read.
  @Test func archivesOfManyFiles() throws {
    let script = """
      import io, sys, tarfile
      with tarfile.open(sys.argv[1], "w", format=tarfile.USTAR_FORMAT) as archive:
          for index in range(40000):
              entry = tarfile.TarInfo(f"d{index // 1000}/f{index}")
              entry.size = 1
              archive.addfile(entry, io.BytesIO(b"x"))
      """
    try Tool.check(["python3", "-c", script, directory.file("many.tar")])
    let (answer, peakMemory) = try Siftool.measure([
      "pack", "--plain", "--arch", "amd64", directory.file("many.tar"),
      directory.file("many.sif"),
    ])
    #expect(answer.status == 0, "\(answer.errors)")
    #expect(peakMemory < 64 << 20)
    let (listing, readerMemory) = try Siftool.measure(["ls", "-R", directory.file("many.sif")])
    #expect(listing.text.split(separator: "\n").count == 40040)
    #expect(readerMemory < 32 << 20)
  }

  @Test func whatCannotBePacked() throws {
    let target = directory.file("bad.sif")
    let rootfs = directory.file("rootfs")
    let empty = directory.file("empty")
    try Tool.check(["mkdir", empty])
    for (arguments, status) in [
      ([rootfs, target, "--compression", "lzo"], 64),
      ([rootfs, target, "--arch", "z80"], 64),
      ([rootfs, target, "--block-size", "5000"], 64), ([rootfs, target, "--env", "1A=b"], 64),
      ([rootfs, target, "--label", "x"], 64), ([rootfs, target, "--level", "99"], 64),
      ([rootfs, target, "--deffile", directory.file("nothing")], 7),
      ([directory.file("nothing"), target], 7),
      ([directory.file("definition"), target], 5),
    ] as [([String], Int32)] {
      let answer = try Siftool.run(["pack"] + arguments)
      #expect(answer.status == status, "\(arguments): \(answer.errors)")
      #expect(access(target, F_OK) != 0)
    }
    // A tree without programs is for this machine.
    let answer = try Siftool.run(["pack", empty, target])
    #expect(answer.status == 0 && answer.errors.contains("no program inside tells the architecture"))
  }
}
