import StrictJSON
import TestSupport
import Testing

@testable import LUKS

/// Volumes with key slots that hold a key of their own, as cryptsetup makes them with `luksAddKey --unbound`.
@Suite struct UnboundTests {
  private let directory: Scratch

  init() throws { directory = try Scratch() }

  /// A volume whose key slot 1 is unbound, opens with "other" and holds a key of some bits.
  private func volume(bits: Int) throws -> [UInt8] {
    let path = try directory.write("volume", ForgedHeader.volume)
    try Tool.check(
      [
        "cryptsetup", "luksAddKey", "--batch-mode", "--unbound", "--key-size", "\(bits)", "--pbkdf", "pbkdf2",
        "--pbkdf-force-iterations", "1000", path, try directory.write("other", Array("other".utf8)),
      ])
    return try directory.read("volume")
  }

  /// Whether cryptsetup opens a key slot.
  private func opens(_ volume: [UInt8], _ passphrase: String, slot: Int) throws -> Bool {
    try Volumes.cryptsetup(
      "open", "--test-passphrase", "--unbound", "--key-slot", "\(slot)", "--key-file", "-",
      try directory.write("volume", volume), passphrase: passphrase
    ).status == 0
  }

  @Test(arguments: [128, 256, 512, 1024]) func opensAsWithCryptsetup(bits: Int) throws {
    let volume = try volume(bits: bits)
    let source = MemoryVolume(volume)
    let header = try VolumeHeader(checking: source)
    #expect(header.facts.keyBits == 512 && header.cipher.keyBits == 512)
    #expect(header.facts.keySlots.map(\.isUnbound) == [false, true])
    #expect(header.openingSlots == [0])
    #expect(try Volumes.open(volume) == Volumes.payload(8192))
    // Its passphrase opens no data, though it opens its slot.
    #expect(throws: LUKSError(.wrongKey, "the passphrase or key opens no key slot of the volume")) {
      try header.unlock(Array("other".utf8).span, in: source)
    }
    do throws(LUKSError) {
      _ = try header.unlock(Array("other".utf8).span, in: source, slot: 1)
      Issue.record("a key that is not the data's")
    } catch { #expect(error.code == .keySlot) }
    #expect(try opens(volume, "other", slot: 1))
  }

  /// It is not tried, and costs nothing.
  @Test func cost() throws {
    let volume = try volume(bits: 256)
    let before = try VolumeHeader(checking: MemoryVolume(volume)).cost
    let costly = try ["keyslots/1/kdf/iterations", "digests/1/iterations"].reduce(volume) {
      try ForgedHeader.setting($1, 4_000_000_000, in: $0)
    }
    #expect(try VolumeHeader(checking: MemoryVolume(costly)).cost == before)
    #expect(before.derivations == ["pbkdf2, 1000 iterations"])
    #expect(try Volumes.open(costly) == Volumes.payload(8192))
  }

  /// Others are added and removed beside it; it is no reason to remove the last one.
  @Test func changes() throws {
    let volume = MemoryVolume(try volume(bits: 256))
    let header = try VolumeHeader(checking: volume)
    let key = try header.unlock(Array("secret".utf8).span, in: volume).key
    let editor = try KeySlotEditor(volume, header, key: key)
    #expect(throws: LUKSError.self) { try editor.remove(0) }
    let added = try editor.add(Array("new".utf8).span, .cheap)
    for part in added.steps.joined() { try volume.write(part) }
    for part in try editor.remove(0).steps.joined() { try volume.write(part) }
    #expect(throws: LUKSError.self) { try editor.remove(added.slot) }
    #expect(try Volumes.open(volume.bytes, passphrase: "new") == Volumes.payload(8192))
    #expect(try opens(volume.bytes, "new", slot: added.slot) && opens(volume.bytes, "other", slot: 1))
    for part in try editor.remove(1).steps.joined() { try volume.write(part) }
    #expect(try !opens(volume.bytes, "other", slot: 1))
  }

  /// The key lengths of those slots that open the data have to agree all the same, and the places of all slots.
  @Test func lies() throws {
    let volume = try volume(bits: 256)
    for (path, value, code) in [
      ("keyslots/1/area/key_size", 2_147_483_647, .damagedHeader), ("keyslots/1/key_size", 0, .damagedHeader),
      ("keyslots/1/key_size", 64, .damagedHeader), ("keyslots/1/area/offset", "32768", .damagedHeader),
      ("keyslots/1/af/stripes", 1, .damagedHeader), ("digests/1/salt", "AAAA", .damagedHeader),
      ("digests/1/keyslots", [], .damagedHeader), ("digests/0/keyslots", ["0", "1"], .damagedHeader),
    ] as [(String, JSONValue, LUKSError.Code)] {
      let refusal = try ForgedHeader.refusal(of: try ForgedHeader.setting(path, value, in: volume))
      #expect(refusal?.code == code, "\(path) \(value): \(refusal as Any)")
    }
    let both = try ForgedHeader.setting(
      "digests", ["0": try #require(try ForgedHeader.json(volume)["digests"]?["0"])], in: volume)
    let bound = try ForgedHeader.setting("digests/0/keyslots", ["0", "1"], in: both)
    let refusal = try ForgedHeader.refusal(of: bound)
    #expect(refusal?.message == "key slots hold keys of different lengths", "\(refusal as Any)")
  }
}
