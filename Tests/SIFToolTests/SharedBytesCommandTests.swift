import SIF
import TestSupport
import Testing

/// What every reading command takes for an image whose descriptors share bytes: memory and work do not grow with the
/// number of descriptors.
@Suite struct SharedBytesCommandTests {
  private static let count = 4000
  private let directory: Scratch
  private let trusted = Fixture.path("keys/ed25519.pub.asc")

  init() throws { directory = try Scratch() }

  /// An image of objects over the same data.
  ///
  /// - Parameters:
  ///   - data: what all objects have a part of.
  ///   - extent: which part of it one of them has.
  private func write(
    _ name: String, _ type: DataType, _ metadata: Metadata, link: UInt32 = 0, _ data: [UInt8],
    _ extent: (Int) -> Range<Int>
  ) throws -> String {
    let capacity = Int64(Self.count) + 8
    let storage = MemoryStorage()
    let image = try Image.create(Image.Creation(id: .random(), time: .none, capacity: capacity), in: storage)
    let start = image.header.dataOffset
    var table: [UInt8] = []
    for slot in 0...Self.count {
      // The last one is an object that signatures can be over.
      let isLast = slot == Self.count
      var descriptor = Descriptor(
        decoding: [UInt8](repeating: 0, count: Descriptor.byteCount).span.bytes, slot: slot)
      let isSignature = type == .signature && !isLast
      descriptor.dataType = isLast ? .generic : type
      descriptor.used = 1
      descriptor.id = UInt32(slot) + 1
      descriptor.groupField = Descriptor.groupMask | (isSignature ? 0 : 1)
      descriptor.linkField = isLast ? 0 : link
      let range = isLast ? data.count..<data.count + 1 : extent(slot)
      descriptor.offset = start + Int64(range.lowerBound)
      descriptor.size = Int64(range.count)
      descriptor.sizeWithPadding = descriptor.size
      if !isLast { descriptor.extra = metadata.encoded }
      table += descriptor.encoded()
    }
    var header = image.header
    header.descriptorsFree = capacity - Int64(Self.count) - 1
    header.dataSize = Int64(data.count) + 1
    try storage.write(header.encoded().span.bytes, at: 0)
    try storage.write(table.span.bytes, at: header.descriptorsOffset)
    try storage.write((data + [0x78]).span.bytes, at: start)
    return try directory.write("\(name).sif", storage.bytes)
  }

  /// The ways in which objects share bytes: the same ones, one within the other, and in part.
  private static let ways: [(name: String, extent: @Sendable (Int, Int) -> Range<Int>)] = [
    ("same", { _, size in 0..<size }), ("nested", { slot, size in slot..<size - slot }),
    (
      "shifted",
      { slot, size in
        let start = slot * (size / 2 / count)
        return start..<start + size / 2
      }
    ),
  ]

  private static let reading = [
    "verify I --key K", "verify I --strict --key K", "verify I --legacy-insecure --all --key K",
    "scan I --key K", "report I --key K -o out.html", "inspect I", "check I", "check I --salvage out.sif",
    "map I", "map I --key K", "hash I", "carve I --all", "bodyfile I", "bodyfile I --dfxml", "diff I I",
    "list I",
    "list I --json", "header I", "info 1 I", "dump 1 I",
  ]
  private static let changing = [
    "sign I --key S", "encrypt I out.sif --passphrase-file P", "compact I", "del --zero 1 I",
  ]

  /// Runs a command; answers its exit status, the most memory that it held, and the bytes that it read.
  private func measure(_ command: String, _ image: String) throws -> (Int32, memory: Int, read: Int, String) {
    let words = command.split(separator: " ").map { word in
      ["I": image, "K": trusted, "S": directory.file("secret"), "P": directory.file("phrase")][word]
        ?? String(word)
    }
    // What a process has read is told of it and of the children that it has waited for.
    let script = """
      rm -f out.html out.sif; timeout -s KILL 100 time -q -f %M -o memory "$@" > output 2> errors; status=$?
      cat memory; sed -n 's/rchar: //p' /proc/$$/io; exit $status
      """
    let answer = try Tool.run(["sh", "-c", script, "sh", Fixture.siftool] + words, in: directory.path)
    let numbers = answer.text.split(separator: "\n").compactMap { Int($0) }
    try #require(numbers.count == 2, "\(command): status \(answer.status), killed: \(answer.text)")
    return (
      answer.status, numbers[0] * 1024, numbers[1],
      String(decoding: try directory.read("errors").prefix(200), as: UTF8.self)
    )
  }

  private func judge(
    _ image: String, _ commands: [String] = reading + changing,
    sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    let size = try Tool.read(image).count
    for command in commands {
      let (status, memory, read, errors) = try measure(command, image)
      let what = Comment(
        rawValue:
          "\(command.replacing("I", with: image)): status \(status), \(memory) and \(read) bytes, \(errors)")
      #expect(status < 100, what, sourceLocation: sourceLocation)
      #expect(memory < 64 << 20, what, sourceLocation: sourceLocation)
      #expect(read < 70 * size, what, sourceLocation: sourceLocation)
      if command.hasPrefix("verify") || command.hasPrefix("sign") {
        #expect(status == 5, what, sourceLocation: sourceLocation)
      }
    }
  }

  private func prepare() throws {
    try directory.write("secret", try Fixture.read("keys/ed25519.sec.asc"))
    try directory.write("phrase", Array("phrase".utf8))
  }

  /// Texts of signatures: a message of three megabytes.
  @Test func signatures() throws {
    try prepare()
    let object = """
      {"relativeId":0,"descriptorDigest":"sha256:\(String(repeating: "1", count: 64))","objectDigest":"sha256:\(
        String(repeating: "2", count: 64))"}
      """
    let message = String(decoding: try Fixture.read("keys/ed25519.msg.asc"), as: UTF8.self)
    let armor = try #require(message.firstRange(of: "-----BEGIN PGP SIGNATURE-----"))
    let text =
      "-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\n{\"version\":1,\"objects\":["
      + Array(repeating: object, count: (3 << 20) / object.utf8.count).joined(separator: ",") + "]}\n"
      + message[armor.lowerBound...]
    let envelope = "{\"payload\":\"" + String(repeating: "QUJD", count: 700_000) + "\"}"
    for (form, data) in [("pgp", Array(text.utf8)), ("dsse", Array(envelope.utf8))] {
      for (way, extent) in Self.ways {
        let metadata = Metadata.signature(SignatureMetadata(hash: .sha256, entity: []))
        let image = try write("\(form)-\(way)", .signature, metadata, link: 0xF000_0001, data) {
          extent($0, data.count)
        }
        try judge(image)
      }
    }
  }

  /// What is not to be verified does not run; what nobody asks about does.
  @Test(arguments: ["exec O I true", "mount O I work"]) func running(command: String) throws {
    let fixture = try ExecFixture()
    let words = command.replacing("I", with: "plain.sif")
    let answer = try fixture.root(
      """
      cp \(Fixture.root)/testdata/keys/ed25519.sec.asc key; chmod 600 key
      for i in 1 2; do siftool sign plain.sif --key key -q; done; siftool exec --verify --key key plain.sif true; echo $?
      dd if=plain.sif of=plain.sif bs=1 skip=$((4096 + 585 + 17)) seek=$((4096 + 2 * 585 + 17)) count=8 conv=notrunc \
        status=none; siftool \(words.replacing("O", with: "--verify --key key")) > output; echo $?
      siftool \(words.replacing("O", with: "")) > output; echo $?; siftool unmount work 2> output; true
      """)
    #expect(answer.text == "0\n5\n0\n", "\(answer.text) \(answer.errors)")
    #expect(answer.errors.contains("object 2 and object 3 share "), "\(answer.errors)")
  }

  /// Objects of other types, over JSON, text and the header of an encrypted volume.
  @Test func otherObjects() throws {
    try prepare()
    let json = Array(("[" + String(repeating: "{\"a\":1},", count: 390_000) + "{}]").utf8)
    let blanks = [UInt8](repeating: 0x20, count: 3 << 20) + [0x5B, 0x5D]
    let text = Array(String(repeating: "Bootstrap: scratch\n", count: 160_000).utf8)
    let digest = Array("sha256:\(String(repeating: "0", count: 64))".utf8)
    let cases: [(String, DataType, Metadata, [UInt8])] = [
      ("labels", .labels, .none, json), ("json", .genericJSON, .none, blanks),
      ("sbom", .sbom, .sbom(SBOMFormat(name: "cyclonedx-json") ?? SBOMFormat(rawValue: 1)), json),
      ("definition", .definitionFile, .none, text), ("blob", .ociBlob, .ociDigest(digest), json),
      ("environment", .environmentVariables, .none, text), ("generic", .generic, .none, json),
    ]
    for (name, type, metadata, data) in cases {
      for (way, extent) in Self.ways {
        let image = try write("\(name)-\(way)", type, metadata, data) { extent($0, data.count) }
        try judge(image)
      }
    }
  }

  /// Partitions that are one encrypted volume, whose header is as long as they get.
  @Test func volumes() throws {
    try prepare()
    let size = 4 << 20
    var header = [UInt8](repeating: 0, count: 4096)
    header.replaceSubrange(0..<8, with: Array("LUKS".utf8) + [0xBA, 0xBE, 0, 2])
    header.replaceSubrange(8..<16, with: withUnsafeBytes(of: UInt64(size).bigEndian) { Array($0) })
    let tokens = (0..<60_000).map { "\"\($0)\":{\"type\":\"t\"}" }.joined(separator: ",")
    let text =
      "{\"segments\":{\"0\":{\"offset\":\"8388608\",\"encryption\":\"aes-xts-plain64\"}},\"tokens\":{\(tokens)}}"
    var volume = header + Array(text.utf8)
    volume += [UInt8](repeating: 0, count: size - volume.count)
    for type in [PartitionType.system, .primarySystem] {
      let partition = PartitionMetadata(
        fileSystem: .encryptedSquashfs, type: type, architecture: Architecture(name: "amd64") ?? .unknown)
      let image = try write("volume", .partition, .partition(partition), volume) {
        size - $0 <= 0 ? 0..<0 : 0..<size - $0
      }
      try judge(image)
      try judge(
        image,
        ["cat I /etc/passwd", "inspect I --passphrase-file P", "decrypt I out.sif --passphrase-file P"])
    }
  }
}
