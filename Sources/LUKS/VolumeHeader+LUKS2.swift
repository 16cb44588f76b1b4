import StrictJSON

/// The checks of a LUKS2 header (spec/encryption.md, "Checks of the header").
extension VolumeHeader {
  /// The largest area for key slots that the format allows, in bytes.
  private static let largestSlotArea: Int64 = 128 << 20

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
    else { throw Self.damaged("the sector size is not 512, 1024, 2048 or 4096") }
    guard offset % sectorSize == 0 else {
      throw Self.damaged("the data begin at byte \(offset), which is not a multiple of the sector size")
    }
    guard let facts = VolumeFacts(version2: json, uuid: copies.uuid) else {
      throw Self.damaged("the data segment cannot be read")
    }
    let slots = try Self.keySlots(json, copies)
    let (digests, opening) = try Self.digests(json, slots: Set(slots.keys))
    let lengths = Set(slots.filter { opening.contains($0.key) }.values.map(\.keyBytes))
    guard let keyBytes = lengths.first, lengths.count == 1 else {
      throw Self.damaged("key slots hold keys of different lengths")
    }
    let cipher = try VolumeCipher(name: name, keyBytes: keyBytes)
    var cost = UnlockCost()
    // Only the key slots that open the data are tried.
    for slot in facts.keySlots where opening.contains(slot.number) {
      guard let place = slots[slot.number] else { continue }
      cost.add(slot, hash: place.hash, outputBytes: place.cipher.keyBits / 8)
    }
    for digest in digests where digest.isOfData {
      cost.add(digest: digest.iterations, hash: digest.hash, slots: opening.count)
    }
    try Self.checkTokens(json, slots: Set(slots.keys))
    let data = length / sectorSize * sectorSize
    guard data == length || segment["size"]?.text == "dynamic" else {
      throw Self.damaged("the data segment has \(length) bytes, which is not a multiple of the sector size")
    }
    let areas = slots.mapValues(\.area)
    let order = areas.values.sorted { $0.lowerBound < $1.lowerBound }
    self.init(
      facts: facts, cipher: cipher, cost: cost, firstSectorNumber: UInt64(tweak), dataByteCount: data,
      payloadByteCount: try Self.payload(json, data), trailingByteCount: length - data,
      regions: copies.whole + order,
      slotCiphers: Set(slots.values.map(\.cipher.name)), areas: areas, openingSlots: opening,
      copies: copies, volumeByteCount: source.byteCount)
  }

  static func damaged(_ message: String) -> LUKSError { LUKSError(.damagedHeader, message) }

  /// A number of up to 64 bits, which LUKS2 writes as a text of decimal digits.
  static func number(_ value: JSONValue?) -> Int64? {
    guard let text = value?.text, !text.isEmpty, text.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else {
      return nil
    }
    return Int64(text)
  }

  private static func checkRequirements(_ json: JSONValue) throws(LUKSError) {
    guard let config = json["config"] else { throw damaged("the header has no configuration") }
    if let flags = config["flags"], !isTexts(flags) {
      throw damaged("the configuration's flags are not texts")
    }
    guard let requirements = config["requirements"] else { return }
    guard requirements.members != nil, let mandatory = (requirements["mandatory"] ?? []).elements else {
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
    let lists = segments.compactMap { $0.value["flags"] }
    guard lists.allSatisfy(isTexts) else { throw damaged("the flags of a data segment are not texts") }
    let flags = lists.flatMap { $0.elements ?? [] }.compactMap(\.text)
    if flags.contains(where: { $0.contains("reencrypt") || $0.utf8.starts(with: "backup-".utf8) }) {
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

  /// The offset and the length of the segment.
  private static func extent(
    of segment: JSONValue, _ copies: HeaderCopies, _ json: JSONValue, _ volume: Int64
  ) throws(LUKSError) -> (offset: Int64, length: Int64) {
    guard let offset = number(segment["offset"]), let size = segment["size"]?.text,
      let slotBytes = number(json["config"]?["keyslots_size"]), slotBytes <= largestSlotArea,
      slotBytes % 4096 == 0, number(json["config"]?["json_size"]) == copies.length - 4096
    else { throw damaged("the data segment has no offset or size, or the header's sizes are wrong") }
    let headerEnd = 2 * copies.length + slotBytes
    guard offset >= headerEnd else {
      if offset < 2 * copies.length {
        throw LUKSError(.detachedData, "the header is detached: the data are somewhere else")
      }
      throw damaged("the data begin at byte \(offset), inside the header")
    }
    guard offset <= volume else {
      throw LUKSError(
        .truncated, "the data begin at byte \(offset), after the volume's end at \(volume)", offset: volume)
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

  /// Whether a value is a list that only contains texts.
  private static func isTexts(_ value: JSONValue) -> Bool {
    value.elements?.allSatisfy { $0.text != nil } ?? false
  }

  /// Checks that tokens have a type and refer to existing key slots.
  private static func checkTokens(_ json: JSONValue, slots: Set<Int>) throws(LUKSError) {
    guard let tokens = json["tokens"]?.members else { throw damaged("there is no list of tokens") }
    for member in tokens {
      guard !member.key.isEmpty, member.key.utf8.allSatisfy({ (0x30...0x39).contains($0) }),
        member.value["type"]?.text?.isEmpty == false
      else { throw damaged("a token has no number or no type") }
      let name = "token \(member.key.prefix(20))"
      _ = try references(member.value["keyslots"], to: slots, "key slot", name)
    }
  }

  /// The length of the payload. A token records it if it is not a multiple of the sector size
  /// (spec/encryption.md, "Payloads of odd lengths").
  private static func payload(
    _ json: JSONValue, _ data: Int64
  ) throws(LUKSError) -> Int64 {
    let tokens = (json["tokens"]?.members ?? []).filter { $0.value["type"]?.text == payloadTokenType }
    guard let token = tokens.first else { return data }
    guard let length = number(token.value["length"]), length <= data else {
      throw damaged("the recorded length of the payload is impossible")
    }
    return length
  }

  /// The type of the token with the payload's length.
  static var payloadTokenType: String { "sif-payload" }
}
