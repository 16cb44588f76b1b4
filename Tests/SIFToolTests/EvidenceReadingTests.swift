import Glibc
import TestSupport
import Testing

/// `hash`, `bodyfile` and `scan` read evidence of every kind, sound or damaged, and leave it as it is.
@Suite struct EvidenceReadingTests {
  private let directory: Scratch
  private let image: String

  init() throws {
    directory = try Scratch()
    image = directory.file("images/app.sif")
    try Tool.check(
      [
        "sh", "-ec",
        """
        mkdir -p rootfs/bin images; echo text > rootfs/bin/file; head -c 300000 /dev/urandom > rootfs/data
        ln rootfs/data rootfs/link; i=0; while [ $i -lt 50 ]; do echo $i > rootfs/bin/$i; i=$((i + 1)); done
        """,
      ], in: directory.path)
    try Siftool.check("pack", directory.file("rootfs"), image, "--plain", "--quiet", "--arch", "amd64")
  }

  private static let commands = [
    ["hash"], ["hash", "--json"], ["bodyfile"], ["bodyfile", "--dfxml"], ["scan"],
  ]

  /// Nothing of the image changes, its access time neither, nor that of the directory that it lies in.
  @Test func untouched() throws {
    func times() throws -> String {
      try Tool.check(["stat", "-c", "%n %x %y %z %s %b", "images", "images/app.sif"], in: directory.path).text
    }
    let before = try times()
    let sum = try Tool.check(["sha256sum", image]).text
    try Tool.check(
      ["touch", "-a", "-d", "2001-02-03 04:05:06.7", "images", "images/app.sif"], in: directory.path)
    let set = try times()
    #expect(set != before && set.contains("2001-02-03 04:05:06.7"))
    for command in Self.commands {
      #expect(
        try Siftool.run(command + (command == ["scan"] ? ["images"] : ["images/app.sif"]), in: directory)
          .status == 0)
      #expect(try times() == set, "\(command)")
    }
    // The time would have changed: another reader changes it.
    #expect(try Tool.check(["sha256sum", image]).text == sum)
    #expect(try times() != set)
  }

  /// Another program's locks neither hold it up nor are they taken away.
  @Test func locks() throws {
    let commands = Self.commands.map { "\($0 + [$0 == ["scan"] ? "images" : "images/app.sif"])" }
    let script = """
      import fcntl, subprocess, sys, time
      file = open("images/app.sif", "r+")
      fcntl.lockf(file, fcntl.LOCK_EX)
      fcntl.flock(file, fcntl.LOCK_EX)
      for command in [\(commands.joined(separator: ", "))]:
        subprocess.run(["\(Fixture.siftool)"] + command, check=True, stdout=subprocess.DEVNULL, timeout=300)
      probe = "import fcntl; f = open('images/app.sif', 'r+'); fcntl.lockf(f, fcntl.LOCK_EX | fcntl.LOCK_NB)"
      sys.exit(subprocess.run([sys.executable, "-c", probe], stderr=subprocess.DEVNULL).returncode != 1)
      """
    let answer = try Tool.run(["python3", "-c", script], in: directory.path)
    #expect(answer.status == 0, "\(answer.errors)")
  }

  /// A mount that nothing can be written to, and a file that root cannot write to.
  @Test func readOnlyPlaces() throws {
    let commands = Self.commands.map {
      "\(Fixture.siftool) \($0.joined(separator: " ")) \($0 == ["scan"] ? "there" : "there/app.sif") > /dev/null"
    }
    let script = """
      mkdir there; mount -t tmpfs none there; cp images/app.sif there; chattr +i there/app.sif 2> /dev/null || true
      mount -o remount,ro there; \(commands.joined(separator: "; ")); ! touch there/new 2> /dev/null
      """
    let answer = try Tool.run(
      ["unshare", geteuid() == 0 ? "-m" : "-rm", "sh", "-ec", script], in: directory.path)
    #expect(answer.status == 0, "\(answer.errors)")
  }

  /// A terabyte of holes is refused at once, or left out, and never read.
  @Test func terabytes() throws {
    try Tool.check(["truncate", "-s", "1T", image])
    let refused = try Siftool.run("hash", image, in: directory)
    #expect(
      refused.status == 1 && refused.errors.contains("1.1 TB") && refused.errors.contains("--limit"),
      "\(refused.errors)")
    #expect(try Siftool.run("hash", image, "--only", "objects", "--only", "files", in: directory).status == 0)
    #expect(try Siftool.run("bodyfile", image, in: directory).status == 0)
    #expect(try Siftool.run("scan", image, in: directory).text.contains(#""size":1099511627776"#))
    // An object that claims the whole file.
    try Tool.check(
      [
        "sh", "-c",
        "printf '\\000\\000\\000\\000\\377\\000\\000\\000' | dd of=images/app.sif bs=1 seek=4121 conv=notrunc",
      ], in: directory.path)
    let scan = try Siftool.run("scan", image, in: directory)
    #expect(scan.status == 0 && scan.text.contains(#""verdict":"not-verified""#), "\(scan.text)")
    #expect(try Siftool.run("bodyfile", "--dfxml", image, in: directory).status == 1)
  }

  @Test func otherThings() throws {
    try Tool.check(["mkfifo", directory.file("pipe")])
    for command in Self.commands where command != ["scan"] {
      for (path, status) in [
        ("pipe", 5), ("images", 5), ("/dev/null", 5), ("nothing", 7), ("rootfs/data", 5),
      ] as [(String, Int32)] {
        let answer = try Siftool.run(command + [path], in: directory)
        #expect(answer.status == status, "\(command) \(path) \(answer.errors)")
      }
    }
    #expect(try Siftool.run("hash", image, "--id", "9", in: directory).status == 1)
    #expect(try Siftool.run("hash", image, "--threads", "0", in: directory).status == 64)
  }

  /// What is left of an image whose table is cut off, and of one that lost its last object.
  @Test func partsOfImages() throws {
    let bytes = try Tool.read(image)
    try directory.write("images/table.sif", Array(bytes.prefix(20_000)))
    let hash = try Siftool.run("hash", "images/table.sif", in: directory)
    #expect(hash.status == 5 && hash.errors.contains("descriptor table"), "\(hash.errors)")
    #expect(
      hash.text.hasPrefix(try Tool.check(["sha256sum", directory.file("images/table.sif")]).text.prefix(64)))
    #expect(hash.text.hasSuffix("  images/table.sif\n"))
    try directory.write("images/short.sif", Array(bytes.dropLast(9000)))
    for command in [["hash"], ["bodyfile"], ["bodyfile", "--dfxml"]] {
      let short = try Siftool.run(command + ["images/short.sif"], in: directory)
      #expect(
        short.status == 5 && short.errors.contains("object 1 is truncated"), "\(command) \(short.errors)")
      #expect(short.text.contains(command == ["hash"] ? "  images/short.sif" : "images/short.sif#1"))
    }
    let document = try Siftool.run("hash", "images/table.sif", "--json", in: directory)
    #expect(try JSONSchema.faults(of: document.output, schema: "hash") == "")
    #expect(document.text.contains(#""code": "truncated""#))
  }

  /// Facts without a key, and the rest as ever.
  @Test func encrypted() throws {
    let volume = directory.file("volume")
    try Tool.check(["truncate", "-s", "20M", volume])
    try Tool.check(
      [
        "cryptsetup", "luksFormat", "-q", "--type", "luks2", "--pbkdf", "pbkdf2", "--pbkdf-force-iterations",
        "1000", volume, "-",
      ],
      input: Array("secret".utf8))
    try Siftool.check(
      "add", image, volume, "--datatype", "4", "--partfs", "5", "--parttype", "3",
      "--partarch", "2", "--quiet")
    let hash = try Siftool.run("hash", image, in: directory)
    #expect(
      hash.status == 0 && hash.errors.contains("object 2 is encrypted (LUKS2, aes-xts-plain64)"),
      "\(hash.errors)")
    #expect(hash.text.contains("#2\n") && hash.text.contains("#1/bin/file\n") && !hash.text.contains("#2/"))
    #expect(try Siftool.run("scan", image, in: directory).text.contains(#""cipher":"aes-xts-plain64""#))
    #expect(try Siftool.run("bodyfile", image, in: directory).text.contains("#2 ($SIF_DESCRIPTOR)"))
  }

  /// With its key an encrypted partition is as any other; its files are those that were encrypted.
  @Test func opened() throws {
    let phrase = try directory.write("phrase", Array("correct horse".utf8))
    try Tool.check(["chmod", "600", phrase])
    let sealed = directory.file("images/sealed.sif")
    try Siftool.check("encrypt", image, sealed, "--passphrase-file", phrase, "--kdf-memory", "32", "--quiet")
    let plain = try Siftool.run("hash", image, "--only", "files", "--prefix", ".", in: directory)
    let options = ["--passphrase-file", phrase, "--only", "files", "--id", "1"]
    let inside = try Siftool.run(["hash", sealed] + options, in: directory)
    #expect(inside.status == 0 && !plain.output.isEmpty)
    #expect(inside.text.replacing("\(sealed)#1/", with: "./") == plain.text, "\(inside.errors)")
    let body = try Siftool.run("bodyfile", sealed, "--passphrase-file", phrase, "--dfxml", in: directory)
    // The bytes of the image are not those of any file.
    #expect(body.status == 0 && body.text.contains("<filename>bin/file</filename>"))
    #expect(body.text.contains(" fs_offset=") && body.text.components("img_offset=") == 1, "\(body.errors)")
    try directory.write("wrong", Array("wrong".utf8))
    #expect(
      try Siftool.run("hash", sealed, "--passphrase-file", directory.file("wrong"), in: directory).status == 6
    )
  }

  /// Damage anywhere ends in records, faults and exit codes.
  @Test func damaged() throws {
    let seed = UInt64.random(in: 0...UInt64.max)
    var random = SeededRandom(seed: seed)
    let bytes = try Tool.read(image)
    let tail = bytes.count - 6000
    for round in 0..<16 {
      var damaged = bytes
      for _ in 0..<Int.random(in: 1...12, using: &random) {
        let place = [
          Int.random(in: 42..<4096 + 585, using: &random), Int.random(in: 32_768..<32_900, using: &random),
          Int.random(in: tail..<bytes.count, using: &random),
        ][Int.random(in: 0...2, using: &random)]
        damaged[place] =
          [0, 1, 0x7F, 0xFF, UInt8.random(in: 0...255, using: &random)].randomElement(using: &random) ?? 0
      }
      if round % 4 == 0 { damaged.removeLast(Int.random(in: 0..<damaged.count - 42, using: &random)) }
      try directory.write("images/damaged.sif", damaged)
      for command in Self.commands {
        let answer = try Tool.run(
          ["timeout", "300", Fixture.siftool] + command + ["images/damaged.sif", "--limit", "1G"],
          in: directory.path)
        #expect(
          [0, 1, 5].contains(answer.status),
          "seed \(seed), round \(round): \(command) \(answer.status) \(answer.errors)")
        if command == ["scan"] {
          #expect(answer.status == 0 && answer.output.count { $0 == 0x0A } == 1, "seed \(seed)")
        }
      }
    }
  }

  @Test func boundedMemory() throws {
    try Tool.check(
      [
        "sh", "-ec",
        "head -c 90M /dev/urandom > rootfs/large; i=0; mkdir rootfs/many; while [ $i -lt 5000 ]; do echo $i > rootfs/many/$i; i=$((i + 1)); done",
      ],
      in: directory.path)
    try Siftool.check(
      "pack", directory.file("rootfs"), directory.file("images/large.sif"), "--plain",
      "--quiet", "--arch", "amd64")
    for command in Self.commands {
      let (answer, peak) = try Siftool.measure(
        command + [
          command == ["scan"] ? directory.file("images") : directory.file("images/large.sif")
        ])
      #expect(answer.status == 0 && peak < 64 << 20, "\(command): \(peak >> 20) MiB")
    }
  }
}

extension String {
  /// How often a text is in this one.
  fileprivate func components(_ text: String) -> Int { ranges(of: text).count }
}
