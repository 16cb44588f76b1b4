import Bytes
import Gcrypt
import Testing
import TestSupport

@testable import LUKS

/// LUKS1 and the ciphers that are only done when they are allowed.
@Suite struct CipherTests {
  /// A volume of cryptsetup's and the data that it decrypts to, both by cryptsetup.
  private func volume(
    _ options: [String], _ body: (_ path: String, _ volume: [UInt8]) throws -> Void
  ) throws {
    let directory = try Scratch()
    let path = directory.file("volume")
    try Tool.check(["truncate", "-s", "20M", path])
    try Tool.check(
      ["cryptsetup", "luksFormat", "--batch-mode", "--key-file", "-", "--pbkdf-force-iterations", "1000"]
        + options + [path], input: Array("secret".utf8))
    try body(path, try directory.read("volume"))
  }

  @Test func luks1Opens() throws {
    let options = ["--type", "luks1", "--cipher", "aes-xts-plain64", "--key-size", "512"]
    try volume(options) { path, bytes in
      let source = MemoryVolume(bytes)
      let header = try VolumeHeader(checking: source)
      #expect(header.facts.version == 1 && header.facts.dataOffset > 0)
      let unlocked = try header.unlock(Array("secret".utf8).span, in: source)
      #expect(unlocked.slot == 0)
      // The volume key is that which cryptsetup finds.
      let key = try Volumes.cryptsetup(
        "luksDump", "--dump-volume-key", "--key-file", "-", path)
      let digits = key.text.split(separator: "MK dump:").last?.filter(\.isHexDigit).lowercased()
      let ours = unlocked.key.read { bytes in
        Hexadecimal.matches(digits ?? "", bytes) ? 1 : 0
      }
      #expect(ours == 1, "\(key.text)")
      #expect(throws: LUKSError.self) { try KeySlotEditor(source, header, key: unlocked.key) }
    }
  }

  @Test func luks1Lies() throws {
    try volume(["--type", "luks1", "--cipher", "aes-xts-plain64", "--key-size", "512"]) { _, bytes in
      func refusal(_ offset: Int, _ new: [UInt8]) throws -> LUKSError.Code? {
        var forged = bytes
        forged.replaceSubrange(offset..<offset + new.count, with: new)
        return try ForgedHeader.refusal(of: forged)?.code
      }
      #expect(try ForgedHeader.refusal(of: bytes) == nil)
      #expect(try refusal(104, [0, 0, 0, 0]) == .detachedData)
      #expect(try refusal(104, [255, 255, 255, 255]) == .truncated)
      #expect(try refusal(248, [255, 255, 255, 255]) == .damagedHeader)
      #expect(try refusal(252, [255, 255, 255, 255]) == .damagedHeader)
      #expect(try refusal(8, Array("cipher_null\0".utf8)) == .nullCipher)
      #expect(try refusal(108, [0, 0, 0, 17]) == .cipher)
      // What the key is recognised by: the hash function, the digest, its salt and its iterations.
      #expect(try refusal(72, Array("nope\0\0\0".utf8)) == .damagedHeader)
      #expect(try refusal(112, [UInt8](repeating: 0, count: 20)) == .damagedHeader)
      #expect(try refusal(132, [UInt8](repeating: 0, count: 32)) == .damagedHeader)
      #expect(try refusal(164, [0, 0, 0, 0]) == .damagedHeader)
      var costly = bytes
      costly.replaceSubrange(212..<216, with: [255, 255, 255, 255])
      let cost = try VolumeHeader(checking: MemoryVolume(costly)).cost
      #expect(throws: LUKSError.self) { try cost.check() }
    }
  }

  /// What cryptsetup makes is taken: other hash functions, and key slots for no data.
  @Test(arguments: ["sha1", "sha224", "sha384", "sha512"])
  func everyHash(name: String) throws {
    try volume(["--type", "luks2", "--pbkdf", "pbkdf2", "--hash", name]) { path, bytes in
      let source = MemoryVolume(bytes)
      _ = try VolumeHeader(checking: source).unlock(Array("secret".utf8).span, in: source)
      let added = try Tool.run(
        [
          "cryptsetup", "--batch-mode", "luksAddKey", "--unbound", "--key-size", "512", "--key-slot", "3",
          "--pbkdf", "pbkdf2", "--pbkdf-force-iterations", "1000", path,
        ], input: Array("other\n".utf8))
      #expect(added.status == 0, "\(added.errors)")
      let later = MemoryVolume(try Tool.read(path))
      let header = try VolumeHeader(checking: later)
      #expect(header.facts.keySlots.map(\.number) == [0, 3])
      #expect(try header.unlock(Array("secret".utf8).span, in: later).slot == 0)
      #expect(throws: LUKSError.self) { try header.unlock(Array("other".utf8).span, in: later) }
    }
  }

  @Test(arguments: [
    ("aes-xts-plain64", 256), ("aes-xts-plain64", 512), ("serpent-xts-plain64", 512),
    ("twofish-xts-plain64", 256), ("aes-xts-plain", 512),
    ("camellia-xts-plain64", 512), ("aes-cbc-essiv:sha256", 256), ("aes-cbc-plain", 256),
  ])
  func everyCipher(name: String, bits: Int) throws {
    // Made with the usual cipher, as the library may lack others; the header then says otherwise.
    let made = try volumeOf(name, bits)
    let refusal = try ForgedHeader.refusal(of: made)
    #expect(refusal?.code == (name == "aes-xts-plain64" ? nil : .cipher))
    let header = try VolumeHeader(checking: MemoryVolume(made), allowsAnyCipher: true)
    #expect(header.cipher.name == name && header.cipher.keyBits == bits)
  }

  private func volumeOf(_ name: String, _ bits: Int) throws -> [UInt8] {
    var result: [UInt8] = []
    let usual = "aes-xts-plain64"
    let options = ["--type", "luks2", "--pbkdf", "pbkdf2", "--key-size", "\(bits)", "--cipher"]
    try volume(options + [usual]) { _, bytes in
      result = try ForgedHeader.replacing(
        "\"encryption\":\"\(usual)\",\"sector_size\"", "\"encryption\":\"\(name)\",\"sector_size\"", in: bytes
      )
    }
    return result
  }

  /// Sectors against Python's cryptography, cipher by cipher.
  @Test(arguments: [512, 4096]) func sectorsAgainstAnotherLibrary(sectorSize: Int) throws {
    let script = """
      import sys, hashlib
      from cryptography.hazmat.primitives.ciphers import Cipher, algorithms as a, modes as m
      mode, sector = sys.argv[1], int(sys.argv[2])
      data, key = sys.stdin.buffer.read(), bytes(range(int(sys.argv[3])))
      for i in range(0, len(data), sector):
          number = (i // 512 + 7).to_bytes(16, "little")
          if mode == "essiv":
              e = Cipher(a.AES(hashlib.sha256(key).digest()), m.ECB()).encryptor()
              number = e.update(number)
          c = Cipher(a.AES(key), m.XTS(number) if mode == "xts" else m.CBC(number)).encryptor()
          sys.stdout.buffer.write(c.update(data[i:i + sector]))
      """
    let data = Volumes.payload(4 * 4096, seed: 9)
    for (name, mode, keyBytes, algorithm) in [
      ("xts", .xts, 32, .aes128), ("xts", .xts, 64, .aes256), ("cbc", .cbc, 24, .aes192),
      ("essiv", .cbcESSIV, 32, .aes256),
    ] as [(String, SectorMode, Int, CipherAlgorithm)] {
      let key = (0..<keyBytes).map { UInt8($0) }
      let cipher = try SectorCipher(algorithm, mode, key: key.span, sectorSize: sectorSize, firstNumber: 7)
      var ours = data
      try ours.withUnsafeMutableBytes { try cipher.encrypt($0, at: 0) }
      let theirs = try Tool.check(
        ["/usr/bin/python3", "-c", script, name, "\(sectorSize)", "\(keyBytes)"], input: data)
      #expect(ours == theirs.output, "\(name), \(keyBytes)")
      try ours.withUnsafeMutableBytes { try cipher.decrypt($0, at: 0) }
      #expect(ours == data)
    }
  }
}

/// Digits without a copy of the key.
private enum Hexadecimal {
  static func matches(_ digits: String, _ key: UnsafeBufferPointer<CChar>) -> Bool {
    let text = Array(digits.utf8)
    let table = Array("0123456789abcdef".utf8)
    guard text.count == 2 * key.count else { return false }
    return key.indices.allSatisfy { index in
      let byte = UInt8(bitPattern: key[index])
      return text[2 * index] == table[Int(byte >> 4)] && text[2 * index + 1] == table[Int(byte & 15)]
    }
  }
}
