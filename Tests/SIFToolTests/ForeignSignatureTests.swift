import TestSupport
import Testing

/// What the bytes of key slots look like to libblkid does not matter: nothing asks it.
@Suite struct ForeignSignatureTests {
  @Test func aKeySlotThatLooksLikeAnotherFileSystem() throws {
    let directory = try Scratch()
    let (one, two) = (try directory.write("one", "first"), try directory.write("two", "second"))
    let (image, volume) = (directory.file("image.sif"), directory.file("volume"))
    try Tool.check(["mkdir", directory.file("root")])
    try directory.write("root/file", "content")
    try Siftool.check(
      "pack", directory.file("root"), image, "--arch", "amd64", "--encrypt", "--passphrase-file", one)
    try Tool.write(volume, try Siftool.check("dump", "1", image).output)
    try Tool.check([
      "cryptsetup", "luksAddKey", "-q", "--pbkdf", "pbkdf2", "--pbkdf-force-iterations", "1000", "--key-file",
      one,
      volume, two,
    ])
    // The first key slot begins after two header copies of 16 KiB, where ISO 9660 has its mark.
    var bytes = try Tool.read(volume)
    bytes.replaceSubrange(0x8000..<0x8006, with: [1] + Array("CD001".utf8))
    try Tool.write(volume, bytes)
    try Tool.check(["cryptsetup", "open", "--test-passphrase", "--key-file", two, volume])
    let hostile = directory.file("hostile.sif")
    try Siftool.check("new", hostile)
    try Siftool.check(
      "add", hostile, volume, "--datatype", "partition", "--parttype", "system", "--partfs",
      "encrypted-squashfs",
      "--partarch",
      "amd64", "--groupid", "1")
    let answer = try Siftool.run("ls", hostile, "--passphrase-file", two)
    #expect(answer.status == 0, "\(answer.errors)")
    #expect(answer.text.contains("file"))
  }
}
