import Bytes
import ImageBuild
import LUKS
import Partitions
import SIF
import Squash
import Testing
import TestSupport

/// Images that are opened by the library, as a program outside of this package does it.
@Suite struct OpeningTests {
  private let directory: Scratch

  init() throws {
    directory = try Scratch()
    try Shell.check(
      "mkdir -p rootfs/etc rootfs/bin; echo hello > rootfs/etc/file; cp -L /bin/true rootfs/bin/true",
      in: directory)
  }

  @Test func encrypted() throws {
    try directory.write("phrase", "correct horse")
    try Siftool.check(
      "pack", "rootfs", "app.sif", "--encrypt", "--passphrase-file", "phrase", "--kdf", "pbkdf2",
      "--kdf-time", "1000",
      "--quiet", in: directory)
    let image = try Image(opening: directory.file("app.sif"))
    let squashfs = try image.squashfs(keys: VolumeKeys(passphrase: "correct horse"))
    #expect(try squashfs.contents(of: "/etc/file") == Array("hello\n".utf8))
    let wrong = #expect(throws: LUKSError.self) { try image.squashfs(keys: VolumeKeys(passphrase: "wrong")) }
    #expect(wrong?.code == .wrongKey)
    let none = #expect(throws: PartitionError.self) { try image.squashfs() }
    #expect(none?.code == .noKey && none?.kind == .key)
  }

  /// Puts bytes into a file.
  private func damage(_ name: String, at offset: Int64, _ new: [UInt8]) throws {
    var bytes = try directory.read(name)
    bytes.replaceSubrange(Int(offset)..<Int(offset) + new.count, with: new)
    try directory.write(name, bytes)
  }

  /// A fault inside a partition names the byte of the file, whether it is found on opening or later.
  @Test func faultsNameTheByteOfTheFile() throws {
    let file = directory.file("app.sif")
    try Packer().pack(directory.file("rootfs"), to: file)
    let image = try Image(opening: file)
    let start = try #require(image.primarySystemPartition).offset
    let tableStart = try image.squashfs().superblock.inodeTableStart
    let good = try directory.read("app.sif")
    // The start of the inode table, at byte 64, is beyond the end.
    try damage("app.sif", at: start + 64, Array(repeating: 0x7F, count: 8))
    let opening = #expect(throws: PartitionError.self) { try Image(opening: file).squashfs() }
    #expect(opening?.offset == start + 64 && opening?.objectID == image.primarySystemPartition?.id)
    #expect(opening?.description.contains("(at byte \(start + 64))") == true)
    // The first block of the inode table is empty.
    try directory.write("app.sif", good)
    try damage("app.sif", at: start + tableStart, [0, 0])
    let reading = #expect(throws: SquashError.self) {
      try Image(opening: file).squashfs().contents(of: "/etc/file")
    }
    #expect(reading?.offset == start + tableStart)
  }

  /// The bytes of an encrypted partition are not in the file; those of its header are.
  @Test func faultsOfEncryptedPartitions() throws {
    try directory.write("phrase", "correct horse")
    try Packer().pack(directory.file("rootfs"), to: directory.file("app.sif"))
    let plain = try #require(Image(opening: directory.file("app.sif")).primarySystemPartition)
    try damage("app.sif", at: plain.offset + 64, Array(repeating: 0x7F, count: 8))
    try Siftool.check(
      "encrypt", "app.sif", "secret.sif", "--passphrase-file", "phrase", "--kdf", "pbkdf2", "--kdf-time",
      "1000",
      "--quiet", in: directory)
    let image = try Image(opening: directory.file("secret.sif"))
    let inside = #expect(throws: PartitionError.self) {
      try image.squashfs(keys: VolumeKeys(passphrase: "correct horse"))
    }
    #expect(inside?.identifier == "corrupt" && inside?.offset == nil)
    #expect(inside?.description.contains("byte") == false, "\(String(describing: inside))")
    // Neither copy of the header is there any more.
    let partition = try #require(image.primarySystemPartition)
    try damage("secret.sif", at: partition.offset, Array(repeating: 0xFF, count: 1 << 20))
    let header = #expect(throws: PartitionError.self) {
      try Image(opening: directory.file("secret.sif")).squashfs(keys: VolumeKeys(passphrase: "correct horse"))
    }
    #expect(
      header?.underlying?.offset == 0 && header?.offset == partition.offset, "\(String(describing: header))")
  }

  @Test func severalPartitionsHaveAWordOfTheirOwn() throws {
    let file = directory.file("two.sif")
    try Image.create(at: file)
    var editor = try ImageEditor(opening: file)
    for _ in 0..<2 {
      let metadata = PartitionMetadata(fileSystem: .squashfs, type: .data, architecture: .amd64)
      try editor.add(NewObject(.partition, metadata: .partition(metadata)), bytes: [1])
    }
    let image = editor.image
    let error = #expect(throws: PartitionError.self) { try Partition(of: image) }
    #expect(error?.identifier == "several-partitions")
  }

  @Test func partsThatCannotBe() throws {
    var parts = RuntimeParts()
    let cases: [(String, Int64?, String)] = [
      ("{\"a\": 1}", nil, "\"a\""), ("[]", nil, "another value"), ("{\"a\"", 4, "JSON"),
      ("{\"a\": \"b\"}}", 10, "JSON"),
    ]
    for (text, offset, words) in cases {
      let error = #expect(throws: ImageBuildError.self) { try parts.setLabels(json: Array(text.utf8)) }
      #expect(
        error?.code == .invalidArgument && error?.kind == .argument && error?.offset == offset, "\(text)")
      #expect(error?.description.contains(words) == true, "\(String(describing: error))")
    }
    #expect(parts.labels == nil)
    try parts.setLabels(json: Array("{\"a\": \"b\"}".utf8))
    #expect(parts.labels.map { String(decoding: $0, as: UTF8.self) } == "{\n\t\"a\": \"b\"\n}")
    for name in ["", "1A", "A-B", "\u{E9}"] {
      let error = #expect(throws: ImageBuildError.self) { try parts.addVariable(name, "value") }
      #expect(error?.code == .invalidArgument, "\(name)")
    }
    try parts.addVariable("A_1", "value")
    #expect(parts.environment.map(\.name) == ["A_1"])
  }

  /// With a fixed clock the times of the squashfs are fixed, too, whoever made its options.
  @Test func packedTwice() throws {
    let clock = EditClock.fixed(Timestamp(seconds: 1_700_000_000))
    for name in ["one.sif", "two.sif"] {
      try Packer(clock: clock).pack(directory.file("rootfs"), to: directory.file(name))
      try Shell.check("touch -d '2030-01-01' rootfs/etc/file", in: directory)
    }
    #expect(try directory.read("one.sif").count > 4096)
    let times = try ["one.sif", "two.sif"].map { name in
      try Image(opening: directory.file(name)).squashfs().superblock.creationTime
    }
    #expect(times == [1_700_000_000, 1_700_000_000])
    #expect(
      try Siftool.check("ls", "-l", "two.sif", "/etc/file", in: directory).text.contains("2023-11-14"))
  }
}
