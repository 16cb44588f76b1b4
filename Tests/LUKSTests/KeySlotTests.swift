import TestSupport
import Testing

@testable import LUKS

/// Changing who opens a volume.
@Suite struct KeySlotTests {
  private func opens(_ volume: [UInt8], _ passphrase: String) throws -> Bool {
    do throws(LUKSError) {
      let source = MemoryVolume(volume)
      let header = try VolumeHeader(checking: source)
      _ = try header.unlock(Array(passphrase.utf8).span, in: source)
      return true
    } catch {
      #expect(error.code == .wrongKey, "\(error)")
      return false
    }
  }

  private func editor(_ volume: MemoryVolume, _ passphrase: String = "secret") throws -> KeySlotEditor {
    let header = try VolumeHeader(checking: volume)
    let unlocked = try header.unlock(Array(passphrase.utf8).span, in: volume)
    return try KeySlotEditor(volume, header, key: unlocked.key)
  }

  private func apply(_ update: HeaderUpdate, to volume: MemoryVolume) throws {
    for part in update.steps.joined() { try volume.write(part) }
  }

  @Test func addAndRemove() throws {
    let volume = MemoryVolume(ForgedHeader.volume)
    let editor = try editor(volume)
    let added = try editor.add(Array("second".utf8).span, .cheapArgon2id)
    #expect(added.slot == 1)
    try apply(added, to: volume)
    #expect(try opens(volume.bytes, "secret") && opens(volume.bytes, "second"))
    #expect(editor.header.facts.keySlots.map(\.kdf) == ["pbkdf2", "argon2id"])
    let removed = try editor.remove(0)
    try apply(removed, to: volume)
    #expect(try !opens(volume.bytes, "secret") && opens(volume.bytes, "second"))
    // Nothing is left of what the slot held.
    #expect(ForgedHeader.volume[32768..<40960].contains { $0 != 0 })
    #expect(volume.bytes[32768..<290_816] != ForgedHeader.volume[32768..<290_816])
    let directory = try Scratch()
    let path = try directory.write("volume", volume.bytes)
    #expect(
      try Volumes.cryptsetup("open", "--test-passphrase", "--key-file", "-", path, passphrase: "second")
        .status == 0)
    #expect(try Volumes.cryptsetup("luksDump", path).text.contains("1: luks2"))
    #expect(try Volumes.open(volume.bytes, passphrase: "second") == Volumes.payload(8192))
    #expect(throws: LUKSError.self) { try editor.remove(1) }
    #expect(throws: LUKSError.self) { try editor.remove(7) }
    // Bytes of any value are a key, and the room is for three.
    let every: [UInt8] = Array(0...255)
    let zero: [UInt8] = [0]
    _ = try editor.add(every.span, .cheap)
    _ = try editor.add(zero.span, .cheap)
    do throws(LUKSError) {
      _ = try editor.add(every.span, .cheap)
      Issue.record("a fourth slot")
    } catch { #expect(error.code == .noFreeKeySlot, "\(error)") }
  }

  /// Power cuts: whatever part of a change reached the disk, the old or the new key opens the volume, and what
  /// once opened with the new one always does.
  @Test(arguments: [false, true]) func powerCuts(startsTorn: Bool) throws {
    var start = ForgedHeader.volume
    // The first copy was lost by an earlier cut: now the second is the only one that must not be.
    if startsTorn { start[5000] ^= 0xFF }
    let volume = MemoryVolume(start)
    let editor = try editor(volume)
    let first = try editor.add(Array("new".utf8).span, .cheap)
    try replay(first, on: volume, always: "secret")
    let second = try editor.remove(0)
    try replay(second, on: volume, always: "new")
    #expect(try !opens(volume.bytes, "secret"))
  }

  private func replay(_ update: HeaderUpdate, on volume: MemoryVolume, always passphrase: String) throws {
    for step in update.steps {
      for part in step {
        // Torn at every page, forward and backward, as a disk may do it.
        for cut in stride(from: 0, through: part.bytes.count, by: max(4096, part.bytes.count / 8)) {
          let forward = MemoryVolume(volume.bytes)
          try forward.write(HeaderPart(offset: part.offset, bytes: Array(part.bytes.prefix(cut))))
          #expect(try opens(forward.bytes, passphrase), "cut after \(cut) of \(part.bytes.count)")
          let backward = MemoryVolume(volume.bytes)
          try backward.write(
            HeaderPart(offset: part.offset + Int64(cut), bytes: Array(part.bytes.dropFirst(cut))))
          #expect(try opens(backward.bytes, passphrase), "cut before \(cut) of \(part.bytes.count)")
        }
        try volume.write(part)
      }
      #expect(try opens(volume.bytes, passphrase))
      let directory = try Scratch()
      let path = try directory.write("volume", volume.bytes)
      let answer = try Volumes.cryptsetup(
        "open", "--test-passphrase", "--key-file", "-", path, passphrase: passphrase)
      #expect(answer.status == 0)
    }
  }
}
