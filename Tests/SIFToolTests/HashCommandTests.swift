import Glibc
import TestSupport
import Testing

/// `hash` and `bodyfile` as users meet them, on the real binary.
@Suite struct HashCommandTests {
  private let directory: Scratch
  private let image: String

  init() throws {
    directory = try Scratch()
    image = directory.file("app.sif")
    try Tool.check(
      [
        "sh", "-c",
        """
        set -e; mkdir -p rootfs/bin rootfs/etc
        head -c 400000 /dev/urandom > rootfs/bin/tool; ln rootfs/bin/tool rootfs/bin/other; ln -s tool rootfs/bin/link
        echo text > rootfs/etc/file; truncate -s 3000000 rootfs/sparse; echo tail >> rootfs/sparse; : > rootfs/empty
        yes compressible | head -c 300000 > rootfs/etc/lines; mkfifo rootfs/pipe; chmod 6711 rootfs/bin/tool
        printf a > "$(printf 'rootfs/new\\nline\\\\and|pipe%%')"; printf b > "$(printf 'rootfs/\\377\\376')"
        printf c > "$(printf 'rootfs/esc\\033[31m')"; chown 1000:1001 rootfs/etc/file
        find rootfs -exec touch -h -d @1600000000 {} +
        """,
      ], in: directory.path)
    try Siftool.check(
      "pack", directory.file("rootfs"), image, "--plain", "--quiet", "--arch", "amd64",
      environment: ["SOURCE_DATE_EPOCH": "1700000000"])
  }

  @Test(arguments: [
    ("sha256", "sha256sum"), ("sha512", "sha512sum"), ("sha384", "sha384sum"), ("sha224", "sha224sum"),
    ("sha1", "sha1sum"), ("md5", "md5sum"), ("blake2b", "b2sum"),
  ])
  func asCoreutils(algorithm: String, tool: String) throws {
    let files = "siftool hash app.sif --only files --prefix . --algorithm \(algorithm)"
    let check = try Shell.run(
      "\(files) > list; cd rootfs && \(tool) -c --strict --quiet ../list", in: directory)
    #expect(check.status == 0 && check.text.isEmpty, "\(check.text)\(check.errors)")
    let count = try Shell.run("find rootfs -type f -print0 | tr -dc '\\0' | wc -c", in: directory).text
    #expect(try Shell.run("wc -l < list", in: directory).text == count)
    let whole = try Shell.run(
      "siftool hash app.sif --only file --algorithm \(algorithm) > file; \(tool) -c --quiet file",
      in: directory)
    #expect(whole.status == 0)
    // Their list is as good as ours.
    let theirs = try Shell.run(
      "cd rootfs && find . -type f -print0 | xargs -0 \(tool) > ../theirs; cd ..; \(files) --against theirs | grep -vc '^same'",
      in: directory)
    #expect(theirs.text == "0\n", "\(theirs.errors)")
  }

  @Test func objects() throws {
    try directory.write("data", Array("data".utf8))
    try Siftool.check("add", image, directory.file("data"), "--datatype", "generic", "--quiet")
    let list = try Siftool.run("hash", "app.sif", in: directory).text.split(separator: "\n")
    #expect(list.first == Substring(try Shell.run("sha256sum app.sif", in: directory).text.dropLast()))
    let dump = try Shell.run(
      "for i in 1 2; do siftool dump $i app.sif | sha256sum | sed \"s/-/app.sif#$i/\"; done", in: directory
    ).text
    let objects = list.filter { $0.hasSuffix("#1") || $0.hasSuffix("#2") }.joined(separator: "\n") + "\n"
    #expect(objects == dump)
    #expect(list.contains { $0.hasSuffix("  app.sif#1/bin/other") })
    let named = try Siftool.run("hash", "app.sif", "--name", "other", "--only", "objects", in: directory).text
    #expect(named == dump.replacing("app.sif", with: "other"))
  }

  @Test func comparing() throws {
    #expect(
      try Shell.run(
        "siftool hash app.sif > list; siftool hash app.sif --against list > out; grep -vc ^same out",
        in: directory
      )
      .text == "0\n")
    let edited = try Shell.run(
      "sed -e 's/^..\\(.*file\\)$/00\\1/' -e /lines/d list > edited; echo \"$(printf %064d 0)  gone\" >> edited; siftool hash app.sif --against edited",
      in: directory)
    #expect(edited.status == 1)
    let changes = Dictionary(
      grouping: edited.text.split(separator: "\n").map {
        $0.split(separator: " ", maxSplits: 1, omittingEmptySubsequences: true)
      },
      by: { String($0[0]) }
    ).mapValues { $0.map { $0[1].drop { $0 == " " } } }
    #expect(changes["changed"] == ["app.sif#1/etc/file"])
    #expect(changes["new"] == ["app.sif#1/etc/lines"])
    #expect(changes["missing"] == ["gone"])
    #expect(edited.errors.hasSuffix(" same, 1 changed, 1 missing, 1 new, 0 not read\n"), "\(edited.errors)")
    let document = try Siftool.run("hash", "app.sif", "--against", "edited", "--json", in: directory)
    #expect(document.status == 1)
    #expect(try JSONSchema.faults(of: document.output, schema: "hash") == "")
    #expect(document.text.contains(#""missing": 1"#))
    // No more of it is read than of one line.
    let endless = try Shell.run(
      "python3 -c 'import resource, subprocess, sys; c = subprocess.run([\"siftool\", \"hash\", \"app.sif\", \"--against\", \"/dev/zero\"]).returncode; print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss < 96 << 10); sys.exit(c)'",
      in: directory)
    #expect(
      endless.status == 5 && endless.text == "True\n"
        && endless.errors.contains("/dev/zero: a line is too long"), "\(endless.errors)")
    for (list, status) in [("nonsense", 5), ("no-such-file", 7)] as [(String, Int32)] {
      try directory.write("nonsense", Array("nonsense\n".utf8))
      #expect(try Siftool.run("hash", "app.sif", "--against", list, in: directory).status == status)
    }
    #expect(
      try Siftool.run("hash", "app.sif", "--against", "list", "--algorithm", "sha512", in: directory).status
        == 5)
  }

  @Test func bodyFile() throws {
    let timeline = try Shell.run(
      "siftool bodyfile app.sif > body; mactime -b body -d -z UTC 2020-01-01", in: directory)
    #expect(timeline.status == 0 && timeline.errors.isEmpty, "\(timeline.errors)")
    // Every file at its own time, with what stat says of it; a newline in a name loses none.
    #expect(timeline.text.split(separator: "\n").count == 18)
    let expected = [
      "Sun Sep 13 2020 12:26:40,5,m...,r/rrw-r--r--,1000,1001,",
      "Tue Nov 14 2023 22:13:20,", "\"app.sif ($SIF_HEADER)\"", "\"app.sif#1 ($SIF_DESCRIPTOR)\"",
      "\"app.sif#1 ($SQUASHFS)\"", "r/rrws--s--x", "l/lrwxrwxrwx", "\"app.sif#1/bin/link -> tool\"",
      "\"app.sif#1/new\\x0aline\\\\and|pipe%\"", "p/prw-r--r--",
    ]
    for part in expected { #expect(timeline.text.contains(part), "\(part)\n\(timeline.text)") }
    let body = try directory.read("body")
    #expect(!body.contains(0x1B))
    #expect(body.split(separator: 0x0A).allSatisfy { $0.count { $0 == UInt8(ascii: "|") } == 10 })
    // Whatever the bytes of a name are: what mactime prints is text.
    #expect(!body.contains(0xFF) && body.firstRange(of: Array("\\xff\\xfe".utf8)) != nil)
    let names = try Shell.run("find rootfs | wc -l; wc -l < body", in: directory).text.split(separator: "\n")
      .compactMap {
        Int($0)
      }
    // Each name of the tree, and three entries of the image itself; a newline in find's answer is no name.
    #expect(names == [names[1] - 3 + 1, names[1]])
  }

  @Test func dfxml() throws {
    try directory.write("check.py", Array(Self.dfxmlCheck.utf8))
    let checked = try Shell.run(
      "siftool bodyfile app.sif --dfxml > image.dfxml && python3 check.py image.dfxml app.sif rootfs",
      in: directory)
    #expect(
      checked.status == 0 && checked.text == "14 names, 9 digests, 6 with runs\n",
      "\(checked.text)\(checked.errors)")
    #expect(
      try Siftool.run("bodyfile", "app.sif", "--dfxml", "--algorithm", "sha512", in: directory).status == 64)
  }

  /// Digests are those of the tree, and runs hold the bytes.
  private static let dfxmlCheck = """
    import hashlib, os, re, sys
    import xml.etree.ElementTree as ET
    space = "{http://www.forensicswiki.org/wiki/Category:Digital_Forensics_XML}"
    root = ET.parse(sys.argv[1]).getroot()
    image = open(sys.argv[2], "rb").read()
    plain = lambda text: re.sub(rb"\\\\\\\\(x..|\\\\\\\\)", lambda m: bytes([int(m[1][1:], 16)]) if m[1][:1] == b"x" else b"\\\\\\\\", text.encode())
    names = digests = withruns = 0
    for file in root.findall(f"{space}volume/{space}fileobject"):
        names += 1
        path = os.path.join(os.fsencode(sys.argv[3]), plain(file.findtext(space + "filename") or ""))
        status = os.lstat(path)
        assert int(file.findtext(space + "mode")) == status.st_mode & 0o7777 and int(file.findtext(space + "uid")) == status.st_uid
        digest = file.findtext(space + "hashdigest")
        if digest is None: continue
        data = open(path, "rb").read()
        digests += 1
        assert hashlib.sha256(data).hexdigest() == digest, path
        runs = file.find(space + "byte_runs")
        if runs is None: continue
        withruns += 1
        there = bytearray(len(data))
        for run in runs:
            at, offset, count = (int(run.get(key)) for key in ("file_offset", "img_offset", "len"))
            there[at:at + count] = image[offset:offset + count]
        assert there == data, path
    object = root.find(f"{space}fileobject")
    run = object.find(f"{space}byte_runs/{space}byte_run")
    start, count = int(run.get("img_offset")), int(run.get("len"))
    assert hashlib.sha256(image[start:start + count]).hexdigest() == object.findtext(space + "hashdigest")
    print(f"{names} names, {digests} digests, {withruns} with runs")
    """.replacing("\\\\\\\\", with: "\\\\")

  /// What could not be read is not missing, and what was not asked for is neither.
  @Test func whatWasNotRead() throws {
    let made = try Shell.run(
      """
      echo secret > phrase; siftool encrypt app.sif closed.sif --passphrase-file phrase --kdf pbkdf2 --kdf-time 1000 -q
      siftool hash closed.sif --passphrase-file phrase > list && siftool hash closed.sif --passphrase-file phrase --against list -q
      """, in: directory)
    #expect(made.status == 0, "\(made.errors)")
    let files = Array(try Shell.run("grep -c '#[0-9]*/' list", in: directory).text.utf8).dropLast()
    let count = try #require(Int(String(decoding: files, as: UTF8.self)))
    let closed = try Siftool.run("hash", "closed.sif", "--against", "list", in: directory)
    #expect(
      closed.status == 1 && closed.errors.contains(" 0 missing, 0 new, \(count) not read\n"),
      "\(closed.errors)")
    #expect(closed.text.contains("not read closed.sif#1/etc/file\n"))
    let document = try Siftool.run("hash", "closed.sif", "--against", "list", "--json", in: directory)
    #expect(try JSONSchema.faults(of: document.output, schema: "hash") == "")
    #expect(
      document.text.contains("\"notRead\": \(count)") && document.text.contains("\"code\": \"encrypted\""))
    // Every form says which partition was left out.
    for (command, status) in [("hash", 0), ("bodyfile", 0)] as [(String, Int32)] {
      let document = try Siftool.run(command, "closed.sif", "--json", in: directory)
      #expect(document.status == status && document.text.contains("\"code\": \"encrypted\""))
      #expect(try JSONSchema.faults(of: document.output, schema: command) == "")
      #expect(
        try Siftool.run(command, "closed.sif", "--ndjson", in: directory).text.contains(
          #"{"unread":{"code":"encrypted","message":"object 1 is"#))
    }
    let dfxml = try Shell.run(
      "siftool bodyfile closed.sif --dfxml > closed.xml; xmllint --noout closed.xml 2>&1 || python3 -c 'import xml.dom.minidom; xml.dom.minidom.parse(\"closed.xml\")'; cat closed.xml",
      in: directory)
    #expect(dfxml.text.contains("<error>object 1 is encrypted (LUKS2"), "\(dfxml.text)")
    // An object that is cut off, with the files in it; the damage is said once.
    let cut = try Shell.run(
      "siftool hash app.sif > whole; cp app.sif cut.sif; truncate -s -4096 cut.sif; siftool hash cut.sif --name app.sif --against whole | sort | uniq -c | sort -rn | sed 's/^ *//'; siftool hash cut.sif --only objects",
      in: directory)
    #expect(
      cut.text.contains("1 not read app.sif#1\n") && cut.text.contains("1 not read app.sif#1/etc/file\n"))
    #expect(cut.text.contains("1 changed  app.sif\n") && !cut.text.contains("missing"), "\(cut.text)")
    let said = try Siftool.run("hash", "cut.sif", "--only", "objects", in: directory).errors.split(
      separator: "\n"
    ).filter {
      $0.contains("not read: ")
    }
    #expect(said.count == 1, "\(said)")
    // A file of a partition that is read, and gone from it, is missing.
    let gone = try Shell.run(
      "sed 's,/etc/file,/etc/gone,' whole > edited; siftool hash ./app.sif --against edited", in: directory)
    #expect(
      gone.text.contains("missing  app.sif#1/etc/gone\n")
        && gone.text.contains("new      ./app.sif#1/etc/file\n"))
    for (scope, unwanted) in [("files", 2), ("objects", count + 1), ("file", count + 1)] {
      let answer = try Siftool.run("hash", "app.sif", "--only", scope, "--against", "whole", in: directory)
      #expect(answer.status == 0 && answer.errors.contains(" 0 missing, "), "\(scope) \(answer.text)")
      #expect(
        answer.errors.contains("siftool: \(unwanted) names of the list were not asked for\n"),
        "\(answer.errors)")
    }
  }

  @Test func documents() throws {
    for command in ["hash", "bodyfile"] {
      let document = try Siftool.run(command, "app.sif", "--json", in: directory)
      #expect(document.status == 0)
      #expect(try JSONSchema.faults(of: document.output, schema: command) == "")
      let lines = try Siftool.run(command, "app.sif", "--ndjson", in: directory).text
      #expect(lines.contains(#""nameBytes":"6170702e7369662331"#) && lines.contains(#""pathBytes":"2ffffe""#))
      #expect(!lines.utf8.contains(0x1B) && lines.contains(#"esc\u001b[31m"#))
      let failed = try Siftool.run(command, "rootfs", "--json", in: directory)
      #expect(failed.status == 5)
      #expect(try JSONSchema.faults(of: failed.output, schema: command) == "")
    }
  }

  @Test func terminals() throws {
    _ = try Shell.run("siftool hash app.sif | sed 1d > list", in: directory)
    for command in ["hash app.sif", "bodyfile app.sif", "hash app.sif --against list"] {
      let shown = try Shell.run("script -qc 'siftool \(command) -q' /dev/null < /dev/null", in: directory)
      #expect(!shown.output.contains(0x1B), "\(command)")
    }
    #expect(
      try Shell.run("script -qc 'siftool hash -q app.sif' /dev/null", in: directory).text.contains(
        "esc\\x1b[31m"))
    // Once, as a file has it.
    let body = try Shell.run("script -qc 'siftool bodyfile -q app.sif' /dev/null", in: directory).text
    #expect(body.contains("/esc\\x1b[31m|") && body.contains("/new\\x0aline\\\\and%7Cpipe%25|"), "\(body)")
  }
}
