import Bytes
import Gcrypt
import StrictJSON

/// The two copies of a LUKS2 header, and which of them are intact.
struct HeaderCopies: Sendable {
  static let firstMagic = ContentMagic.luks
  static let secondMagic: [UInt8] = [0x53, 0x4B, 0x55, 0x4C, 0xBA, 0xBE]
  /// The lengths that a copy may have: 16 KiB to 4 MiB, by powers of two.
  private static let lengths = (14...22).map { Int64(1) << Int64($0) }

  /// The length of a copy in bytes; the second one follows the first.
  let length: Int64
  /// Whether the first and the second copy may be overwritten with a newer header before the other one. This
  /// is true if the copy is not the current one, or both copies are equal.
  let isExpendable: [Bool]
  /// The copies that are intact.
  let whole: [Range<Int64>]
  /// The current copy, which was checked.
  let counting: Range<Int64>
  /// The UUID and the JSON of the current copy.
  let uuid: String
  let json: JSONValue

  private struct Copy {
    let range: Range<Int64>
    let sequence: UInt64
    let bytes: [UInt8]
  }

  init(reading source: any RandomAccess) throws(LUKSError) {
    let first = try Self.copy(source, at: 0, nil, Self.firstMagic)
    // If the first copy is damaged, its length is unknown.
    let second: Copy?
    if let length = first.map({ $0.range.upperBound }) {
      second = try Self.copy(source, at: length, length, Self.secondMagic)
    } else {
      var found: Copy?
      for length in Self.lengths where found == nil {
        found = try Self.copy(source, at: length, length, Self.secondMagic)
      }
      second = found
    }
    guard let counting = Self.newer(first, second) else {
      let start = try accessing(try source.read(Self.firstMagic.count, at: 0))
      guard start == Self.firstMagic else { throw LUKSError(.notLUKS, "there is no LUKS header", offset: 0) }
      throw LUKSError(.damagedHeader, "neither copy of the LUKS2 header is intact", offset: 0)
    }
    length = Int64(counting.bytes.count)
    self.counting = counting.range
    whole = [first, second].compactMap { $0?.range }
    let isSame = first != nil && first?.sequence == second?.sequence
    isExpendable = [isSame || counting.range.lowerBound != 0, isSame || counting.range.lowerBound == 0]
    uuid = VolumeFacts.text(counting.bytes[168..<208])
    let area = counting.bytes[4096...]
    let text = area.prefix { $0 != 0 }
    // libcryptsetup accepts no white space before the JSON, no bytes after it, and no JSON without an end.
    guard text.first == UInt8(ascii: "{"), text.endIndex < area.endIndex,
      area[text.endIndex...].allSatisfy({ $0 == 0 })
    else {
      throw LUKSError(
        .damagedHeader, "the header has other bytes before or after its JSON",
        offset: counting.range.lowerBound + 4096)
    }
    do throws(JSONError) {
      json = try JSONParser.parse(Array(text), limits: JSONLimits(bytes: VolumeFacts.largestHeader))
    } catch {
      throw LUKSError(
        .damagedHeader, "the header's JSON is malformed: \(error)",
        offset: counting.range.lowerBound + 4096 + Int64(error.position))
    }
  }

  /// The other copy of the header, made from the current one, so that libcryptsetup finds both intact. Otherwise it would
  /// mend one, and before that have libblkid look for anything else in the bytes, which are the image's.
  ///
  /// - Parameter current: the bytes of the current copy.
  func counterpart(of current: [UInt8]) throws(LUKSError) -> (offset: Int64, bytes: [UInt8]) {
    let offset = counting.lowerBound == 0 ? length : 0
    var bytes = current
    func set(_ place: Int, _ value: [UInt8]) {
      bytes.replaceSubrange(place..<place + value.count, with: value)
    }
    set(0, offset == 0 ? Self.firstMagic : Self.secondMagic)
    // The salt, which differs between the copies; the place of the copy; the checksum.
    set(104, Random.bytes(64))
    set(256, withUnsafeBytes(of: UInt64(offset).bigEndian) { Array($0) })
    set(448, [UInt8](repeating: 0, count: 64))
    guard let algorithm = Self.checksumAlgorithm(VolumeFacts.text(bytes[72..<104])) else {
      throw LUKSError(.damagedHeader, "the header has an unknown checksum", offset: counting.lowerBound + 72)
    }
    do { set(448, try HashContext.digest(algorithm, bytes.span.bytes)) } catch { throw LUKSError(error) }
    return (offset, bytes)
  }

  private static func newer(_ first: Copy?, _ second: Copy?) -> Copy? {
    guard let first else { return second }
    guard let second else { return first }
    return second.sequence > first.sequence ? second : first
  }

  /// The copy at an offset; nil if there is none, or its checksum does not match.
  private static func copy(
    _ source: any RandomAccess, at offset: Int64, _ length: Int64?, _ magic: [UInt8]
  ) throws(LUKSError) -> Copy? {
    let start = try accessing(try source.read(4096, at: offset))
    guard start.count == 4096, start.starts(with: magic), start[6] == 0, start[7] == 2,
      VolumeFacts.bigEndian(start[256..<264]) == offset
    else { return nil }
    let size = VolumeFacts.bigEndian(start[8..<16])
    guard lengths.contains(size), length == nil || length == size else { return nil }
    var bytes = try accessing(try source.read(Int(size), at: offset))
    guard bytes.count == size,
      let algorithm = checksumAlgorithm(VolumeFacts.text(start[72..<104]))
    else { return nil }
    let stated = Array(bytes[448..<448 + algorithm.digestSize])
    for index in 448..<512 { bytes[index] = 0 }
    let actual: [UInt8]
    do { actual = try HashContext.digest(algorithm, bytes.span.bytes) } catch { throw LUKSError(error) }
    guard actual == stated else { return nil }
    return Copy(
      range: offset..<offset + size, sequence: start[16..<24].reduce(0) { $0 << 8 | UInt64($1) }, bytes: bytes
    )
  }

  /// The algorithms that cryptsetup uses for checksums; normally it is SHA-256.
  private static func checksumAlgorithm(_ name: String) -> HashAlgorithm? {
    [.sha1, .sha256, .sha384, .sha512].first { $0.name == name }
  }
}
