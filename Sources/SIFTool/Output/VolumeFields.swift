import Bytes
import CommandKit
import Gocryptfs
import LUKS
import Partitions
import SIF
import Squash
import StrictJSON

/// The facts about an encrypted partition that need no key, as text and as JSON.
enum VolumeFields {
  /// Lines for people, indented.
  static func lines(of object: UInt32, _ facts: EncryptionFacts) -> [String] {
    switch facts {
    case .luks(let facts): lines(of: object, facts)
    case .gocryptfs(let facts):
      [
        "  object \(object): gocryptfs, \(fileCipher), made by \(facts.configuration.creator)",
        "    features: \(facts.configuration.features.joined(separator: " "))",
        "    key: \(text(of: facts.configuration.cost))",
        "    file: \(facts.fileName.printable), \(facts.fileByteCount) bytes",
      ]
    }
  }

  /// The only cipher of gocryptfs's files that is supported.
  static let fileCipher = "aes-256-gcm"

  /// The cost of deriving the key of gocryptfs's files.
  static func text(of cost: ScryptCost) -> String {
    "scrypt, N = \(cost.iterations), r = \(cost.blockSize), p = \(cost.lanes)"
  }

  private static func lines(of object: UInt32, _ facts: VolumeFacts) -> [String] {
    let bits = facts.keyBits.map { "\($0)-bit key, " } ?? ""
    var lines = [
      "  object \(object): LUKS\(facts.version), \(facts.cipher), \(bits)"
        + "\(facts.sectorSize)-byte sectors, data at byte \(facts.dataOffset)"
    ]
    lines += facts.keySlots.map { "    \(title(of: $0)): \(text(of: $0))" }
    lines += facts.tokens.map { "    token: \($0)" }
    lines += facts.requirements.map { "    requirement: \($0)" }
    return lines
  }

  /// A key slot's number, and whether it is unbound.
  static func title(of slot: VolumeFacts.KeySlot) -> String {
    "key slot \(slot.number)" + (slot.isUnbound ? " (unbound: opens no data)" : "")
  }

  /// The cost of deriving the key of a slot.
  static func text(of slot: VolumeFacts.KeySlot) -> String {
    let memory = slot.memory.map { ", \($0 / 1024) MiB" } ?? ""
    let lanes = slot.lanes.map { ", \($0) lanes" } ?? ""
    return "\(slot.kdf), \(slot.time) \(slot.memory == nil ? "iterations" : "passes")\(memory)\(lanes)"
  }

  /// The facts as a JSON object.
  static func json(of object: UInt32, _ facts: EncryptionFacts) -> JSONValue {
    switch facts {
    case .luks(let facts): json(of: object, facts)
    case .gocryptfs(let facts): json(of: object, facts)
    }
  }

  private static func json(of object: UInt32, _ facts: GocryptfsFacts) -> JSONValue {
    let cost = facts.configuration.cost
    return .object([
      JSONMember("object", .integer(Int64(object))),
      JSONMember("gocryptfs", .integer(Configuration.version)),
      JSONMember("creator", .string(facts.configuration.creator)), JSONMember("cipher", .string(fileCipher)),
      JSONMember("features", .array(facts.configuration.features.map { .string($0) })),
      JSONMember(
        "scrypt",
        .object([
          JSONMember("n", .integer(cost.iterations)), JSONMember("r", .integer(cost.blockSize)),
          JSONMember("p", .integer(cost.lanes)),
        ])),
      JSONMember("file", .string(String(decoding: facts.fileName, as: UTF8.self))),
      JSONMember("fileSize", .integer(facts.fileByteCount)),
    ])
  }

  private static func json(of object: UInt32, _ facts: VolumeFacts) -> JSONValue {
    func integer(_ value: Int64?) -> JSONValue { value.map { .integer($0) } ?? .null }
    return .object([
      JSONMember("object", .integer(Int64(object))),
      JSONMember("luks", .integer(Int64(facts.version))),
      JSONMember("uuid", .string(facts.uuid)), JSONMember("cipher", .string(facts.cipher)),
      JSONMember("keyBits", integer(facts.keyBits)), JSONMember("sectorSize", .integer(facts.sectorSize)),
      JSONMember("dataOffset", .integer(facts.dataOffset)),
      JSONMember(
        "keySlots",
        .array(
          facts.keySlots.map { slot in
            .object([
              JSONMember("slot", .integer(Int64(slot.number))), JSONMember("kdf", .string(slot.kdf)),
              JSONMember("time", .integer(slot.time)), JSONMember("memoryKiB", integer(slot.memory)),
              JSONMember("lanes", integer(slot.lanes)), JSONMember("unbound", .bool(slot.isUnbound)),
            ])
          })),
      JSONMember("tokens", .array(facts.tokens.map { .string($0) })),
      JSONMember("requirements", .array(facts.requirements.map { .string($0) })),
    ])
  }
}

/// The facts about an encrypted partition that its key opens.
struct OpenedVolumeFields {
  private let object: UInt32
  private let slot: Int?
  private let byteCount: Int64
  private let superblock: Superblock

  /// Opens the partition; nil if it is not encrypted, and needs no key.
  init?(_ object: Descriptor, in image: Image, _ source: VolumeKeySource) throws {
    guard object.isEncryptedSquashfs else { return nil }
    let opened = try image.unlock(object, with: source)
    superblock = try opened.squashfs().superblock
    self.object = object.id
    slot = opened.encryption?.slot
    byteCount = try opened.contents.byteCount
  }

  /// Lines for people, indented.
  var lines: [String] {
    [
      "    opens with the key" + (slot.map { ": slot \($0)" } ?? ""),
      "    squashfs: \(superblock.compression.description), \(superblock.inodeCount) inodes, "
        + "\(superblock.bytesUsed) of \(byteCount) bytes",
    ]
  }

  /// The facts as a JSON object.
  var json: JSONValue {
    .object([
      JSONMember("object", .integer(Int64(object))),
      JSONMember("keySlot", slot.map { .integer(Int64($0)) } ?? .null),
      JSONMember("size", .integer(byteCount)), JSONMember("squashfsSize", .integer(superblock.bytesUsed)),
      JSONMember("compression", .string(superblock.compression.description)),
      JSONMember("inodes", .integer(Int64(superblock.inodeCount))),
    ])
  }
}
