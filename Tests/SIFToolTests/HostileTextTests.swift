import Glibc
import StrictJSON
import TestSupport
import Testing

/// Whatever an image says: what a command prints of it is harmless to a terminal, and makes no line of its own
/// (spec/output.md).
@Suite struct HostileTextTests {
  /// Command lines of every command. `IMAGE` is the image, `COPY` one that may be changed, `NEW` a place for a new file,
  /// `TEXT` the hostile text; of `RING` and others see below.
  static let commands: [String: [String]] = [
    "header": ["header IMAGE", "header VERSION", "header ARCHITECTURE", "header TEXT"],
    "list": ["list IMAGE", "list ARCHITECTURE"],
    "info": ["info 1 IMAGE", "info 3 IMAGE", "info 9 IMAGE --encryption"],
    "dump": ["dump 1 IMAGE", "dump 99 IMAGE", "dump TEXT IMAGE"],
    "inspect": ["inspect IMAGE", "inspect ARCHITECTURE"],
    "check": [
      "check IMAGE", "check VERSION", "check ARCHITECTURE", "check TEXT", "check COPY --repair",
      "check IMAGE --salvage NEW", "check IMAGE --passphrase-file PHRASE",
    ],
    "diff": ["diff IMAGE PLAIN", "diff PLAIN IMAGE", "diff IMAGE ARCHITECTURE", "diff IMAGE TEXT"],
    "new": ["new NEW --launch TEXT", "new COPY"],
    "add": ["add COPY PLAIN --datatype generic --filename TEXT", "add COPY TEXT --datatype TEXT"],
    "del": ["del 1 COPY", "del 99 COPY", "del TEXT COPY"], "setprim": ["setprim 2 COPY", "setprim 1 COPY"],
    "compact": ["compact COPY"], "grow": ["grow COPY --capacity 99", "grow COPY"],
    "sign": [
      "sign COPY --key PEM", "sign COPY --keyring RING --fingerprint TEXT", "sign COPY --key-env TEXT",
      "sign COPY --key TEXT", "sign COPY --key IMAGE",
    ],
    "verify": [
      "verify IMAGE --keyring RING", "verify IMAGE --keyring RING --all --strict",
      "verify IMAGE --key PUBLIC",
      "verify IMAGE --key PUBLIC --sif-id 1", "verify IMAGE --keyring RING --legacy-insecure",
      "verify IMAGE --keyserver TEXT", "verify IMAGE --key TEXT", "verify IMAGE --key PUBLIC --signer TEXT",
      "verify VERSION --key PUBLIC",
    ],
    "key new": ["key new --user-id TEXT --no-passphrase --keyring NEW"],
    "key list": [
      "key list --keyring RING", "key list --secret --keyring RING", "key list --keyring TEXT",
      "key list --keyring IMAGE", "key list --keyring DAMAGED",
    ],
    "key import": [
      "key import TEXT --keyring NEW", "key import DAMAGED --keyring NEW", "key import IMAGE --keyring NEW",
    ],
    "key export": ["key export TEXT --keyring RING", "key export FINGERPRINT --keyring RING"],
    "key remove": ["key remove TEXT --keyring RING"],
    // Nobody answers there; what servers say is in the tests of these commands.
    "key search": ["key search TEXT --url http://127.0.0.1:1", "key search x --url TEXT"],
    "key pull": [
      "key pull TEXT --url http://127.0.0.1:1", "key pull FINGERPRINT --url hkp://127.0.0.1:1/TEXT",
    ],
    "key push": [
      "key push TEXT --keyring RING --url http://127.0.0.1:1",
      "key push FINGERPRINT --keyring RING --url TEXT",
    ],
    "encrypt": [
      "encrypt IMAGE NEW --passphrase-file PHRASE --kdf pbkdf2 --kdf-time 1000",
      "encrypt IMAGE NEW --pem-path TEXT",
    ],
    "decrypt": ["decrypt IMAGE NEW --id ENCRYPTED --passphrase-file PHRASE"],
    "rekey": ["rekey COPY --id ENCRYPTED --passphrase-file PHRASE --new-passphrase-file PHRASE"],
    "ls": [
      "ls IMAGE -R", "ls IMAGE -l -R", "ls IMAGE -l FILE", "ls IMAGE DIRECTORY etc", "ls IMAGE TEXT",
      "ls IMAGE -R --ndjson",
      "ls IMAGE --id ENCRYPTED --passphrase-file PHRASE", "ls IMAGE --id ENCRYPTED --pem-path PEM",
    ],
    "cat": ["cat IMAGE FILE", "cat IMAGE TEXT", "cat IMAGE DIRECTORY"],
    "extract": [
      "extract IMAGE -C NEW", "extract IMAGE TEXT -C NEW", "extract IMAGE FILE -C TEXT",
      "extract IMAGE -C PLACE",
    ],
    "tar": ["tar IMAGE", "tar IMAGE TEXT", "tar IMAGE -o NEW"],
    "pack": [
      "pack TREE NEW --label TEXT=TEXT --env TEXT=TEXT", "pack TREE NEW --arch TEXT",
      "pack TREE IMAGE --labels TREE",
    ],
    "export": [
      "export IMAGE oci:NEW:TEXT", "export IMAGE docker-archive:NEW:TEXT", "export IMAGE TEXT",
      "export IMAGE oci-archive:COPY", "export TEXT oci:NEW", "export IMAGE oci:PLACE",
    ],
    "map": [
      "map IMAGE", "map IMAGE --keyring RING", "map VERSION", "map ARCHITECTURE", "map CUT",
      "map IMAGE --svg NEW",
    ],
    "carve": ["carve IMAGE", "carve IMAGE --all", "carve CUT --all", "carve IMAGE --all --extract NEW"],
    "hash": [
      "hash IMAGE --against LIST", "hash IMAGE --ndjson", "hash CUT --against LIST",
      "hash IMAGE --against TEXT", "hash TEXT",
      "hash IMAGE --against IMAGE",
    ],
    "bodyfile": [
      "bodyfile IMAGE", "bodyfile IMAGE --ndjson", "bodyfile IMAGE --dfxml", "bodyfile CUT",
      "bodyfile CUT --dfxml",
    ],
    "report": [
      "report IMAGE --keyring RING", "report CUT", "report VERSION --key PUBLIC", "report IMAGE -o IMAGE",
    ],
    "scan": [
      "scan PLACE --keyring RING", "scan PLACE TEXT", "scan CUT VERSION ARCHITECTURE --keyring RING",
      "scan PLACE --resume IMAGE",
    ],
    "exec": [
      "exec IMAGE TEXT", "exec IMAGE --bind TEXT:TEXT true", "exec IMAGE --env TEXT true",
      "exec IMAGE --pwd TEXT true", "exec TEXT true",
    ],
    "run": ["run IMAGE", "run TEXT", "run CUT"], "shell": ["shell CUT", "shell IMAGE --overlay TEXT"],
    "mount": [
      "mount IMAGE TEXT", "mount IMAGE PHRASE", "mount TEXT POINT", "mount --verify --key PUBLIC IMAGE POINT",
      "mount IMAGE POINT", "mount --list",
    ],
    "unmount": ["unmount POINT", "unmount POINT", "unmount TEXT"], "completion": ["completion bash"],
    "version": ["version"], "test": ["test TEXT", "test CUT"],
    "run-help": ["run-help IMAGE", "run-help TEXT"],
    "instance start": ["instance start TEXT x", "instance start IMAGE TEXT"],
    "instance run": ["instance run IMAGE TEXT"],
    "instance list": ["instance list TEXT"], "instance stop": ["instance stop TEXT"],
    "instance stats": ["instance stats TEXT"], "config check": ["config check"],
    "config fakeroot": ["config fakeroot --add TEXT", "config fakeroot TEXT"],
    "capability add": ["capability add TEXT --user TEXT", "capability add CAP_CHOWN --user TEXT"],
    "capability drop": ["capability drop CAP_CHOWN --group TEXT"],
    "capability list": ["capability list TEXT"], "capability avail": ["capability avail TEXT"],
    "search": [
      "search TEXT --library http://127.0.0.1:1", "search abc --library TEXT", "search abc --arch TEXT",
    ],
    "delete": [
      "delete TEXT --force", "delete library://e/c/n:TEXT --force",
      "delete library://e/c/n --force --library TEXT",
    ],
    "remote add": [
      "remote add TEXT TEXT --no-login", "remote add x TEXT --no-login", "remote add x TEXT --tokenfile TEXT",
    ],
    "remote use": ["remote use TEXT"], "remote remove": ["remote remove TEXT"],
    "remote list": ["remote list"],
    "remote login": ["remote login TEXT", "remote login --tokenfile TEXT"],
    "remote logout": ["remote logout TEXT"],
    "remote status": ["remote status TEXT"], "remote get-login-password": ["remote get-login-password TEXT"],
    "keyserver add": ["keyserver add TEXT", "keyserver add TEXT hkp://127.0.0.1:1"],
    "keyserver remove": ["keyserver remove TEXT", "keyserver remove TEXT hkp://127.0.0.1:1"],
    "keyserver list": ["keyserver list"],
    "keyserver login": ["keyserver login TEXT", "keyserver login https://127.0.0.1:1 --tokenfile TEXT"],
    "keyserver logout": ["keyserver logout TEXT"],
    "pull": [
      "pull NEW oci:LAYOUT", "pull NEW oci:LAYOUT:TEXT", "pull NEW oci:TEXT", "pull NEW oci-archive:TEXT",
      "pull NEW docker-archive:IMAGE", "pull TEXT", "pull COPY oci:LAYOUT", "pull NEW oci:LAYOUT --arch TEXT",
      "pull NEW oci:HOSTILE:v1", "pull NEW oci:NAMES:v1", "pull NEW docker://TEXT", "pull NEW oras://TEXT",
      "pull NEW https://TEXT/x", "pull NEW http://127.0.0.1:1/TEXT --retries 0",
      "pull --dir TEXT oras://127.0.0.1:1/a:1",
    ],
    "push": [
      "push IMAGE TEXT", "push TEXT oras://127.0.0.1:1/a:1",
      "push IMAGE oras://127.0.0.1:1/a:1 --annotation TEXT",
      "push IMAGE docker://127.0.0.1:1/TEXT --no-https",
      "push IMAGE library://e/c/TEXT", "push IMAGE library://e/c/n --library TEXT",
    ],
    "registry login": ["registry login TEXT -u TEXT --password-stdin"],
    "registry logout": ["registry logout TEXT", "registry logout example.org --authfile IMAGE"],
    "registry list": ["registry list --authfile IMAGE", "registry list --authfile TEXT"],
    "cache list": ["cache list -T TEXT", "cache list -v"], "cache clean": ["cache clean -T TEXT"],
    "build": [
      "build --check - TEXT", "build NEW TEXT", "build NEW docker://TEXT --retries 0", "build TEXT NEW",
      "build NEW IMAGE --build-arg TEXT", "build NEW IMAGE --section TEXT",
      "build NEW IMAGE --secret id=TEXT",
      "build NEW IMAGE --tmpdir TEXT", "build NEW oci:NAMES:v1",
    ],
    "overlay create": ["overlay create CUT", "overlay create TEXT --create-dir TEXT"],
  ]

  /// Those that write contents as they are to standard output.
  private static let raw: Set<String> = ["cat", "dump", "tar"]
  /// Tabs are part of their form.
  private static let withTabs: Set<String> = ["inspect", "report", "mount", "completion"]

  @Test func everyCommand() throws {
    let tool = try Self.commandsOfTheTool()
    #expect(
      Set(tool.map(\.name)) == Set(Self.commands.keys),
      "a command without a line in the table, or a line too many")
    let hostile = try HostileText()
    let words = try Self.words(hostile)
    var shown = 0
    for command in tool {
      for line in Self.commands[command.name] ?? [] {
        for json in command.hasJSON && !line.contains("json") && !line.contains("dfxml")
          ? [[], ["--json"]] : [[]]
        {
          var arguments =
            line.split(separator: " ").map { words[String($0)] ?? Self.replaced(String($0)) } + json
          arguments = try arguments.map { try $0 == "COPY" ? hostile.copy(0) : $0 }
          try Tool.check(["rm", "-rf", words["NEW"] ?? ""])
          let answer = try hostile.fixture.siftool(arguments)
          #expect(answer.status < 128, "\(line) \(json): \(answer.status)")
          for (name, bytes) in [("stdout", answer.output), ("stderr", Array(answer.errors.utf8))]
          where name == "stderr" || !Self.raw.contains(command.name) {
            let fault = Self.fault(in: bytes, tabs: Self.withTabs.contains(command.name))
            #expect(fault == nil, "\(line) \(json), \(name): \(fault ?? "")")
            let text = String(decoding: bytes, as: UTF8.self)
            if text.contains("\\x1b") || text.contains("\\u001b") { shown += 1 }
          }
        }
      }
    }
    // The text was there to be printed.
    #expect(shown > 100, "\(shown)")
    try hashLists(hostile)
  }

  /// A list in a pipe is for sha256sum, which knows three escapes. On a terminal it is for people.
  private func hashLists(_ hostile: HostileText) throws {
    try hostile.siftool(["extract", hostile.image, "-C", hostile.directory.file("tree"), "--quiet"])
    let list = try hostile.siftool([
      "hash", hostile.image, "--only", "files", "--id", "3", "--prefix", ".", "--quiet",
    ])
    try hostile.directory.write("list", list.output)
    try Tool.check(["sh", "-c", "cd \(hostile.directory.file("tree")) && sha256sum -c --strict ../list"])
    let answer = try Tool.check(
      ["script", "-qec", "\"$TOOL\" hash \"$IMAGE\" --quiet", "/dev/null"],
      environment: ["TOOL": Fixture.siftool, "IMAGE": hostile.image])
    let terminal = answer.output.filter { $0 != 0x0D }
    #expect(terminal.count > 1000)
    #expect(Self.fault(in: terminal, tabs: false) == nil, "\(Self.fault(in: terminal, tabs: false) ?? "")")
  }

  // MARK: What is looked for

  /// What of a command's output is not harmless, the worst first; nil where everything is.
  private static func fault(in bytes: [UInt8], tabs: Bool) -> String? {
    guard let text = String(validating: bytes, as: UTF8.self) else { return "not UTF-8" }
    let scalars = text.unicodeScalars.filter { $0 != "\n" && !(tabs && $0 == "\t") }.map(\.value)
    if let control = scalars.first(where: { $0 < 0x20 || (0x7F..<0xA0).contains($0) }) {
      return "the control character U+\(String(control, radix: 16))"
    }
    let forged = text.split(separator: "\n").first {
      $0.drop { $0 == " " || $0 == "\t" }.hasPrefix("sound: forged")
    }
    if let forged { return "the line \"\(forged)\"" }
    let invisible: [ClosedRange<UInt32>] = [
      0xAD...0xAD, 0x61C...0x61C, 0x115F...0x1160, 0x200B...0x200F, 0x2028...0x202E, 0x2060...0x206F,
      0xFE00...0xFE0F, 0xFEFF...0xFEFF, 0xE0000...0xE0FFF,
    ]
    let found = scalars.first { scalar in invisible.contains { $0.contains(scalar) } }
    return found.map { "the invisible character U+\(String($0, radix: 16))" }
  }

  /// The commands that the tool has, by its own account, and whether they have the option --json.
  private static func commandsOfTheTool() throws -> [(name: String, hasJSON: Bool)] {
    let help = try JSONParser.parse(try Siftool.check("--experimental-dump-help").output)
    func leaves(_ command: JSONValue, _ path: [String]) -> [(String, Bool)] {
      let inner = (command["subcommands"]?.elements ?? []).filter { $0["commandName"]?.text != "help" }
      if inner.isEmpty {
        let names = (command["arguments"]?.elements ?? []).flatMap { $0["names"]?.elements ?? [] }
        return [(path.joined(separator: " "), names.contains { $0["name"]?.text == "json" })]
      }
      return inner.flatMap { leaves($0, path + [$0["commandName"]?.text ?? ""]) }
    }
    return leaves(try #require(help["command"]), [])
  }

  private static func replaced(_ word: String) -> String {
    word == "COPY" ? word : word.replacing("TEXT", with: HostileText.text)
  }

  /// What words of the table stand for.
  private static func words(_ hostile: HostileText) throws -> [String: String] {
    let text = HostileText.text
    let objects = try hostile.siftool(["list", hostile.image]).text.split(separator: "\n")
    let encrypted = objects.first { $0.contains("Encrypted squashfs") }?.prefix { $0 != " " } ?? ""
    let ring = hostile.directory.file("ring")
    let keys = try JSONParser.parse(try hostile.siftool(["key", "list", "--json", "--keyring", ring]).output)
    // A ring with another user id of the key, and what is cut off behind that.
    let publicRing = try Tool.read("\(ring)/pgp-public")
    let name = Array(text.utf8)
    try hostile.directory.write(
      "damaged", publicRing + [0xCD, UInt8(name.count)] + name + [0xC2, 0xFF, 0, 0])
    try hostile.directory.write(
      "list", Array(repeating: UInt8(ascii: "0"), count: 64) + Array("  gone\u{1B}[31m\u{202E}\u{9B}\n".utf8))
    let point = hostile.directory.file("point\(text)")
    try Tool.check(["mkdir", point])
    func layout(_ name: String) throws -> String {
      let path = hostile.directory.file(name)
      try Tool.check(["python3", Fixture.script("layout.py"), name, path])
      return path
    }
    return [
      "IMAGE": hostile.image, "PLAIN": hostile.fixture.plain, "PLACE": hostile.place, "RING": ring,
      "NEW": hostile.directory.file("new\(text)"), "PHRASE": hostile.fixture.phrase,
      "PEM": try hostile.fixture.key("pem-ed25519.pem"), "PUBLIC": Fixture.path("keys/pem-ed25519.pub.pem"),
      "TREE": hostile.directory.file("rootfs.tar"), "LIST": hostile.directory.file("list"),
      "DAMAGED": hostile.directory.file("damaged"), "ENCRYPTED": String(encrypted),
      "FINGERPRINT": keys["keys"]?.elements?.first?["fingerprint"]?.text ?? "", "FILE": "file\(text)",
      "DIRECTORY": "directory\(text)", "POINT": point, "VERSION": try hostile.copy(1, (42, [0x1B, 0x9B, 0])),
      "ARCHITECTURE": try hostile.copy(2, (45, [0x1B, 0x9B, 0x0A])),
      "CUT": try cut(try hostile.copy(3)), "oci:LAYOUT": "oci:\(try layout("several"))",
      "oci:LAYOUT:TEXT": "oci:\(hostile.directory.file("several")):\(text)",
      "oci:HOSTILE:v1": "oci:\(try layout("escapes-in-error")):v1",
      "oci:NAMES:v1": "oci:\(try layout("unknown-type")):v1",
      "docker-archive:IMAGE": "docker-archive:\(hostile.image)",
      "oci:NEW": "oci:\(hostile.directory.file("new\(text)"))",
      "oci:NEW:TEXT": "oci:\(hostile.directory.file("new\(text)")):\(text)",
      "docker-archive:NEW:TEXT": "docker-archive:\(hostile.directory.file("new\(text)")):\(text)",
      "oci-archive:COPY": "oci-archive:\(try hostile.copy(4))", "oci:PLACE": "oci:\(hostile.place)",
    ]
  }

  /// The image without its end.
  private static func cut(_ image: String) throws -> String {
    try Tool.check(["truncate", "-s", "-100000", image])
    return image
  }
}
