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
      let directory = try Scratch()
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

  /// Random damage to the JSON, with checksums made right: never a trap, and what is taken libcryptsetup takes too.
  @Test func randomChanges() throws {
    let seed = UInt64.random(in: 0 ... .max)
    var random = SeededRandom(seed: seed)
    let json = Array(ForgedHeader.volume[4096..<16384].prefix { $0 != 0 })
    let digits = json.indices.filter { (0x30...0x39).contains(json[$0]) }
    for round in 0..<600 {
      var changed = json
      for _ in 0..<Int.random(in: 1...3, using: &random) {
        // Half of them are other numbers, which most of the JSON is not.
        if round % 2 == 0, let place = digits.randomElement(using: &random) {
          changed[place] = UInt8.random(in: 0x30...0x39, using: &random)
        } else {
          changed[Int.random(in: changed.indices, using: &random)] = UInt8.random(
            in: 0x20...0x7E, using: &random)
        }
      }
      let volume = try ForgedHeader.with(json: changed)
      let source = MemoryVolume(volume)
      guard let header = try? VolumeHeader(checking: source) else { continue }
      _ = try header.device(source)
      guard header.cost.iterations < 100_000, header.cost.memory == 0 else { continue }
      do throws(LUKSError) {
        _ = try header.unlock(Array("secret".utf8).span, in: source)
      } catch { #expect(error.code == .wrongKey, "seed \(seed): \(error)") }
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
