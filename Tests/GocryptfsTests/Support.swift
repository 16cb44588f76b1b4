import Bytes

@testable import Gocryptfs

/// Files that are encrypted in memory, with a cost that a test can afford.
struct EncryptedFiles {
  static let cheap = ScryptCost(iterations: 1024, blockSize: 8, lanes: 1)
  let configuration: Configuration
  let key: ContentKey

  init(passphrase: String = "secret") throws {
    let bytes = Array(passphrase.utf8)
    (configuration, key) = try Configuration.make(passphrase: bytes.span, creator: "test", cost: Self.cheap)
  }

  func encrypt(_ plain: [UInt8], threads: Int = 2) throws -> [UInt8] {
    let encryptor = try FileEncryptor(MemoryReader(plain), key: key, threads: threads)
    var encrypted = [UInt8](repeating: 0, count: Int(encryptor.byteCount))
    try encrypted.withUnsafeMutableBytes { try encryptor.read(into: $0) }
    return encrypted
  }

  func reader(_ encrypted: [UInt8]) throws -> FileReader { try FileReader(MemoryReader(encrypted), key: key) }

  func decrypt(_ encrypted: [UInt8]) throws -> [UInt8] {
    let reader = try reader(encrypted)
    return try reader.read(Int(reader.byteCount), at: 0)
  }
}

func pattern(_ count: Int) -> [UInt8] { (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 >> 8) } }
