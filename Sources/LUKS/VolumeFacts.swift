public import Bytes
import StrictJSON

/// The facts in the header of a LUKS volume that can be read without a key (spec/encryption.md).
///
/// They are claims of the header's author: nothing is proven, and sizes may be false.
public struct VolumeFacts: Sendable, Equatable {
  /// One key slot: a passphrase or key that opens the volume.
  public struct KeySlot: Sendable, Equatable {
    /// The slot's number.
    public var number: Int
    /// The key derivation: `argon2id`, `argon2i` or `pbkdf2`.
    public var kdf: String
    /// Passes (Argon2) or iterations (PBKDF2).
    public var time: Int64
    /// Memory in KiB; nil for PBKDF2.
    public var memory: Int64?
    /// Parallel lanes; nil for PBKDF2.
    public var lanes: Int64?
    /// Whether the slot contains a key of its own, which does not open the data.
    public var isUnbound = false
  }

  /// 1 or 2.
  public var version: Int
  /// The volume's UUID as text.
  public var uuid: String
  /// The cipher and mode, such as `aes-xts-plain64`.
  public var cipher: String
  /// The length of the volume key in bits, if the header gives it.
  public var keyBits: Int64?
  /// The encryption sector size in bytes.
  public var sectorSize: Int64
  /// The offset of the encrypted data, in bytes from the start of the volume.
  public var dataOffset: Int64
  /// The key slots in use, by number.
  public var keySlots: [KeySlot]
  /// The types of the tokens, which say how to find a key, by number.
  public var tokens: [String] = []
  /// The features that a program must know to use the volume, by their names in the header.
  public var requirements: [String] = []

  /// The longest LUKS2 header that is read, in bytes; this is the format's own limit.
  static let largestHeader = 4 << 20

  /// Reads the facts of a volume.
  ///
  /// - Parameter read: reads at most a number of bytes at an offset of the volume.
  /// - Returns: nil if there is no LUKS header, or it cannot be understood.
  public init?<Failure: Error>(
    reading read: (_ count: Int, _ offset: Int64) throws(Failure) -> [UInt8]
  ) throws(Failure) {
    let start = try read(592, 0)
    guard start.count == 592, start.starts(with: ContentMagic.luks) else { return nil }
    switch Self.bigEndian(start[6..<8]) {
    case 1: self.init(version1: start)
    case 2:
      let size = Self.bigEndian(start[8..<16])
      guard size > 4096, size <= Self.largestHeader else { return nil }
      let area = try read(Int(size) - 4096, 4096)
      let text = area.prefix { $0 != 0 }
      guard let json = try? JSONParser.parse(Array(text)) else { return nil }
      self.init(version2: json, uuid: Self.text(start[168..<208]))
    default: return nil
    }
  }

  /// Reads the facts of a volume.
  ///
  /// - Returns: nil if there is no LUKS header, or it cannot be understood.
  public init?(of volume: some RandomAccess) throws(StorageFault) {
    try self.init(reading: { (count: Int, offset: Int64) throws(StorageFault) in
      try volume.read(count, at: offset)
    })
  }

  // MARK: LUKS1: a struct with big-endian numbers

  init?(version1 header: [UInt8]) {
    version = 1
    uuid = Self.text(header[168..<208])
    cipher = Self.text(header[8..<40]) + "-" + Self.text(header[40..<72])
    keyBits = Self.bigEndian(header[108..<112]) * 8
    sectorSize = 512
    dataOffset = Self.bigEndian(header[104..<108]) * 512
    keySlots = (0..<8).compactMap { number in
      let slot = header[(208 + number * 48)..<(256 + number * 48)]
      // Only active slots have this mark.
      guard Self.bigEndian(slot.prefix(4)) == 0x00AC_71F3 else { return nil }
      let iterations = Self.bigEndian(slot.dropFirst(4).prefix(4))
      return KeySlot(number: number, kdf: "pbkdf2", time: iterations, memory: nil, lanes: nil)
    }
  }

  // MARK: LUKS2: JSON, numbers beyond 32 bits as text

  init?(version2 json: JSONValue, uuid: String) {
    guard let segment = json["segments"]?["0"], let cipher = segment["encryption"]?.text,
      let offset = segment["offset"]?.text.flatMap({ Int64($0) })
    else { return nil }
    version = 2
    self.uuid = uuid
    self.cipher = cipher
    sectorSize = segment["sector_size"]?.integer ?? 512
    dataOffset = offset
    let digest = (json["digests"]?.members ?? []).first {
      $0.value["segments"]?.elements?.contains { $0.text == "0" } ?? false
    }
    let opening = digest.map { $0.value["keyslots"]?.elements?.compactMap(\.text) ?? [] }
    var slots: [KeySlot] = []
    var bits: Int64?
    for member in json["keyslots"]?.members ?? [] {
      guard let number = Int(member.key), let kdf = member.value["kdf"] else { continue }
      let isUnbound = opening.map { !$0.contains(member.key) } ?? false
      if !isUnbound, let size = member.value["key_size"]?.integer, (1...1024).contains(size) {
        bits = size * 8
      }
      // There may be slots with other names; libcryptsetup ignores them, too.
      let isPBKDF2 = kdf["type"]?.text == "pbkdf2"
      slots.append(
        KeySlot(
          number: number, kdf: kdf["type"]?.text ?? "unknown",
          time: kdf[isPBKDF2 ? "iterations" : "time"]?.integer ?? 0,
          memory: isPBKDF2 ? nil : kdf["memory"]?.integer, lanes: isPBKDF2 ? nil : kdf["cpus"]?.integer,
          isUnbound: isUnbound))
    }
    keyBits = bits
    keySlots = slots.sorted { $0.number < $1.number }
    let tokens = (json["tokens"]?.members ?? []).compactMap { member in
      Int(member.key).map { ($0, member.value["type"]?.text ?? "unknown") }
    }
    self.tokens = tokens.sorted { $0.0 < $1.0 }.map(\.1)
    requirements = (json["config"]?["requirements"]?["mandatory"]?.elements ?? []).compactMap(\.text)
  }

  static func bigEndian(_ bytes: ArraySlice<UInt8>) -> Int64 {
    Int64(clamping: bytes.reduce(UInt64(0)) { $0 << 8 | UInt64($1) })
  }

  static func text(_ field: ArraySlice<UInt8>) -> String {
    String(decoding: field.prefix { $0 != 0 }, as: UTF8.self)
  }
}
