import StrictJSON

/// The checks of key slots (spec/encryption.md, "Checks of the header"). libcryptsetup trusts most of their numbers.
extension VolumeHeader {
  /// A LUKS2 key slot.
  struct KeySlot {
    /// The place of its material.
    let area: Range<Int64>
    /// The length of the key that it contains, in bytes.
    let keyBytes: Int
    /// The cipher of its material. The derived key is the key of this cipher.
    let cipher: VolumeCipher
    /// The hash function of PBKDF2; empty for another derivation.
    let hash: String
  }

  /// libcryptsetup uses this number of stripes, whatever a LUKS2 header says.
  private static let stripes: Int64 = 4000
  /// The most key slots that the format allows.
  private static let maximumKeySlots = 32
  /// Argon2's largest number of lanes.
  private static let maximumLanes: Int64 = (1 << 24) - 1

  /// The key slots of a LUKS2 header, by number.
  static func keySlots(_ json: JSONValue, _ copies: HeaderCopies) throws(LUKSError) -> [Int: KeySlot] {
    guard let members = json["keyslots"]?.members else { throw damaged("there is no list of key slots") }
    // The room for key slots, after both copies of the header. The configuration was checked before.
    let start = 2 * copies.length
    let room = start..<start + (number(json["config"]?["keyslots_size"]) ?? 0)
    var slots: [Int: KeySlot] = [:]
    for member in members {
      guard let number = Int(member.key), String(number) == member.key,
        (0..<maximumKeySlots).contains(number), slots[number] == nil
      else { throw damaged("a key slot has no number, or the number of another") }
      let slot = try keySlot(member.value, number, in: room)
      guard !slots.values.contains(where: { $0.area.overlaps(slot.area) }) else {
        throw damaged("key slot \(number) shares bytes with another")
      }
      slots[number] = slot
    }
    guard !slots.isEmpty else { throw LUKSError(.keySlot, "the volume has no key slot: nothing opens it") }
    return slots
  }

  /// A key slot of a LUKS2 header.
  ///
  /// - Parameter room: the range in which the areas of key slots may be.
  private static func keySlot(
    _ slot: JSONValue, _ number: Int, in room: Range<Int64>
  ) throws(LUKSError) -> KeySlot {
    switch slot["type"]?.text {
    case "luks2": break
    case "reencrypt":
      throw LUKSError(
        .reencryption, "the volume is being re-encrypted: finish that with the program that began it")
    default: throw LUKSError(.unsupported, "key slot \(number) is of an unknown type")
    }
    guard let area = slot["area"], let af = slot["af"], let kdf = slot["kdf"],
      let keyBytes = slot["key_size"]?.integer, (1...Int64(Int32.max)).contains(keyBytes),
      area["type"]?.text == "raw", af["type"]?.text == "luks1", af["stripes"]?.integer == stripes,
      let offset = Self.number(area["offset"]), let size = Self.number(area["size"]),
      let name = area["encryption"]?.text, let cipherBytes = area["key_size"]?.integer,
      (0...2).contains((slot["priority"] ?? 1).integer ?? -1)
    else { throw damaged("key slot \(number) lacks a part, or one is out of range") }
    // The material is read in sectors of 512 bytes, as many as the stripes need.
    guard offset % 512 == 0, room.contains(offset), size >= (keyBytes * stripes + 511) / 512 * 512,
      size <= room.upperBound - offset
    else {
      throw damaged("key slot \(number) lies outside of the header, at byte \(offset), \(size) bytes long")
    }
    guard isPossible(kdf) else {
      throw LUKSError(.unsupported, "key slot \(number) has an unknown key derivation, or an impossible one")
    }
    let hash = try checkDerivation(slot, number)
    return KeySlot(
      area: offset..<offset + size, keyBytes: Int(keyBytes), cipher: try cipher(name, cipherBytes, number),
      hash: hash ?? "")
  }

  /// The cipher of a key slot's material. The derivation makes as many bytes as its key has, which could take
  /// hours for a length that fits no cipher.
  private static func cipher(
    _ name: String, _ keyBytes: Int64, _ slot: Int
  ) throws(LUKSError) -> VolumeCipher {
    guard (1...64).contains(keyBytes) else {
      throw damaged("the key of the cipher of key slot \(slot) has an impossible length, \(keyBytes) bytes")
    }
    do { return try VolumeCipher(name: name, keyBytes: Int(keyBytes)) } catch {
      guard error.code == .nullCipher else {
        throw LUKSError(error.code, "key slot \(slot): \(error.message)")
      }
      throw LUKSError(
        .nullCipher, "the key in slot \(slot) is not encrypted: its cipher is the null cipher")
    }
  }

  /// Whether a key derivation is known, and its numbers are possible.
  private static func isPossible(_ kdf: JSONValue) -> Bool {
    switch kdf["type"]?.text {
    case "argon2i", "argon2id":
      // Each lane needs at least eight blocks of 1 KiB.
      guard isCount(kdf["time"]), isCount(kdf["memory"]), let memory = kdf["memory"]?.integer,
        let lanes = kdf["cpus"]?.integer
      else { return false }
      return (1...maximumLanes).contains(lanes) && lanes * 8 <= memory
    case "pbkdf2": return isCount(kdf["iterations"])
    default: return false
    }
  }

  /// Whether a value is a number above 0 that fits libcryptsetup's fields.
  static func isCount(_ value: JSONValue?) -> Bool {
    value?.integer.map { (1...Int64(UInt32.max)).contains($0) } ?? false
  }

  /// The places of the material of LUKS1's key slots, by number. Unused slots are checked, too, as
  /// libcryptsetup does.
  static func areas(
    version1 header: [UInt8], _ facts: VolumeFacts, keyBytes: Int
  ) throws(LUKSError) -> [Int: Range<Int64>] {
    let size = (Int64(keyBytes) * stripes + 511) / 512 * 512
    var all: [Range<Int64>] = []
    for number in 0..<8 {
      let field = 208 + number * 48
      func number32(_ offset: Int) -> Int64 {
        VolumeFacts.bigEndian(header[(field + offset)..<(field + offset + 4)])
      }
      let start = number32(40) * 512
      guard number32(44) == stripes, start >= 1024, size <= min(facts.dataOffset, 1 << 32) - start else {
        throw LUKSError(
          .damagedHeader, "key slot \(number) lies outside of the header", offset: Int64(field))
      }
      guard !all.contains(where: { $0.overlaps(start..<start + size) }) else {
        throw LUKSError(
          .damagedHeader, "key slot \(number) shares bytes with another", offset: Int64(field))
      }
      all.append(start..<start + size)
    }
    guard !facts.keySlots.isEmpty else {
      throw LUKSError(.keySlot, "the volume has no key slot: nothing opens it")
    }
    for slot in facts.keySlots where slot.time == 0 {
      throw LUKSError(
        .damagedHeader, "key slot \(slot.number) has no iterations", offset: 212 + 48 * Int64(slot.number))
    }
    return Dictionary(uniqueKeysWithValues: facts.keySlots.map { ($0.number, all[$0.number]) })
  }
}
