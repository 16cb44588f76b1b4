import StrictJSON
import TestSupport
import Testing

@testable import LUKS

/// Numbers that libcryptsetup would believe, or stumble over: each is refused before it sees them.
@Suite struct HostileNumberTests {
  static let slot = "keyslots/0/"

  static let changes: [(path: String, value: JSONValue?, code: LUKSError.Code)] = [
    // As many bytes are derived as this says: of 2 GiB for hours.
    (slot + "area/key_size", 2_147_483_647, .damagedHeader), (slot + "area/key_size", 65, .damagedHeader),
    (slot + "area/key_size", 0, .damagedHeader), (slot + "area/key_size", -64, .damagedHeader),
    (slot + "area/key_size", "64", .damagedHeader), (slot + "area/key_size", nil, .damagedHeader),
    (slot + "area/key_size", 48, .cipher), (slot + "area/key_size", 7, .cipher),
    (slot + "key_size", 0, .damagedHeader), (slot + "key_size", 2_147_483_647, .damagedHeader),
    (slot + "key_size", .number("1e1"), .damagedHeader), (slot + "key_size", 48, .cipher),
    // libcryptsetup takes 4000 whatever it says.
    (slot + "af/stripes", 1, .damagedHeader), (slot + "af/stripes", 3999, .damagedHeader),
    (slot + "af/hash", "sha3-256", .damagedHeader), (slot + "af/type", "luks9", .damagedHeader),
    (slot + "area/type", "journal", .damagedHeader),
    // Behind the room for key slots, though in front of the data; between two sectors; too small.
    (slot + "area/offset", "1040384", .damagedHeader), (slot + "area/offset", "32769", .damagedHeader),
    (slot + "area/offset", "32767", .damagedHeader), (slot + "area/size", "1015809", .damagedHeader),
    (slot + "area/size", "255999", .damagedHeader), (slot + "area/size", "", .damagedHeader),
    (slot + "priority", 3, .damagedHeader), (slot + "priority", -1, .damagedHeader),
    (slot + "priority", "1", .damagedHeader),
    // Twelve, 24 and 33 bytes.
    (slot + "kdf/salt", "AAAAAAAAAAAAAAAA", .damagedHeader),
    (slot + "kdf/salt", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", .damagedHeader),
    (slot + "kdf/salt", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", .damagedHeader),
    (slot + "kdf/iterations", 0, .unsupported), (slot + "kdf/iterations", 4_294_967_296, .unsupported),
    (slot + "kdf/iterations", -1, .unsupported), (slot + "kdf/type", "scrypt", .unsupported),
    ("digests/0/iterations", 0, .unsupported), ("digests/0/iterations", 4_294_967_296, .unsupported),
    ("digests/0/salt", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", .damagedHeader),
    ("digests/0/digest", "AAAAAAAAAAAAAAAAAAAAAAAAAAA=", .damagedHeader),
    ("digests/00", ["type": "pbkdf2"], .damagedHeader),
    ("segments/0/offset", "1048575", .damagedHeader), ("segments/0/offset", "1044480", .damagedHeader),
    ("segments/0/iv_tweak", "-1", .damagedHeader), ("segments/0/iv_tweak", 0, .damagedHeader),
    ("segments/0/sector_size", 513, .damagedHeader), ("segments/0/sector_size", "4096", .damagedHeader),
    ("segments/0/flags", [0], .damagedHeader), ("segments/0/flags", "x", .damagedHeader),
    ("segments/0/flags", ["backup-\u{301}"], .reencryption),
    ("segments/0/flags", ["in-reencryption"], .reencryption),
    ("config/json_size", "12289", .damagedHeader), ("config/keyslots_size", "1015807", .damagedHeader),
    ("config/keyslots_size", "4294967296", .damagedHeader), ("config/flags", [1], .damagedHeader),
    ("config/flags", "allow-discards", .damagedHeader), ("config/requirements", [], .requirements),
    ("config/requirements", ["mandatory": "all"], .requirements),
    ("tokens", nil, .damagedHeader), ("tokens/0", ["keyslots": []], .damagedHeader),
    ("tokens/0", ["type": "", "keyslots": []], .damagedHeader), ("tokens/0", ["type": "x"], .damagedHeader),
    ("tokens/0", ["type": "x", "keyslots": ["1"]], .damagedHeader),
    ("tokens/0", ["type": "x", "keyslots": [0]], .damagedHeader),
    ("tokens/x", ["type": "x", "keyslots": []], .damagedHeader),
  ]

  /// A derivation, and why it is none.
  static let derivations: [JSONValue] = [
    // Argon2 has at least 8 KiB a lane, and no more than 2^24 - 1 of them.
    argon2(time: 4, memory: 31, lanes: 4), argon2(time: 4, memory: 31_999, lanes: 4000),
    argon2(time: 4, memory: 1 << 30, lanes: 1 << 24), argon2(time: 4, memory: 32, lanes: 0),
    argon2(time: 4, memory: 32, lanes: -1), argon2(time: 0, memory: 32, lanes: 1),
    argon2(time: 4, memory: 0, lanes: 1), argon2(time: 1 << 32, memory: 32, lanes: 1),
  ]

  static func argon2(_ type: String = "argon2id", time: Int64, memory: Int64, lanes: Int64) -> JSONValue {
    [
      "type": .string(type), "time": .integer(time), "memory": .integer(memory), "cpus": .integer(lanes),
      "salt": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
    ]
  }

  @Test func everyNumber() throws {
    for (path, value, code) in Self.changes {
      let refusal = try ForgedHeader.refusal(of: try ForgedHeader.setting(path, value))
      #expect(refusal?.code == code, "\(path) \(value as Any): \(refusal as Any)")
    }
    for kdf in Self.derivations {
      let refusal = try ForgedHeader.refusal(of: try ForgedHeader.setting(Self.slot + "kdf", kdf))
      #expect(refusal?.code == .unsupported, "\(kdf): \(refusal as Any)")
    }
  }

  /// What is not used, and what cryptsetup takes, is no reason to refuse a volume.
  @Test func whatStaysAllowed() throws {
    let directory = try Scratch()
    for (path, value) in [
      (Self.slot + "priority", 0), (Self.slot + "priority", 2), ("config/requirements", [:]),
      ("config/requirements", ["mandatory": []]), ("config/flags", ["allow-discards"]),
      ("tokens/7", ["type": "note", "keyslots": ["0"], "more": 1]), ("segments/0/flags", ["mine"]),
      (Self.slot + "kdf/note", "x"),
    ] as [(String, JSONValue)] {
      let volume = try ForgedHeader.setting(path, value)
      #expect(try ForgedHeader.refusal(of: volume) == nil, "\(path) \(value)")
      let answer = try Volumes.cryptsetup(
        "open", "--test-passphrase", "--key-file", "-", "--key-slot", "0",
        try directory.write("volume", volume))
      #expect(answer.status == 0, "\(path) \(value): \(answer.errors)")
      if value != 0 { #expect(try Volumes.open(volume) == Volumes.payload(8192), "\(path) \(value)") }
    }
  }

  /// libcryptsetup 2.6 takes any key for the right one where the salt of the digest is not 32 bytes long.
  @Test func anyKeyIsRight() throws {
    for salt in ["AAAAAAAAAAAAAAAA", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", String(repeating: "A", count: 64)] {
      let volume = try ForgedHeader.setting("digests/0/salt", .string(salt))
      #expect(try ForgedHeader.refusal(of: volume)?.code == .damagedHeader, "\(salt)")
      #expect(throws: LUKSError.self, "\(salt)") { try Volumes.open(volume, passphrase: "anything") }
    }
  }

  /// Bytes around the JSON, which libcryptsetup does not take.
  @Test func bytesAroundTheJSON() throws {
    let json = Array(ForgedHeader.volume[4096..<16384].prefix { $0 != 0 })
    let space = [UInt8](repeating: 0x20, count: 12288 - json.count)
    for text in [[0x20] + json, json + [0, 0x7B], json + [0] + Array("x".utf8), json + space] {
      let refusal = try ForgedHeader.refusal(of: try ForgedHeader.with(json: text))
      #expect(refusal?.code == .damagedHeader, "\(refusal as Any)")
    }
    #expect(try ForgedHeader.refusal(of: try ForgedHeader.with(json: json + space.dropLast())) == nil)
  }

  /// LUKS1 has few numbers; libcryptsetup looks at those of key slots that are not in use as well.
  @Test func luks1() throws {
    let directory = try Scratch()
    let path = directory.file("volume")
    try Tool.check(["truncate", "-s", "4M", path])
    try Tool.check(
      [
        "cryptsetup", "luksFormat", "--batch-mode", "--key-file", "-", "--type", "luks1",
        "--pbkdf-force-iterations", "1000", path,
      ], input: Array("secret".utf8))
    let volume = try directory.read("volume")
    #expect(try ForgedHeader.refusal(of: volume) == nil)
    for (offset, number, code) in [
      (108, 0, .cipher), (108, 48, .cipher), (108, 0x7FFF_FFFF, .cipher), (104, 0, .detachedData),
      (104, 8, .damagedHeader), (104, 0x7FFF_FFFF, .truncated), (164, 0, .damagedHeader),
      // Key slot 0, and key slot 7, which is not in use: iterations, offset, stripes.
      (208 + 4, 0, .damagedHeader), (208 + 40, 1, .damagedHeader), (208 + 40, 0x7FFF_FFFF, .damagedHeader),
      (208 + 44, 3999, .damagedHeader), (208 + 44, 0, .damagedHeader), (544 + 40, 0, .damagedHeader),
      (544 + 40, 8, .damagedHeader), (544 + 40, 4096, .damagedHeader), (544 + 44, 1, .damagedHeader),
      // No key slot is in use.
      (208, 0xDEAD, .keySlot),
    ] as [(Int, UInt32, LUKSError.Code)] {
      var forged = volume
      for place in 0..<4 { forged[offset + place] = UInt8(truncatingIfNeeded: number >> (24 - 8 * place)) }
      let refusal = try ForgedHeader.refusal(of: forged, allowsAnyCipher: true)
      #expect(refusal?.code == code, "\(offset) \(number): \(refusal as Any)")
    }
  }
}
