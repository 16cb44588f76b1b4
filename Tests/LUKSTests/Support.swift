import Bytes
import Gcrypt
import Glibc
import LinuxSystem
import Synchronization
import TestSupport

@testable import LUKS

/// A volume in memory, which remembers in which order it was written.
final class MemoryVolume: RandomAccess, RandomWritable {
  private let contents: Mutex<[UInt8]>
  private let limit: Int64

  init(_ bytes: [UInt8] = [], limit: Int64 = .max) {
    contents = Mutex(bytes)
    self.limit = limit
  }

  var bytes: [UInt8] { contents.withLock { $0 } }
  var byteCount: Int64 { contents.withLock { Int64($0.count) } }

  func read(into buffer: UnsafeMutableRawBufferPointer, at offset: Int64) -> Int {
    contents.withLock { bytes in
      guard offset >= 0, offset < bytes.count else { return 0 }
      let part = bytes[Int(offset)...].prefix(buffer.count)
      buffer.copyBytes(from: part)
      return part.count
    }
  }

  func write(_ source: UnsafeRawBufferPointer, at offset: Int64) throws(StorageFault) {
    guard offset + Int64(source.count) <= limit else {
      throw StorageFault(.system, causedBy: SystemError(errno: .noSpace, operation: "write"))
    }
    contents.withLock { bytes in
      let end = Int(offset) + source.count
      if bytes.count < end { bytes += [UInt8](repeating: 0, count: end - bytes.count) }
      bytes.replaceSubrange(Int(offset)..<end, with: source)
    }
  }
}

/// Costs that tests can afford.
extension KeyDerivationCost {
  static let cheap = KeyDerivationCost(.pbkdf2, memory: 0, time: 1000)
  static let cheapArgon2id = KeyDerivationCost(.argon2id, memory: 32, time: 4, lanes: 1)
  static let cheapArgon2i = KeyDerivationCost(.argon2i, memory: 32, time: 4, lanes: 1)
}

enum Volumes {
  /// Bytes that a seed determines.
  static func payload(_ count: Int, seed: UInt64 = 1) -> [UInt8] {
    var random = SeededRandom(seed: seed)
    var bytes: [UInt8] = []
    bytes.reserveCapacity(count + 8)
    while bytes.count < count { withUnsafeBytes(of: random.next()) { bytes += $0 } }
    return Array(bytes.prefix(count))
  }

  /// A volume that this module made.
  static func make(
    _ payload: [UInt8], _ options: FormatOptions, passphrase: String = "secret"
  ) throws -> [UInt8] {
    let volume = try NewVolume(
      options, payloadByteCount: Int64(payload.count), key: Array(passphrase.utf8).span)
    let target = MemoryVolume()
    try volume.writeHeader(to: target)
    try volume.encryptAll(MemoryVolume(payload), to: target, threads: 2)
    // A volume without data ends where they would begin.
    return target.bytes + [UInt8](repeating: 0, count: max(0, Int(options.dataOffset) - target.bytes.count))
  }

  /// What a volume holds.
  static func open(
    _ bytes: [UInt8], passphrase: String = "secret", allowsAnyCipher: Bool = false
  ) throws -> [UInt8] {
    let source = MemoryVolume(bytes)
    let header = try VolumeHeader(checking: source, allowsAnyCipher: allowsAnyCipher)
    let unlocked = try header.unlock(Array(passphrase.utf8).span, in: source)
    return try read(VolumeReader(source, header, key: unlocked.key))
  }

  /// All of a payload.
  static func read(_ reader: VolumeReader) throws -> [UInt8] {
    let target = MemoryVolume()
    try reader.decryptAll(threads: 2) { (bytes, offset) throws(StorageFault) in
      try target.write(bytes, at: offset)
    }
    return target.bytes
  }

  /// Runs cryptsetup with a passphrase on its standard input.
  static func cryptsetup(_ arguments: String..., passphrase: String = "secret") throws -> ToolAnswer {
    try Tool.run(["cryptsetup", "--batch-mode"] + arguments, input: Array(passphrase.utf8))
  }
}
