import Gcrypt
import StrictJSON

/// The header of a LUKS volume, checked before libcryptsetup or a kernel sees it (spec/encryption.md, "Checks
/// of the header").
public struct VolumeHeader: Sendable {
  /// The facts in the header.
  public let facts: VolumeFacts
  /// The encryption of the data.
  public let cipher: VolumeCipher
  /// The highest possible cost of finding the key.
  public let cost: UnlockCost
  /// The number of the first sector, in units of 512 bytes.
  let firstSectorNumber: UInt64
  /// The number of bytes of data in the volume, in whole sectors.
  public let dataByteCount: Int64
  /// The number of bytes of the payload: all data, unless the header records a smaller number.
  public let payloadByteCount: Int64
  /// The number of bytes after the last whole sector. A volume that was not truncated has none.
  public let trailingByteCount: Int64
  /// The parts of the header that matter: its intact copies, and the areas of the key slots.
  let regions: [Range<Int64>]
  /// The names of the key slots' ciphers.
  let slotCiphers: Set<String>
  /// The place of each key slot's material.
  let areas: [Int: Range<Int64>]
  /// The key slots that contain the key of the data. LUKS2 may have other, unbound slots, which contain another key.
  public let openingSlots: Set<Int>
  /// LUKS2: the places of the header's copies, and the order in which they may be overwritten.
  let copies: HeaderCopies?
  /// The length of the whole volume in bytes.
  let volumeByteCount: Int64

  /// Reads and checks the header of a volume.
  ///
  /// - Parameters:
  ///   - source: the volume.
  ///   - allowsAnyCipher: whether to accept ciphers other than AES-XTS, if this module supports them.
  /// - Throws: ``LUKSError``, whose code says what is wrong.
  public init(checking source: any VolumeSource, allowsAnyCipher: Bool = false) throws(LUKSError) {
    let start = try source.read(592, at: 0)
    let header: VolumeHeader
    // The second copy of a LUKS2 header is used even if the first one's magic is damaged.
    if start.count == 592, start.starts(with: HeaderCopies.firstMagic), start[6] == 0, start[7] == 1 {
      header = try VolumeHeader(version1: start, source)
    } else {
      header = try VolumeHeader(version2: source)
    }
    self = header
    if allowsAnyCipher { return }
    guard header.cipher.isUsual else {
      throw LUKSError(
        .cipher,
        "the volume is encrypted with \(header.cipher.name), \(header.cipher.keyBits) bits of key, "
          + "which is not allowed by default")
    }
    // A kernel would load any module that the name asks for.
    if let other = header.slotCiphers.first(where: { $0 != header.cipher.name }) {
      throw LUKSError(.cipher, "a key slot is encrypted with \(other), which is not allowed by default")
    }
  }

  init(
    facts: VolumeFacts, cipher: VolumeCipher, cost: UnlockCost, firstSectorNumber: UInt64,
    dataByteCount: Int64, payloadByteCount: Int64, trailingByteCount: Int64, regions: [Range<Int64>],
    slotCiphers: Set<String>,
    areas: [Int: Range<Int64>], openingSlots: Set<Int>, copies: HeaderCopies?, volumeByteCount: Int64
  ) {
    self.facts = facts
    self.cipher = cipher
    self.cost = cost
    self.firstSectorNumber = firstSectorNumber
    self.dataByteCount = dataByteCount
    self.payloadByteCount = payloadByteCount
    self.trailingByteCount = trailingByteCount
    self.regions = regions
    self.slotCiphers = slotCiphers
    self.areas = areas
    self.openingSlots = openingSlots
    self.copies = copies
    self.volumeByteCount = volumeByteCount
  }

  // MARK: LUKS1

  /// A LUKS1 header: a struct with big-endian numbers, without a second copy and a checksum.
  private init(version1 header: [UInt8], _ source: any VolumeSource) throws(LUKSError) {
    guard let facts = VolumeFacts(version1: header) else { throw LUKSError(.notLUKS, "no LUKS header") }
    let name = header[8..<40].prefix { $0 != 0 }
    // This happens if a LUKS2 header's version number is damaged: it has other fields in this place.
    guard !name.isEmpty, name.allSatisfy({ (0x21...0x7E).contains($0) }) else {
      throw LUKSError(.damagedHeader, "the header says LUKS1 but has no name of a cipher", offset: 8)
    }
    try Self.checkDigest(version1: header)
    let keyBytes = Int(facts.keyBits ?? 0) / 8
    let cipher = try VolumeCipher(name: facts.cipher, keyBytes: keyBytes)
    guard facts.dataOffset > 0 else {
      throw LUKSError(.detachedData, "the header is detached: the data are somewhere else", offset: 104)
    }
    guard facts.dataOffset <= source.byteCount else {
      throw LUKSError(
        .truncated, "the data begin at byte \(facts.dataOffset), after the volume's end", offset: 104)
    }
    let areas = try Self.areas(version1: header, facts, keyBytes: keyBytes)
    var cost = UnlockCost()
    let hash = VolumeFacts.text(header[72..<104])
    for slot in facts.keySlots { cost.add(slot, hash: hash, outputBytes: keyBytes) }
    cost.add(
      digest: VolumeFacts.bigEndian(header[164..<168]), hash: hash, slots: facts.keySlots.count)
    let data = (source.byteCount - facts.dataOffset) / 512 * 512
    self.init(
      facts: facts, cipher: cipher, cost: cost, firstSectorNumber: 0, dataByteCount: data,
      payloadByteCount: data, trailingByteCount: (source.byteCount - facts.dataOffset) % 512,
      regions: [0..<1024] + areas.values.sorted { $0.lowerBound < $1.lowerBound },
      slotCiphers: [facts.cipher], areas: areas, openingSlots: Set(areas.keys), copies: nil,
      volumeByteCount: source.byteCount)
  }
}
