import TestSupport
import Testing

@testable import LUKS

/// What a header says, against cryptsetup, which made it.
@Suite struct VolumeFactsTests {
  private func facts(_ options: [String]) throws -> VolumeFacts? {
    let directory = try Scratch()
    let volume = directory.file("volume")
    try Tool.check(["truncate", "-s", "20M", volume])
    try Tool.check(
      ["cryptsetup", "luksFormat", "--batch-mode", "--key-file", "-"] + options + [volume],
      input: Array("secret".utf8))
    let bytes = try Tool.read(volume)
    return VolumeFacts { (count: Int, offset: Int64) -> [UInt8] in
      Array(bytes.dropFirst(Int(offset)).prefix(count))
    }
  }

  @Test func luks2() throws {
    let uuid = "0d5f7d1c-8a44-4f8e-9d3b-6f1f0c2a9b77"
    let found = try facts([
      "--type", "luks2", "--pbkdf", "argon2id", "--pbkdf-memory", "32768", "--pbkdf-parallel", "1",
      "--pbkdf-force-iterations", "5", "--sector-size", "4096", "--key-size", "512", "--uuid", uuid,
    ])
    let expected = VolumeFacts.KeySlot(number: 0, kdf: "argon2id", time: 5, memory: 32768, lanes: 1)
    let volume = try #require(found)
    #expect(volume.version == 2)
    #expect(volume.uuid == uuid)
    #expect(volume.cipher == "aes-xts-plain64")
    #expect(volume.keyBits == 512)
    #expect(volume.sectorSize == 4096)
    #expect(volume.dataOffset == 16 << 20)
    #expect(volume.keySlots == [expected])
  }

  @Test func luks1() throws {
    let found = try facts([
      "--type", "luks1", "--pbkdf-force-iterations", "1000", "--cipher", "aes-cbc-essiv:sha256", "--key-size",
      "256",
    ])
    let volume = try #require(found)
    #expect(volume.version == 1)
    #expect(volume.cipher == "aes-cbc-essiv:sha256")
    #expect(volume.keyBits == 256)
    #expect(volume.sectorSize == 512)
    #expect(volume.keySlots.map(\.time) == [1000])
  }

  @Test func whatIsNoVolume() {
    let none: [[UInt8]] = [[], Array(repeating: 0, count: 10_000), Array("LUKS\u{BA}".utf8)]
    for bytes in none {
      let facts = VolumeFacts { (count: Int, offset: Int64) -> [UInt8] in
        Array(bytes.dropFirst(Int(offset)).prefix(count))
      }
      #expect(facts == nil)
    }
  }
}
