import Bytes
import StrictJSON

/// The file `gocryptfs.conf`: how the files beside it are encrypted, and their master key, encrypted itself
/// (spec/encryption.md, "The configuration of gocryptfs").
///
/// Only the key is protected from changes. Everything else is a claim of the author, checked for what it may do.
public struct Configuration: Sendable, Equatable {
  /// The name of the file.
  public static let name = "gocryptfs.conf"
  /// The file with the vector of encrypted names in a directory.
  public static let namesVector = "gocryptfs.diriv"
  /// The longest configuration that is read, in bytes. gocryptfs writes about 400.
  public static let longest: Int64 = 64 << 10

  /// The program that made it.
  public let creator: String
  /// The names of the features that a program must know.
  public let features: [String]
  /// The cost of deriving the key that opens the master key.
  public let cost: ScryptCost
  /// The salt of that derivation.
  let salt: [UInt8]
  /// The master key: vector, ciphertext and tag.
  let encryptedKey: [UInt8]

  /// The version of the format.
  public static let version: Int64 = 2
  /// The length of the master key and of the derived key in bytes.
  static let keyBytes = 32
  /// Features without which the format was another one.
  static let required = ["HKDF", "GCMIV128"]
  /// Features that are only about names, which this module does not need.
  private static let ofNames = ["PlaintextNames", "DirIV", "EMENames", "LongNames", "LongNameMax", "Raw64"]

  init(creator: String, features: [String], cost: ScryptCost, salt: [UInt8], encryptedKey: [UInt8]) {
    self.creator = creator
    self.features = features
    self.cost = cost
    self.salt = salt
    self.encryptedKey = encryptedKey
  }

  /// Reads a configuration.
  ///
  /// - Throws: ``GocryptfsError/Code/configuration`` if it is not what gocryptfs writes;
  ///   ``GocryptfsError/Code/unsupported`` if it needs a feature that this module does not have.
  public init(reading bytes: [UInt8]) throws(GocryptfsError) {
    let json: JSONValue
    do throws(JSONError) {
      json = try JSONParser.parse(bytes, limits: JSONLimits(bytes: Int(Self.longest), depth: 8))
    } catch {
      throw GocryptfsError(
        .configuration, "\(Self.name) is not the JSON of a configuration: \(error)",
        offset: Int64(error.position))
    }
    guard json.members != nil else { throw Self.malformed("is not a JSON object") }
    guard let version = json["Version"]?.integer else { throw Self.malformed("has no number in Version") }
    guard version == Self.version else {
      throw GocryptfsError(.unsupported, "version \(version) of gocryptfs is not supported, only version 2")
    }
    features = try Self.features(json)
    creator = json["Creator"]?.text ?? ""
    guard let scrypt = json["ScryptObject"], scrypt.members != nil else {
      throw Self.malformed("has no ScryptObject")
    }
    cost = try Self.cost(scrypt)
    guard scrypt["KeyLen"]?.integer == Int64(Self.keyBytes) else {
      throw Self.malformed("has a ScryptObject.KeyLen other than \(Self.keyBytes)")
    }
    salt = try Self.base64(scrypt["Salt"], "ScryptObject.Salt")
    guard (32...1024).contains(salt.count) else {
      throw Self.malformed("has a ScryptObject.Salt of \(salt.count) bytes, not of 32 to 1024")
    }
    encryptedKey = try Self.base64(json["EncryptedKey"], "EncryptedKey")
    let length = BlockFormat.overhead + Self.keyBytes
    guard encryptedKey.count == length else {
      throw Self.malformed("has an EncryptedKey of \(encryptedKey.count) bytes, not of \(length)")
    }
  }

  private static func features(_ json: JSONValue) throws(GocryptfsError) -> [String] {
    guard let elements = json["FeatureFlags"]?.elements else { throw malformed("has no list FeatureFlags") }
    var features: [String] = []
    for element in elements {
      guard let name = element.text else { throw malformed("has a feature that is not text") }
      features.append(name)
    }
    let others = features.filter { !required.contains($0) && !ofNames.contains($0) }
    guard others.isEmpty else {
      throw GocryptfsError(
        .unsupported,
        "the files are encrypted with \(others.map { $0.utf8.escapedText }.joined(separator: ", ")) of gocryptfs, "
          + "which is not supported")
    }
    for name in required where !features.contains(name) {
      throw GocryptfsError(
        .unsupported, "the files are encrypted without \(name) of gocryptfs, which is not supported")
    }
    let hasPlainNames = features.contains("PlaintextNames")
    guard hasPlainNames != features.contains("EMENames") else {
      throw malformed("does not say whether names are encrypted")
    }
    return features
  }

  private static func cost(_ scrypt: JSONValue) throws(GocryptfsError) -> ScryptCost {
    func number(_ name: String, _ range: ClosedRange<Int64>) throws(GocryptfsError) -> Int64 {
      guard let number = scrypt[name]?.integer, range.contains(number) else {
        throw malformed("has no ScryptObject.\(name) of \(range.lowerBound) or more")
      }
      return number
    }
    let iterations = try number("N", 1024...(.max))
    guard iterations & (iterations - 1) == 0 else {
      throw malformed("has a ScryptObject.N that is not a power of two")
    }
    return ScryptCost(
      iterations: iterations, blockSize: try number("R", 8...(.max)), lanes: try number("P", 1...(.max)))
  }

  private static func base64(_ value: JSONValue?, _ name: String) throws(GocryptfsError) -> [UInt8] {
    guard let text = value?.text else { throw malformed("has no text in \(name)") }
    guard let bytes = Base64.decode(Array(text.utf8)) else {
      throw malformed("has a \(name) that is not base64")
    }
    return bytes
  }

  private static func malformed(_ what: String) -> GocryptfsError {
    GocryptfsError(.configuration, "\(name) \(what)")
  }

  /// The text of the file.
  public var text: [UInt8] {
    func base64(_ bytes: [UInt8]) -> JSONValue {
      .string(String(decoding: Base64.encode(bytes), as: UTF8.self))
    }
    return JSONWriter.pretty([
      "Creator": .string(creator),
      "EncryptedKey": base64(encryptedKey),
      "ScryptObject": [
        "Salt": base64(salt), "N": .integer(cost.iterations), "R": .integer(cost.blockSize),
        "P": .integer(cost.lanes), "KeyLen": .integer(Int64(Self.keyBytes)),
      ],
      "Version": .integer(Self.version),
      "FeatureFlags": .array(features.map { .string($0) }),
    ])
  }
}
