import StrictJSON
import TestSupport
import Testing

@testable import LUKS

/// Headers that lie, or ask for what is not done: each refused by its name, before libcryptsetup sees it.
@Suite struct HostileHeaderTests {
  @Test func theUnchangedOneIsTaken() throws {
    #expect(try ForgedHeader.refusal(of: ForgedHeader.volume) == nil)
    // The forger's work is taken as well: what is refused below is refused for what it says.
    let same = try ForgedHeader.with(json: JSONWriter.compact(try ForgedHeader.json(ForgedHeader.volume)))
    #expect(try ForgedHeader.refusal(of: same) == nil)
    #expect(try Volumes.open(same) == Volumes.payload(8192))
  }

  static let changes: [(String, String, LUKSError.Code)] = [
    (
      #""encryption":"aes-xts-plain64","sector_size""#, #""encryption":"aes-cbc-essiv:sha256","sector_size""#,
      .cipher
    ),
    (#""encryption":"aes-xts-plain64","sector_size""#, #""encryption":"rot13-ecb","sector_size""#, .cipher),
    (
      #""encryption":"aes-xts-plain64","sector_size""#, #""encryption":"cipher_null-ecb","sector_size""#,
      .nullCipher
    ),
    (
      #""encryption":"aes-xts-plain64","key_size""#, #""encryption":"cipher_null-ecb","key_size""#,
      .nullCipher
    ),
    (
      #""encryption":"aes-xts-plain64","key_size""#, #""encryption":"serpent-xts-plain64","key_size""#,
      .cipher
    ),
    (#""type":"crypt""#, #""type":"linear""#, .nullCipher),
    (#""type":"crypt""#, #""type":"other""#, .unsupported),
    (#""iv_tweak":"0""#, #""iv_tweak":"0","integrity":{"type":"hmac(sha256)"}"#, .integrity),
    (#""offset":"1048576""#, #""offset":"0""#, .detachedData),
    (#""offset":"1048576""#, #""offset":"4096""#, .detachedData),
    (#""offset":"1048576""#, #""offset":"65536""#, .damagedHeader),
    (#""offset":"1048576""#, #""offset":"9223372036854775807""#, .truncated),
    (#""offset":"1048576""#, #""offset":"99999999999999999999""#, .damagedHeader),
    (#""offset":"1048576""#, #""offset":"-1""#, .damagedHeader),
    (#""offset":"1048576""#, #""offset":"1049088""#, .damagedHeader),
    (#""size":"dynamic""#, #""size":"9223372036854775807""#, .truncated),
    (#""size":"dynamic""#, #""size":"16384""#, .truncated),
    (#""size":"dynamic""#, #""size":"0""#, .damagedHeader),
    (#""size":"dynamic""#, #""size":"1""#, .damagedHeader),
    (#""size":"dynamic""#, #""size":"512""#, .damagedHeader),
    (#""sector_size":4096"#, #""sector_size":8192"#, .damagedHeader),
    (#""sector_size":4096"#, #""sector_size":0"#, .damagedHeader),
    (
      #""keyslots_size":"1015808""#,
      #""keyslots_size":"1015808","requirements":{"mandatory":["online-reencrypt-v2"]}"#, .reencryption
    ),
    (
      #""keyslots_size":"1015808""#, #""keyslots_size":"1015808","requirements":{"mandatory":["teleport"]}"#,
      .requirements
    ),
    (#""keyslots_size":"1015808""#, #""keyslots_size":"1015808","requirements":["x"]"#, .requirements),
    (#""keyslots_size":"1015808""#, #""keyslots_size":"9223372036854771712""#, .damagedHeader),
    (#""type":"luks2""#, #""type":"reencrypt""#, .reencryption),
    (#""type":"luks2""#, #""type":"unknown""#, .unsupported),
    (#""offset":"32768""#, #""offset":"0""#, .damagedHeader),
    (#""offset":"32768""#, #""offset":"9223372036854775000""#, .damagedHeader),
    (#""size":"258048""#, #""size":"9223372036854775000""#, .damagedHeader),
    (#""size":"258048""#, #""size":"4096""#, .damagedHeader),
    (#""stripes":4000"#, #""stripes":0"#, .damagedHeader),
    (#""key_size":64"#, #""key_size":-64"#, .damagedHeader),
    (#""iterations":1000"#, #""iterations":0"#, .unsupported),
    (#""json_size":"12288""#, #""json_size":"4096""#, .damagedHeader),
    (
      #""tokens":{}"#, #""tokens":{"0":{"type":"sif-payload","keyslots":[],"length":"999999"}}"#,
      .damagedHeader
    ),
  ]

  /// Digests by which libcryptsetup would take any key for the right one, or no key.
  @Test func digestsThatRecogniseNothing() throws {
    let text = String(
      decoding: JSONWriter.compact(try ForgedHeader.json(ForgedHeader.volume)), as: UTF8.self)
    let start = try #require(text.range(of: #""digests":"#)?.upperBound)
    let digest = try #require(text[start...].firstRange(of: #""digest":""#)?.upperBound)
    let digestEnd = try #require(text[digest...].firstIndex(of: "\""))
    let salt = try #require(text[start...].firstRange(of: #""salt":""#)?.upperBound)
    let saltEnd = try #require(text[salt...].firstIndex(of: "\""))
    func refusal(_ range: Range<String.Index>, _ new: String) throws -> LUKSError? {
      let forged = try ForgedHeader.with(json: Array(text.replacingCharacters(range, new).utf8))
      return try ForgedHeader.refusal(of: forged)
    }
    for new in ["", "AAAA", "!!", String(text[digest..<digestEnd].dropLast(4))] {
      let refusal = try refusal(digest..<digestEnd, new)
      #expect(
        refusal?.code == .damagedHeader && refusal?.message.contains("digest 0") == true,
        "\(new): \(refusal as Any)")
    }
    for new in ["", "AAAA", "!!", String(repeating: "A", count: 400)] {
      let refusal = try refusal(salt..<saltEnd, new)
      #expect(
        refusal?.code == .damagedHeader && refusal?.message.contains("salt") == true,
        "\(new): \(refusal as Any)")
    }
    for (old, new) in [
      (#""hash":"sha256""#, #""hash":"nope""#), (#""keyslots":["0"]"#, #""keyslots":[]"#),
      (#""keyslots":["0"]"#, #""keyslots":["1"]"#), (#""keyslots":["0"]"#, #""keyslots":["0","0"]"#),
      (#""segments":["0"]"#, #""segments":[]"#), (#""segments":["0"]"#, #""segments":["7"]"#),
    ] {
      let range = try #require(
        String(text[start...]).contains(old) ? text[start...].firstRange(of: old) : nil)
      let refusal = try refusal(range, new)
      #expect(refusal?.code == .damagedHeader, "\(new): \(refusal as Any)")
    }
  }

  @Test func everyLieHasItsName() throws {
    for (old, new, code) in Self.changes {
      let refusal = try ForgedHeader.refusal(of: try ForgedHeader.replacing(old, new))
      #expect(refusal?.code == code, "\(new): \(String(describing: refusal))")
    }
  }

  @Test func keySlotsThatOverlap() throws {
    let text = String(
      decoding: JSONWriter.compact(try ForgedHeader.json(ForgedHeader.volume)), as: UTF8.self)
    let start = try #require(text.range(of: #""keyslots":{"0":"#)?.upperBound)
    let end = try #require(text.range(of: #","tokens""#)?.lowerBound)
    let slot = text[start..<end].dropLast()
    let twice = text.replacingCharacters(start, "\(slot),\"1\":")
    let refusal = try ForgedHeader.refusal(of: try ForgedHeader.with(json: Array(twice.utf8)))
    #expect(refusal?.code == .damagedHeader && refusal?.message.contains("shares bytes") == true)
  }

  @Test func damagedCopies() throws {
    let payload = Volumes.payload(8192)
    // Either copy alone is enough.
    for index in [0, 100, 5000, 16384, 16384 + 100, 16384 + 5000] {
      var damaged = ForgedHeader.volume
      damaged[index] ^= 0xFF
      #expect(try Volumes.open(damaged) == payload, "byte \(index)")
      // cryptsetup thinks so too.
      let directory = try TemporaryDirectory()
      let path = try directory.write("volume", damaged)
      #expect(try Volumes.cryptsetup("open", "--test-passphrase", "--key-file", "-", path).status == 0)
    }
    var both = ForgedHeader.volume
    both[5000] ^= 0xFF
    both[16384 + 5000] ^= 0xFF
    #expect(try ForgedHeader.refusal(of: both)?.code == .damagedHeader)
  }

  /// Copies that say different things: what was checked is what libcryptsetup works with.
  @Test func copiesThatDisagree() throws {
    let volume = ForgedHeader.volume
    let other = try ForgedHeader.replacing(#""iterations":1000,"salt":"#, #""iterations":4000000000,"salt":"#)
    func join(_ first: [UInt8], _ second: [UInt8], _ numbers: (UInt64, UInt64)) throws -> [UInt8] {
      var joined = Array(first[..<16384]) + Array(second[16384...])
      for (start, number) in [(0, numbers.0), (16384, numbers.1)] {
        for place in 0..<8 { joined[start + 16 + place] = UInt8(number >> (56 - 8 * UInt64(place)) & 0xFF) }
        try ForgedHeader.seal(&joined, start)
      }
      return joined
    }
    for (numbers, isFirst) in [
      ((3, 3), true), ((3, 2), true), ((2, 3), false), ((1 << 63, 1 << 63 + 1), false),
      ((.max, .max - 1), true), ((.max, .max), true),
    ] as [((UInt64, UInt64), Bool)] {
      let good = isFirst ? try join(volume, other, numbers) : try join(other, volume, numbers)
      #expect(try Volumes.open(good) == Volumes.payload(8192), "\(numbers)")
      let bad = isFirst ? try join(other, volume, numbers) : try join(volume, other, numbers)
      let header = try VolumeHeader(checking: MemoryVolume(bad))
      #expect(throws: LUKSError.self, "\(numbers)") { try header.cost.check(available: 64 << 30) }
    }
  }

  /// A LUKS2 header whose version says 1.
  @Test func anotherVersion() throws {
    var volume = ForgedHeader.volume
    volume[7] = 1
    let refusal = try ForgedHeader.refusal(of: volume)
    #expect(refusal?.code == .damagedHeader, "\(String(describing: refusal))")
  }

  @Test func truncatedVolumes() throws {
    let volume = ForgedHeader.volume
    for count in [0, 5, 6, 100, 591, 592, 4095, 4096, 16383] {
      let code = try ForgedHeader.refusal(of: Array(volume.prefix(count)))?.code
      #expect(code == (count < 6 ? .notLUKS : .damagedHeader), "\(count) bytes")
    }
    #expect(try ForgedHeader.refusal(of: Array(volume.prefix(20_000)))?.code == .truncated)
    #expect(try ForgedHeader.refusal(of: Array(volume.prefix((1 << 20) - 1)))?.code == .truncated)
    // No data at all is a volume of no data; half a sector belongs to none.
    #expect(try Volumes.open(Array(volume.prefix(1 << 20))) == [])
    let whole = try Volumes.open(Array(volume.prefix((1 << 20) + 4096 + 2000)))
    #expect(whole == Array(Volumes.payload(8192).prefix(4096)))
  }

  @Test func costlyDerivations() throws {
    func cost(_ kdf: String) throws -> UnlockCost {
      let text = String(
        decoding: JSONWriter.compact(try ForgedHeader.json(ForgedHeader.volume)), as: UTF8.self)
      let start = try #require(text.range(of: #""kdf":{"#)?.lowerBound)
      let end = try #require(text[start...].firstIndex(of: "}"))
      let changed = text.replacingCharacters(
        start..<text.index(after: end), "\"kdf\":{\(kdf),\"salt\":\"AAAAAAAAAAAAAAAA\"}")
      let volume = try ForgedHeader.with(json: Array(changed.utf8))
      return try VolumeHeader(checking: MemoryVolume(volume)).cost
    }
    func refusal(_ kdf: String, available: Int64 = 64 << 30) throws -> String? {
      let cost = try cost(kdf)
      do throws(LUKSError) {
        try cost.check(available: available)
        return nil
      } catch {
        #expect(error.code == .cost)
        return error.message
      }
    }
    let usual = #""type":"argon2id","time":4,"memory":1048576,"cpus":4"#
    #expect(try refusal(usual) == nil)
    #expect(try cost(usual).description == "argon2id, 4 passes over 1024 MiB")
    #expect(try refusal(usual, available: 1 << 20)?.contains("free") == true)
    let large = try refusal(#""type":"argon2id","time":4,"memory":4194305,"cpus":4"#)
    #expect(large?.contains("more than 4096 MiB") == true)
    let long = #""type":"argon2i","time":4294967295,"memory":4194304,"cpus":1"#
    #expect(try refusal(long)?.contains("too long") == true)
    let many = #""type":"pbkdf2","hash":"sha256","iterations":4294967295"#
    #expect(try refusal(many)?.contains("too long") == true)
    #expect(try refusal(#""type":"pbkdf2","hash":"sha256","iterations":5000000"#) == nil)
    #expect(
      try refusal(#""type":"pbkdf2","hash":"sha256","iterations":50000000"#)?.contains("key slot 0") == true)
    // SHA-512 takes twice as long.
    #expect(try refusal(#""type":"pbkdf2","hash":"sha256","iterations":20000000"#) == nil)
    #expect(
      try refusal(#""type":"pbkdf2","hash":"sha512","iterations":20000000"#)?.contains("40 sec") == true)
    #expect(try refusal(#""type":"argon2id","time":10,"memory":1048576,"cpus":4"#) == nil)
    #expect(
      try refusal(#""type":"argon2id","time":31,"memory":1048576,"cpus":4"#)?.contains("too long") == true)
    // Each key that is tried costs as much.
    let several = try cost(usual)
    try several.check(keys: 7, available: 64 << 30)
    #expect(throws: LUKSError.self) { try several.check(keys: 8, available: 64 << 30) }
    // The iterations by which a key is recognised cost as much.
    let text = String(
      decoding: JSONWriter.compact(try ForgedHeader.json(ForgedHeader.volume)), as: UTF8.self)
    let start = try #require(text.range(of: #""digests":"#)?.upperBound)
    let place = try #require(text[start...].firstRange(of: #""iterations":1000"#))
    let recognition = text.replacingCharacters(place, #""iterations":40000000"#)
    let alone = try VolumeHeader(
      checking: MemoryVolume(try ForgedHeader.with(json: Array(recognition.utf8)))
    ).cost
    #expect(alone.description.contains("digest, 40000000 iterations"), "\(alone.description)")
    do throws(LUKSError) {
      try alone.check(available: 64 << 30)
      Issue.record("the digest is taken")
    } catch { #expect(error.code == .cost && error.message.contains("for the digest"), "\(error.message)") }
    let digest = try ForgedHeader.replacing(#""iterations":1000"#, #""iterations":150000000"#)
    #expect(throws: LUKSError.self) {
      try VolumeHeader(checking: MemoryVolume(digest)).cost.check(available: 64 << 30)
    }
  }

  /// Random damage to the JSON, with checksums made right: never a trap, and never an answer that libcryptsetup
  /// would have to be asked for.
  @Test func randomChanges() throws {
    let seed = UInt64.random(in: 0 ... .max)
    var random = SeededRandom(seed: seed)
    let json = Array(ForgedHeader.volume[4096..<16384].prefix { $0 != 0 })
    for _ in 0..<300 {
      var changed = json
      for _ in 0..<Int.random(in: 1...3, using: &random) {
        changed[Int.random(in: changed.indices, using: &random)] = UInt8.random(
          in: 0x20...0x7E, using: &random)
      }
      let volume = try ForgedHeader.with(json: changed)
      let source = MemoryVolume(volume)
      guard let header = try? VolumeHeader(checking: source), (try? header.cost.check()) != nil,
        header.cost.iterations < 100_000
      else { continue }
      do throws(LUKSError) {
        _ = try header.unlock(Array("secret".utf8).span, in: source)
      } catch {
        let expected: [LUKSError.Code] = [.wrongKey, .library, .damagedHeader]
        #expect(expected.contains(error.code), "seed \(seed): \(error)")
      }
    }
  }
}

extension String {
  /// The text with a range replaced.
  fileprivate func replacingCharacters(_ range: Range<Index>, _ text: String) -> String {
    String(self[..<range.lowerBound]) + text + String(self[range.upperBound...])
  }

  /// The text with something put in at an index.
  fileprivate func replacingCharacters(_ index: Index, _ text: String) -> String {
    String(self[..<index]) + text + String(self[index...])
  }

  fileprivate func range(of text: String) -> Range<Index>? { firstRange(of: text) }
}
