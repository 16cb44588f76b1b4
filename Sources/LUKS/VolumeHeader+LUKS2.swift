import StrictJSON

/// The checks of a LUKS2 header (spec/encryption.md, "Checks of the header").
extension VolumeHeader {
  /// The largest area for key slots that the format allows, in bytes.
  private static let largestSlotArea: Int64 = 128 << 20
  /// More key slots than the format allows are never looked at.
  private static let maximumKeySlots = 32

  init(version2 source: any VolumeSource) throws(LUKSError) {
    let copies = try HeaderCopies(reading: source)
    let json = copies.json
    try Self.checkRequirements(json)
    let segment = try Self.segment(json)
    let (offset, length) = try Self.extent(of: segment, copies, json, source.byteCount)
    guard let name = segment["encryption"]?.text, let tweak = Self.number(segment["iv_tweak"]) else {
      throw Self.damaged("the data segment has no cipher or no tweak")
    }
    if segment["integrity"] != nil {
      throw LUKSError(.integrity, "the volume's sectors are authenticated, which is not supported")
    }
    guard let sectorSize = segment["sector_size"]?.integer, [512, 1024, 2048, 4096].contains(sectorSize)
    else { throw Self.damaged("the sector size is none of 512, 1024, 2048 and 4096") }
    guard offset % sectorSize == 0 else {
      throw Self.damaged("the data begin at byte \(offset), which is no multiple of the sector size")
    }
    guard let facts = VolumeFacts(version2: json, uuid: copies.uuid) else {
      throw Self.damaged("the data segment cannot be read")
    }
    var areas: [Int: Range<Int64>] = [:]
    var keyBytes: Int?
    guard let slots = json["keyslots"]?.members else { throw Self.damaged("there is no list of key slots") }
    for member in slots {
      guard let number = Int(member.key), String(number) == member.key,
        (0..<Self.maximumKeySlots).contains(number), areas[number] == nil
      else { throw Self.damaged("a key slot has no number, or that of another") }
      let (area, size) = try Self.keySlot(member.value, number, copies, offset)
      guard keyBytes == nil || keyBytes == size else {
        throw Self.damaged("key slots hold keys of different lengths")
      }
      guard !areas.values.contains(where: { $0.overlaps(area) }) else {
        throw Self.damaged("key slot \(number) shares bytes with another")
      }
      keyBytes = size
      areas[number] = area
    }
    guard let keyBytes else { throw LUKSError(.keySlot, "the volume has no key slot: nothing opens it") }
    let cipher = try VolumeCipher(name: name, keyBytes: keyBytes)
    var cost = UnlockCost()
    for slot in facts.keySlots {
      cost.add(slot, hash: json["keyslots"]?["\(slot.number)"]?["kdf"]?["hash"]?.text ?? "")
    }
    let digests = try Self.digests(json, slots: Set(areas.keys))
    for digest in digests {
      cost.add(digest: digest.iterations, hash: digest.hash, slots: facts.keySlots.count)
    }
    let data = length / sectorSize * sectorSize
    guard data == length || segment["size"]?.text == "dynamic" else {
      throw Self.damaged("the data segment has \(length) bytes, which is no multiple of the sector size")
    }
    let order = areas.values.sorted { $0.lowerBound < $1.lowerBound }
    self.init(
      facts: facts, cipher: cipher, cost: cost, firstSectorNumber: UInt64(tweak), dataByteCount: data,
      payloadByteCount: try Self.payload(json, data), trailingByteCount: length - data,
      regions: copies.whole + order,
      slotCiphers: Set(slots.compactMap { $0.value["area"]?["encryption"]?.text }), areas: areas,
      copies: copies, volumeByteCount: source.byteCount)
  }

  static func damaged(_ message: String) -> LUKSError { LUKSError(.damagedHeader, message) }

  /// A number beyond 32 bits: text of decimal digits.
  private static func number(_ value: JSONValue?) -> Int64? {
    guard let text = value?.text, !text.isEmpty, text.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else {
      return nil
    }
    return Int64(text)
  }

  private static func checkRequirements(_ json: JSONValue) throws(LUKSError) {
    guard let config = json["config"] else { throw damaged("the header has no configuration") }
    guard let requirements = config["requirements"] else { return }
    guard let mandatory = requirements["mandatory"]?.elements else {
      throw LUKSError(.requirements, "the header has requirements of an unknown form")
    }
    let names = mandatory.map { $0.text ?? "?" }
    if names.contains(where: { $0.contains("reencrypt") }) {
      throw LUKSError(
        .reencryption, "the volume is being re-encrypted: finish that with the program that began it")
    }
    if let unknown = names.first {
      throw LUKSError(.requirements, "the header has the unknown requirement \"\(unknown)\"")
    }
  }

  /// The only data segment.
  private static func segment(_ json: JSONValue) throws(LUKSError) -> JSONValue {
    guard let segments = json["segments"]?.members, let first = segments.first else {
      throw damaged("there is no data segment")
    }
    let flags = segments.flatMap { $0.value["flags"]?.elements ?? [] }.compactMap(\.text)
    if flags.contains(where: { $0.contains("reencrypt") || $0.hasPrefix("backup-") }) {
      throw LUKSError(
        .reencryption, "the volume is being re-encrypted: finish that with the program that began it")
    }
    guard segments.count == 1, first.key == "0" else {
      throw LUKSError(.unsupported, "the volume has \(segments.count) data segments; one is supported")
    }
    switch first.value["type"]?.text {
    case "crypt": return first.value
    case "linear": throw LUKSError(.nullCipher, "the volume is not encrypted: its data segment is linear")
    default: throw LUKSError(.unsupported, "the data segment is of an unknown type")
    }
  }

  /// Where the segment begins, and how many bytes of it there are.
  private static func extent(
    of segment: JSONValue, _ copies: HeaderCopies, _ json: JSONValue, _ volume: Int64
  ) throws(LUKSError) -> (offset: Int64, length: Int64) {
    guard let offset = number(segment["offset"]), let size = segment["size"]?.text,
      let slotBytes = number(json["config"]?["keyslots_size"]), slotBytes <= largestSlotArea,
      number(json["config"]?["json_size"]) == copies.length - 4096
    else { throw damaged("the data segment has no place, or the header's sizes are wrong") }
    let headerEnd = 2 * copies.length + slotBytes
    guard offset >= headerEnd else {
      if offset < 2 * copies.length {
        throw LUKSError(.detachedData, "the header is detached: the data lie somewhere else")
      }
      throw damaged("the data begin at byte \(offset), inside of the header")
    }
    guard offset <= volume else {
      throw LUKSError(
        .truncated, "the data begin at byte \(offset), behind the volume's end at \(volume)", offset: volume)
    }
    if size == "dynamic" { return (offset, volume - offset) }
    guard let length = number(segment["size"]), length > 0 else {
      throw damaged("the data segment has an impossible size")
    }
    guard length <= volume - offset else {
      throw LUKSError(
        .truncated, "the volume is truncated: \(volume - offset) of \(length) bytes of data are there",
        offset: volume)
    }
    return (offset, length)
  }

  /// A key slot's area and the length of its key in bytes.
  private static func keySlot(
    _ slot: JSONValue, _ number: Int, _ copies: HeaderCopies, _ dataOffset: Int64
  ) throws(LUKSError) -> (Range<Int64>, keyBytes: Int) {
    switch slot["type"]?.text {
    case "luks2": break
    case "reencrypt":
      throw LUKSError(
        .reencryption, "the volume is being re-encrypted: finish that with the program that began it")
    default: throw LUKSError(.unsupported, "key slot \(number) is of an unknown type")
    }
    guard let area = slot["area"], let af = slot["af"], let kdf = slot["kdf"],
      let keyBytes = slot["key_size"]?.integer, (1...128).contains(keyBytes), area["type"]?.text == "raw",
      af["type"]?.text == "luks1", let stripes = af["stripes"]?.integer, (1...4000).contains(stripes),
      let offset = Self.number(area["offset"]), let size = Self.number(area["size"]),
      let cipher = area["encryption"]?.text
    else { throw damaged("key slot \(number) lacks a part, or one is out of range") }
    if cipher.hasPrefix("cipher_null") || cipher == "null" {
      throw LUKSError(
        .nullCipher, "the key in slot \(number) is not encrypted: its cipher is the null cipher")
    }
    guard offset >= 2 * copies.length, size >= keyBytes * stripes,
      size <= dataOffset - min(offset, dataOffset)
    else {
      throw damaged("key slot \(number) lies outside of the header, at byte \(offset), \(size) bytes long")
    }
    let isKnown =
      switch kdf["type"]?.text {
      case "argon2i", "argon2id":
        isCount(kdf["time"]) && isCount(kdf["memory"]) && isCount(kdf["cpus"])
      case "pbkdf2": isCount(kdf["iterations"])
      default: false
      }
    guard isKnown else {
      throw LUKSError(.unsupported, "key slot \(number) has an unknown key derivation, or an impossible one")
    }
    try checkDerivation(slot, number)
    return (offset..<offset + size, Int(keyBytes))
  }

  static func isCount(_ value: JSONValue?) -> Bool {
    value?.integer.map { $0 > 0 && $0 <= Int64(UInt32.max) } ?? false
  }

  /// The length of what was encrypted, where a token notes that it is no multiple of the sector size
  /// (spec/encryption.md, "Payloads of odd lengths").
  private static func payload(
    _ json: JSONValue, _ data: Int64
  ) throws(LUKSError) -> Int64 {
    let tokens = (json["tokens"]?.members ?? []).filter { $0.value["type"]?.text == payloadTokenType }
    guard let token = tokens.first else { return data }
    guard let length = number(token.value["length"]), length <= data else {
      throw damaged("the payload's length is noted as one that the data cannot have")
    }
    return length
  }

  /// The type of the token.
  static var payloadTokenType: String { "sif-payload" }
}
