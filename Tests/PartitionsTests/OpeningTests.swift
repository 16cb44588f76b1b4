import Bytes
import ImageBuild
import LUKS
import Partitions
import SIF
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
