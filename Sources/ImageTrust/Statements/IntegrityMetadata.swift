import Bytes
import Gcrypt
import StrictJSON

/// The statement of a signature about an image: the text that is signed (spec/signatures.md, "Metadata").
struct IntegrityMetadata: Equatable {
  /// The statement about one object.
  struct Object: Equatable {
    /// The object's id minus the smallest id in its group.
    let relativeID: UInt32
    let descriptorDigest: IntegrityDigest
    let objectDigest: IntegrityDigest
  }

  let headerDigest: IntegrityDigest
  /// In the order of the text; every relative id once.
  let objects: [Object]

  /// The only version of the metadata.
  private static let version: Int64 = 1

  init(headerDigest: IntegrityDigest, objects: [Object]) {
    self.headerDigest = headerDigest
    self.objects = objects
  }

  /// The text, byte for byte as the reference writes it: no white space, keys in this order.
  var encoded: [UInt8] {
    JSONWriter.compact([
      "version": .integer(Self.version),
      "header": ["digest": .string(headerDigest.text)],
      "objects": .array(
        objects.map { object in
          [
            "relativeId": .integer(Int64(object.relativeID)),
            "descriptorDigest": .string(object.descriptorDigest.text),
            "objectDigest": .string(object.objectDigest.text),
          ]
        }),
    ])
  }

  /// The reason why a text is not metadata.
  struct Malformed: Error {
    let code: String
    let explanation: String

    init(_ explanation: String, code: String = "malformed-metadata") {
      self.code = code
      self.explanation = explanation
    }
  }

  /// Reads the text. Repeated, missing and unknown members are refused: a statement that is not understood must not
  /// count as checked.
  init(reading text: [UInt8]) throws(Malformed) {
    let value: JSONValue
    do { value = try JSONParser.parse(text, limits: JSONLimits(bytes: 64 << 20, depth: 8)) } catch {
      throw Malformed("its metadata is not JSON: \(error.description)")
    }
    guard let version = value["version"]?.integer else { throw Malformed("its metadata has no version") }
    guard version == Self.version else {
      throw Malformed("its metadata has the unknown version \(version)", code: "unsupported-version")
    }
    try Self.check(value, ["version", "header", "objects"])
    guard let header = value["header"], let objects = value["objects"]?.elements else {
      throw Malformed("its metadata has no header or no objects")
    }
    try Self.check(header, ["digest"])
    headerDigest = try Self.digest(header["digest"])
    var list: [Object] = []
    for object in objects {
      try Self.check(object, ["relativeId", "descriptorDigest", "objectDigest"])
      guard let number = object["relativeId"]?.integer, let relativeID = UInt32(exactly: number) else {
        throw Malformed("its metadata has an object without an id")
      }
      list.append(
        Object(
          relativeID: relativeID, descriptorDigest: try Self.digest(object["descriptorDigest"]),
          objectDigest: try Self.digest(object["objectDigest"])))
    }
    let ids = list.map(\.relativeID).sorted()
    guard ids.indices.dropFirst().allSatisfy({ ids[$0] != ids[$0 - 1] }) else {
      throw Malformed("its metadata has an object twice")
    }
    self.objects = list
  }

  private static func check(_ value: JSONValue, _ keys: [String]) throws(Malformed) {
    guard let members = value.members else {
      throw Malformed("its metadata has something other than an object")
    }
    for member in members where !keys.contains(where: { $0.utf8.elementsEqual(member.key.utf8) }) {
      throw Malformed("its metadata has an unknown member")
    }
  }

  private static func digest(_ value: JSONValue?) throws(Malformed) -> IntegrityDigest {
    guard let text = value?.text else { throw Malformed("its metadata lacks a digest") }
    guard let digest = IntegrityDigest(text) else {
      throw Malformed("its metadata has a malformed digest, or one of an algorithm that is not accepted")
    }
    return digest
  }
}
