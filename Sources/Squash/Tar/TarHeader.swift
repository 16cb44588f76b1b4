/// The 512-byte header block of a POSIX archive: offsets and lengths of the fields that both directions use.
package enum TarHeader {
  private static let attributePrefix = Array("SCHILY.xattr.".utf8)

  package static let blockSize = 512
  /// The largest numbers that fit into eleven octal digits, and into seven.
  static let mostSize: Int64 = 0o77_777_777_777
  static let mostID: UInt32 = 0o7_777_777

  /// The types of entries.
  package enum Kind: UInt8 {
    case regular = 0x30
    case link = 0x31
    case symlink = 0x32
    case characterDevice = 0x33
    case blockDevice = 0x34
    case directory = 0x35
    case fifo = 0x36
    case extended = 0x78
    case global = 0x67
  }

  /// A header with a checksum. Names and numbers that do not fit are cut; extended records carry them in
  /// full.
  package static func make(
    name: [UInt8], kind: Kind, size: Int64, permissions: UInt16 = 0o644, userID: UInt32 = 0,
    groupID: UInt32 = 0, time: UInt32 = 0, target: [UInt8] = [], device: DeviceNumber? = nil
  ) -> [UInt8] {
    var block = [UInt8](repeating: 0, count: blockSize)
    func put(_ bytes: some Sequence<UInt8>, at offset: Int, _ count: Int) {
      for (index, byte) in bytes.prefix(count).enumerated() { block[offset + index] = byte }
    }
    func octal(_ value: UInt64, at offset: Int, digits: Int) {
      var value = value
      for index in (0..<digits).reversed() {
        block[offset + index] = 0x30 + UInt8(value & 7)
        value >>= 3
      }
    }
    put(name, at: 0, 100)
    octal(UInt64(permissions), at: 100, digits: 7)
    octal(UInt64(min(userID, mostID)), at: 108, digits: 7)
    octal(UInt64(min(groupID, mostID)), at: 116, digits: 7)
    octal(UInt64(min(size, mostSize)), at: 124, digits: 11)
    octal(UInt64(time), at: 136, digits: 11)
    block[156] = kind.rawValue
    put(target, at: 157, 100)
    put("ustar\u{0}00".utf8, at: 257, 8)
    octal(UInt64(device?.major ?? 0), at: 329, digits: 7)
    octal(UInt64(device?.minor ?? 0), at: 337, digits: 7)
    octal(checksum(block), at: 148, digits: 6)
    block[155] = 0x20
    return block
  }

  /// The sum of all bytes, with the checksum's own field counted as spaces.
  package static func checksum(_ block: [UInt8]) -> UInt64 {
    block.indices.reduce(0) { $0 + ((148..<156).contains($1) ? 0x20 : UInt64(block[$1])) }
  }

  /// One record of an extended header: its length in decimal, including the length itself, a space, key,
  /// value.
  static func record(_ key: [UInt8], _ value: [UInt8]) -> [UInt8] {
    let rest = key.count + value.count + 3
    var count = rest + 1
    while String(count).utf8.count + rest != count { count = String(count).utf8.count + rest }
    return Array(String(count).utf8) + [0x20] + key + [0x3D] + value + [0x0A]
  }

  /// The zeros that complete the last block.
  package static func padding(after size: Int64) -> [UInt8] {
    [UInt8](repeating: 0, count: Int((512 - size % 512) % 512))
  }

  /// The key of an extended attribute's record. An equals sign would end the key, so it and the percent sign
  /// are written as three characters, as GNU tar does.
  static func attributeKey(_ name: [UInt8]) -> [UInt8] {
    attributePrefix
      + name.flatMap { byte in
        byte == 0x3D ? Array("%3D".utf8) : byte == 0x25 ? Array("%25".utf8) : [byte]
      }
  }

  /// The name of the attribute that a record's key stands for; nil for another key.
  static func attributeName(_ key: ArraySlice<UInt8>) -> [UInt8]? {
    guard key.starts(with: attributePrefix) else { return nil }
    var name: [UInt8] = []
    var rest = key.dropFirst(attributePrefix.count)
    while let byte = rest.popFirst() {
      let escaped: UInt8? =
        byte != 0x25
        ? nil : rest.starts(with: "3D".utf8) ? 0x3D : rest.starts(with: "25".utf8) ? 0x25 : nil
      if escaped != nil { rest = rest.dropFirst(2) }
      name.append(escaped ?? byte)
    }
    return name
  }
}
