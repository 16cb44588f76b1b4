import Glibc
import TestSupport
import Testing

/// The simplest forms of commands are done without the argument parser: it comes to the same, byte for byte.
@Suite struct ShortFormTests {
  /// Command lines of every command that has a short form. `IMAGE` and others are replaced; `--` is tried after the name and
  /// the options.
  private static let commands: [String: [String]] = [
    "list": ["list IMAGE", "list NONE", "list DIRECTORY", "list HOSTILE", "list TEXT"],
    "header": ["header IMAGE", "header NONE", "header TEXT"],
    "info": ["info 1 IMAGE", "info 3 IMAGE", "info 99 IMAGE", "info 1 NONE", "info x IMAGE"],
    "dump": ["dump 1 IMAGE", "dump 99 IMAGE", "dump 1 NONE", "dump 1 CUT"],
    "cat": [
      "cat PACKED /etc/one", "cat PACKED etc/one etc/two", "cat PACKED none", "cat PACKED etc", "cat IMAGE x",
      "cat docker://X y",
    ],
    "verify": [
      "verify SIGNED", "verify --key KEY SIGNED", "verify --key KEY --key KEY SIGNED",
      "verify --key OTHER SIGNED",
      "verify IMAGE", "verify --key NONE SIGNED", "verify --key KEY NONE", "verify --key KEY TEXT",
    ],
  ]

  /// Those that the commands fill the table with.
  @Test func everyShortFormIsTried() throws {
    let table = try Tool.check([
      "grep", "-rhoE", #"ShortForm\("[a-z ]+""#, "\(Fixture.root)/Sources/SIFTool/Commands",
    ]).text
    let names = table.split(separator: "\n").compactMap {
      $0.split(separator: "\"").dropFirst().first.map(String.init)
    }
    #expect(names.sorted() == Self.commands.keys.sorted())
  }

  /// Commands that read their line themselves, if it has no other option than `--json`.
  @Test(arguments: ["list", "header", "inspect"], [[], ["--json"]])
  func withAnotherOption(command: String, json: [String]) throws {
    let directory = try Scratch()
    let bytes = try Fixture.read("images/plain-types.sif")
    let cut = try directory.write("cut.sif", Array(bytes.dropLast(100)))
    for image in [Fixture.path("images/plain-types.sif"), directory.file("none"), directory.path, cut] {
      let short = try Siftool.run([command] + json + [image])
      let long = try Siftool.run([command, "--no-https"] + json + [image])
      #expect(short.status == long.status, "\(image)")
      #expect(short.output == long.output && !(short.output.isEmpty && short.errors.isEmpty), "\(image)")
      #expect(short.errors == long.errors, "\(image): \(short.errors)\n\(long.errors)")
    }
  }

  @Test func withAndWithoutTheParser() throws {
    let directory = try Scratch()
    let packed = directory.file("packed.sif")
    try Tool.check(["mkdir", "-p", directory.file("rootfs/etc")])
    try directory.write("rootfs/etc/one", Array("one\n".utf8))
    try directory.write("rootfs/etc/two", [0, 0xFF, 0x1B])
    try Siftool.check("pack", directory.file("rootfs"), packed, "--arch", "amd64")
    let bytes = try Fixture.read("images/plain-types.sif")
    var hostile = bytes
    hostile[4096 + 5] = 0xFF
    let signed = try directory.write("signed.sif", bytes)
    let key = Fixture.path("keys/ed25519.sec.asc")
    try Siftool.check(
      ["sign", signed, "--key", key, "--quiet"], environment: ["SIFTOOL_PASSPHRASE": "secret"])
    let words = [
      "IMAGE": Fixture.path("images/plain-types.sif"), "NONE": directory.file("none"),
      "DIRECTORY": directory.path,
      "HOSTILE": try directory.write("hostile.sif", hostile),
      "TEXT": try directory.write("text", Array("text\n".utf8)),
      "CUT": try directory.write("cut.sif", Array(bytes.dropLast(100))), "PACKED": packed, "SIGNED": signed,
      "KEY": Fixture.path("keys/ed25519.pub.asc"), "OTHER": Fixture.path("keys/nistp256.pub.asc"),
    ]
    for line in Self.commands.values.joined() {
      let arguments = line.split(separator: " ").map { words[String($0)] ?? String($0) }
      // The mark comes before the first operand.
      let place = (arguments.lastIndex(of: "--key") ?? -1) + 2
      let parsed = Array(arguments[..<max(place, 1)] + ["--"] + arguments[max(place, 1)...])
      let short = try Siftool.run(arguments)
      let long = try Siftool.run(parsed)
      #expect(short.status == long.status, "\(line)")
      #expect(short.output == long.output, "\(line): \(short.text)\n\(long.text)")
      #expect(short.errors == long.errors, "\(line): \(short.errors)\n\(long.errors)")
    }
  }
}
