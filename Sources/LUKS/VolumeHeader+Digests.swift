import Bytes
import StrictJSON

/// The checks of the digests that a volume key is recognised by (spec/encryption.md, "Checks of the header").
///
/// If libcryptsetup cannot compute a digest, it accepts any passphrase as the right one. So it must never see
/// a digest that could cause that.
extension VolumeHeader {
  /// The hash functions that every build of libcryptsetup has, with the lengths of their digests in bytes.
  private static let hashes = ["sha1": 20, "sha224": 28, "sha256": 32, "sha384": 48, "sha512": 64]
  /// The length of a salt in bytes. If a digest's salt has another length, libcryptsetup accepts any key as
  /// the right one.
  private static let saltLength = 32

  /// A digest, with the facts that its cost depends on.
  struct Digest {
    let hash: String
    let iterations: Int64
    /// Whether this is the digest of the data's key. The others belong to unbound key slots.
    let isOfData: Bool
  }

  /// Checks the digests of a LUKS2 header, and that every key slot has one.
  ///
  /// - Parameter slots: the numbers of the key slots.
  /// - Returns: the digests, and the key slots that contain the key of the data.
  static func digests(
    _ json: JSONValue, slots: Set<Int>
  ) throws(LUKSError) -> (all: [Digest], opening: Set<Int>) {
    guard let digests = json["digests"]?.members, !digests.isEmpty, digests.count <= 32 else {
      throw damaged("there is no digest of the key")
    }
    var found: [Digest] = []
    var assigned: Set<Int> = []
    var opening: Set<Int>?
    for member in digests {
      // libcryptsetup would take "00" for another digest.
      guard let number = Int(member.key), number >= 0, String(number) == member.key else {
        throw damaged("a digest has no number")
      }
      let name = "digest \(number)"
      guard member.value["type"]?.text == "pbkdf2", isCount(member.value["iterations"]),
        let iterations = member.value["iterations"]?.integer
      else { throw LUKSError(.unsupported, "the digest of the key is of an unknown type") }
      let (hash, length) = try hash(member.value["hash"], name)
      try checkSalt(member.value["salt"], name)
      guard let digest = base64(member.value["digest"]), digest.count == length else {
        throw damaged("\(name) is not the \(length) bytes of \(hash) in base64")
      }
      let numbers = try references(member.value["keyslots"], to: slots, "key slot", name)
      let segments = try references(member.value["segments"], to: [0], "data segment", name)
      guard assigned.isDisjoint(with: numbers) else {
        throw damaged("\(name) is for a key slot that has another digest")
      }
      assigned.formUnion(numbers)
      if !segments.isEmpty {
        guard opening == nil else { throw damaged("the data segment has several digests") }
        opening = numbers
      }
      found.append(Digest(hash: hash, iterations: iterations, isOfData: !segments.isEmpty))
    }
    if let missing = slots.subtracting(assigned).min() {
      throw damaged("key slot \(missing) has no digest, so its key cannot be recognised")
    }
    guard let opening else { throw damaged("the data segment has no digest") }
    guard !opening.isEmpty else {
      throw LUKSError(.keySlot, "no key slot belongs to the data segment: nothing opens it")
    }
    return (found, opening)
  }

  /// Checks the hash functions and the salt of a key slot.
  ///
  /// - Returns: the hash function of PBKDF2; nil for another derivation.
  static func checkDerivation(_ slot: JSONValue, _ number: Int) throws(LUKSError) -> String? {
    let name = "key slot \(number)"
    _ = try hash(slot["af"]?["hash"], name)
    try checkSalt(slot["kdf"]?["salt"], name)
    return slot["kdf"]?["type"]?.text == "pbkdf2" ? try hash(slot["kdf"]?["hash"], name).name : nil
  }

  /// Checks the digest of a LUKS1 header.
  static func checkDigest(version1 header: [UInt8]) throws(LUKSError) {
    let name = VolumeFacts.text(header[72..<104])
    // The defaults of old versions of cryptsetup. If libcryptsetup lacks one of these, it fails as it should.
    guard hashes[name] != nil || name == "ripemd160" || name == "whirlpool" else {
      throw LUKSError(.damagedHeader, "the header has an unknown hash function", offset: 72)
    }
    guard header[112..<132].contains(where: { $0 != 0 }), header[132..<164].contains(where: { $0 != 0 }),
      VolumeFacts.bigEndian(header[164..<168]) > 0
    else { throw LUKSError(.damagedHeader, "the digest of the key is missing", offset: 112) }
  }

  private static func hash(
    _ value: JSONValue?, _ name: String
  ) throws(LUKSError) -> (name: String, length: Int) {
    guard let hash = value?.text, let length = hashes[hash] else {
      throw damaged("\(name) has an unknown hash function")
    }
    return (hash, length)
  }

  private static func checkSalt(_ value: JSONValue?, _ name: String) throws(LUKSError) {
    guard base64(value)?.count == saltLength else {
      throw damaged("\(name) does not have a salt of \(saltLength) bytes in base64")
    }
  }

  private static func base64(_ value: JSONValue?) -> [UInt8]? {
    value?.text.flatMap { Base64.decode(Array($0.utf8)) }
  }

  /// The numbers in a list. Each may appear once, and must be a known one.
  static func references(
    _ value: JSONValue?, to known: Set<Int>, _ kind: String, _ name: String
  ) throws(LUKSError) -> Set<Int> {
    guard let elements = value?.elements else { throw damaged("\(name) has no list of \(kind)s") }
    var found: Set<Int> = []
    for element in elements {
      guard let text = element.text, let number = Int(text), String(number) == text, known.contains(number),
        found.insert(number).inserted
      else { throw damaged("\(name) names a \(kind) that does not exist, or names one twice") }
    }
    return found
  }
}
