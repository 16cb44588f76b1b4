import StrictJSON
import TestSupport
import Testing

@testable import LUKS

/// What opening a volume costs, by its header, and what of that is refused.
@Suite struct CostTests {
  private let plenty: Int64 = 64 << 30

  /// The cost of a volume with values of its JSON replaced.
  private func cost(_ changes: [(String, JSONValue)]) throws -> UnlockCost {
    let volume = try changes.reduce(ForgedHeader.volume) {
      try ForgedHeader.setting($1.0, $1.1, in: $0)
    }
    return try VolumeHeader(checking: MemoryVolume(volume)).cost
  }

  private func cost(_ kdf: JSONValue) throws -> UnlockCost { try cost([("keyslots/0/kdf", kdf)]) }

  /// What the cost of a derivation is refused for; nil where it is not.
  private func refusal(_ cost: UnlockCost, available: Int64? = nil, keys: Int = 1) -> String? {
    do throws(LUKSError) {
      try cost.check(keys: keys, available: available ?? plenty)
      return nil
    } catch {
      #expect(error.code == .cost)
      return error.message
    }
  }

  private func argon2(time: Int64, memory: Int64, lanes: Int64 = 4) -> JSONValue {
    HostileNumberTests.argon2(time: time, memory: memory, lanes: lanes)
  }

  private func pbkdf2(_ hash: String, _ iterations: Int64, _ more: [JSONMember] = []) -> JSONValue {
    .object(
      [
        JSONMember("type", "pbkdf2"), JSONMember("hash", .string(hash)),
        JSONMember("iterations", .integer(iterations)),
        JSONMember("salt", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="),
      ] + more)
  }

  @Test func argon2() throws {
    let usual = try cost(argon2(time: 4, memory: 1 << 20))
    #expect(refusal(usual) == nil)
    #expect(usual.description == "argon2id, 4 passes over 1024 MiB")
    #expect(refusal(usual, available: 1 << 20)?.contains("free") == true)
    // Each key that is tried costs as much.
    #expect(refusal(usual, keys: 7) == nil)
    #expect(refusal(usual, keys: 8)?.contains("for 8 keys") == true)
    #expect(refusal(try cost(argon2(time: 10, memory: 1 << 20))) == nil)
    #expect(refusal(try cost(argon2(time: 31, memory: 1 << 20)))?.contains("too long") == true)
    #expect(refusal(try cost(argon2(time: 1, memory: 4 << 20))) == nil)
    let large = refusal(try cost(argon2(time: 4, memory: 4 << 20 + 1)))
    #expect(large?.contains("more than 4096 MiB") == true)
    let long = try cost(argon2(time: 4_294_967_295, memory: 4 << 20, lanes: 1))
    #expect(refusal(long)?.contains("too long") == true)
  }

  /// Every lane is a thread, which is started anew for each quarter of a pass: that takes longer than the work where
  /// there are many lanes and little memory. All of them run at once.
  @Test func lanes() throws {
    let many = try cost(argon2(time: 4, memory: 32_000, lanes: 4000))
    #expect(many.seconds > 2.5 && many.seconds < 3)
    #expect(many.description == "argon2id, 4 passes over 31 MiB in 4000 threads")
    #expect(refusal(many)?.contains("takes 4000 threads at once for key slot 0") == true)
    #expect(refusal(try cost(argon2(time: 4, memory: 1024, lanes: 64))) == nil)
    #expect(refusal(try cost(argon2(time: 4, memory: 1024, lanes: 65)))?.contains("65 threads") == true)
    // A tenth of the time is the memory's.
    let long = try cost(argon2(time: 10_000, memory: 512, lanes: 64))
    #expect(refusal(long)?.contains("about 107 seconds") == true)
    // One lane needs no thread.
    #expect(abs(try cost(argon2(time: 1024, memory: 1024, lanes: 1)).seconds - 1) < 0.01)
  }

  /// PBKDF2 goes through all its iterations for every block of the key that the key slot's cipher has.
  @Test func pbkdf2() throws {
    let million: Int64 = 1_000_000
    for (hash, blocks, rate) in [
      ("sha1", 4, 2), ("sha224", 3, 2), ("sha256", 2, 2), ("sha384", 2, 1), ("sha512", 1, 1),
    ] as [(String, Int64, Int64)] {
      let cost = try cost(pbkdf2(hash, million))
      // The digest has a thousand.
      #expect(cost.iterations == blocks * million + 1000, "\(hash)")
      #expect(abs(cost.seconds - Double(blocks) / Double(rate)) < 0.01, "\(hash)")
    }
    // Half the key, half the blocks.
    let short = try cost([
      ("keyslots/0/kdf", pbkdf2("sha256", million)), ("keyslots/0/area/key_size", 32),
    ])
    #expect(short.iterations == million + 1000)
    #expect(refusal(try cost(pbkdf2("sha256", 20 * million))) == nil)
    #expect(refusal(try cost(pbkdf2("sha256", 50 * million)))?.contains("for key slot 0") == true)
    #expect(refusal(try cost(pbkdf2("sha1", 20 * million)))?.contains("about 40 seconds") == true)
    #expect(refusal(try cost(pbkdf2("sha512", 4_294_967_295)))?.contains("too long") == true)
  }

  /// libcryptsetup passes over members that are not the function's own, and so does the cost.
  @Test func numbersOfAnotherFunction() throws {
    let cheap = [JSONMember("time", 1), JSONMember("memory", 32), JSONMember("cpus", 1)]
    let volume = try ForgedHeader.setting("keyslots/0/kdf", pbkdf2("sha256", 2_000_000_000, cheap))
    let header = try VolumeHeader(checking: MemoryVolume(volume))
    let expected = VolumeFacts.KeySlot(number: 0, kdf: "pbkdf2", time: 2_000_000_000)
    #expect(header.facts.keySlots == [expected])
    #expect(refusal(header.cost)?.contains("too long") == true)
    let directory = try Scratch()
    let dump = try Volumes.cryptsetup("luksDump", try directory.write("volume", volume)).text
    #expect(dump.contains("Iterations: 2000000000"), "\(dump)")
    var argon2 = try #require(argon2(time: 1000, memory: 1 << 20).members)
    argon2.append(JSONMember("iterations", 1))
    #expect(refusal(try cost(.object(argon2)))?.contains("too long") == true)
  }

  /// The iterations by which a key is recognised come on top, for each key slot.
  @Test func digests() throws {
    let cost = try cost([("digests/0/iterations", 80_000_000)])
    #expect(cost.description.contains("digest, 80000000 iterations"), "\(cost.description)")
    #expect(refusal(cost)?.contains("for the digest") == true)
    #expect(refusal(try self.cost([("digests/0/iterations", 40_000_000)])) == nil)
    // The same for a volume with two key slots is twice that.
    let volume = MemoryVolume(ForgedHeader.volume)
    let header = try VolumeHeader(checking: volume)
    let key = try header.unlock(Array("secret".utf8).span, in: volume).key
    for part in try KeySlotEditor(volume, header, key: key).add(Array("more".utf8).span, .cheap).steps
      .joined()
    {
      try volume.write(part)
    }
    let two = try ForgedHeader.setting("digests/0/iterations", 40_000_000, in: volume.bytes)
    let double = try VolumeHeader(checking: MemoryVolume(two)).cost
    #expect(refusal(double)?.contains("for the digest") == true)
  }
}
