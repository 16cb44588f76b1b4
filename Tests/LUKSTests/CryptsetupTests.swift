import TestSupport
import Testing

@testable import LUKS

/// Volumes of ours under cryptsetup, and cryptsetup's under ours, without a kernel's help.
@Suite struct CryptsetupTests {
  struct Shape: CustomTestStringConvertible {
    let sectorSize: Int
    let offset: Int64
    let kdf: KeyDerivationCost
    var testDescription: String { "\(sectorSize), \(offset >> 20) MiB, \(kdf.algorithm.rawValue)" }
  }

  static let shapes: [Shape] = [512, 4096].flatMap { sector in
    [FormatOptions.smallOffset, FormatOptions.runtimeOffset].flatMap { offset in
      [KeyDerivationCost.cheap, .cheapArgon2i, .cheapArgon2id].map {
        Shape(sectorSize: sector, offset: offset, kdf: $0)
      }
    }
  }

  @Test(arguments: shapes)
  func oursIsTheirs(shape: Shape) throws {
    let directory = try Scratch()
    let payload = Volumes.payload(300 << 10)
    let made = try Volumes.make(
      payload,
      FormatOptions(dataOffset: shape.offset, sectorSize: shape.sectorSize, kdf: shape.kdf))
    #expect(made.count == Int(shape.offset) + payload.count)
    let path = try directory.write("volume", made)
    let dump = try Volumes.cryptsetup("luksDump", path).text
    #expect(dump.contains("sector: \(shape.sectorSize) [bytes]"), "\(dump)")
    #expect(dump.contains("offset: \(shape.offset) [bytes]"))
    #expect(dump.contains("PBKDF:      \(shape.kdf.algorithm.rawValue)"))
    #expect(dump.contains("cipher: aes-xts-plain64"))
    #expect(try Volumes.cryptsetup("open", "--test-passphrase", "--key-file", "-", path).status == 0)
    let wrong = try Volumes.cryptsetup(
      "open", "--test-passphrase", "--key-file", "-", path, passphrase: "other")
    #expect(wrong.status == 2)
    // Decrypted in place by them: the data move to the file's beginning or stay, with the header exported.
    let answer = try Volumes.cryptsetup(
      "reencrypt", "--decrypt", "--force-offline-reencrypt", "--key-file", "-", "--header",
      directory.file("header"), path)
    #expect(answer.status == 0, "\(answer.errors)")
    let plain = try directory.read("volume")
    #expect(plain.starts(with: payload), "cryptsetup decrypts something else")
    #expect(try Volumes.open(made) == payload)
  }

  @Test(arguments: shapes.filter { $0.offset == FormatOptions.runtimeOffset })
  func theirsIsOurs(shape: Shape) throws {
    let directory = try Scratch()
    let payload = Volumes.payload(300 << 10, seed: 2)
    let path = try directory.write("volume", payload)
    try Tool.check(["truncate", "-s", "+32M", path])
    let costs =
      shape.kdf.algorithm == .pbkdf2
      ? ["--pbkdf-force-iterations", "1000"]
      : ["--pbkdf-force-iterations", "4", "--pbkdf-memory", "32", "--pbkdf-parallel", "1"]
    let answer = try Tool.run(
      [
        "cryptsetup", "--batch-mode", "reencrypt", "--encrypt", "--type", "luks2", "--reduce-device-size",
        "32M", "--force-offline-reencrypt", "--sector-size", "\(shape.sectorSize)", "--key-file", "-",
        "--pbkdf",
        shape.kdf.algorithm.rawValue, path,
      ] + costs, input: Array("secret".utf8))
    #expect(answer.status == 0, "\(answer.errors)")
    let volume = try directory.read("volume")
    #expect(try Volumes.open(volume).starts(with: payload))
  }
}
