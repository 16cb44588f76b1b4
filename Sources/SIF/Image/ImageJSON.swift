import Bytes
public import StrictJSON

extension Header {
  /// The member `header` of `siftool list --json` (spec/json/common.schema.json).
  public var json: JSONValue {
    .object([
      JSONMember("launchScript", launchScript.json),
      JSONMember("version", version.withoutTrailingNULs.json),
      JSONMember("architecture", .string(architecture.name)),
      JSONMember("id", id == .none ? .null : .string(id.text)),
      JSONMember("createdAt", createdAt.json),
      JSONMember("modifiedAt", modifiedAt.json),
      JSONMember("free", .integer(descriptorsFree)),
      JSONMember("capacity", .integer(descriptorsTotal)),
      JSONMember("descriptorsOffset", .integer(descriptorsOffset)),
      JSONMember("descriptorsSize", .integer(descriptorsSize)),
      JSONMember("dataOffset", .integer(dataOffset)),
      JSONMember("dataSize", .integer(dataSize)),
    ])
  }
}

extension Descriptor {
  /// An element of the member `objects` of `siftool list --json` (spec/json/common.schema.json).
  public var json: JSONValue {
    var members = [
      JSONMember("type", .string(dataType.name)),
      JSONMember("id", .integer(Int64(id))),
      JSONMember("group", group.map { .integer(Int64($0)) } ?? .null),
      JSONMember("link", link?.json ?? .null),
      JSONMember("offset", .integer(offset)),
      JSONMember("size", .integer(size)),
      JSONMember("createdAt", createdAt.json),
      JSONMember("modifiedAt", modifiedAt.json),
      JSONMember("name", name.json),
    ]
    if String(validating: name, as: UTF8.self) == nil {
      // JSON strings are Unicode: a name that is not gets its exact bytes beside its readable form.
      members.append(JSONMember("nameBytes", .string(name.hexadecimal)))
    }
    if let metadata = metadata.json { members.append(metadata) }
    return .object(members)
  }
}

extension Image {
  /// The document of `siftool list --json`, without its version: the members `header` and `objects`.
  ///
  /// ```swift
  /// print(String(decoding: JSONWriter.pretty(image.json), as: UTF8.self))
  /// ```
  public var json: JSONValue {
    .object([JSONMember("header", header.json), JSONMember("objects", .array(descriptors.map(\.json)))])
  }
}

extension Link {
  fileprivate var json: JSONValue {
    switch self {
    case .object(let id): .object([JSONMember("object", .integer(Int64(id)))])
    case .group(let group): .object([JSONMember("group", .integer(Int64(group)))])
    }
  }
}

extension Metadata {
  /// The member that only objects of this type have; nil for types without metadata.
  fileprivate var json: JSONMember? {
    switch self {
    case .none: nil
    case .partition(let partition):
      JSONMember(
        "partition",
        [
          "architecture": .string(partition.architecture.name),
          "filesystem": .string(partition.fileSystem.name), "type": .string(partition.type.name),
        ])
    case .signature(let signature):
      JSONMember(
        "signature",
        [
          "fingerprint": signature.fingerprint.map { .string($0.hexadecimal.uppercased()) } ?? .null,
          "hash": .string(signature.hash.name),
        ])
    case .cryptographicMessage(let message):
      JSONMember(
        "cryptoMessage", ["format": .string(message.format.name), "type": .string(message.type.name)])
    case .sbom(let format): JSONMember("sbom", ["format": .string(format.name)])
    case .ociDigest(let digest): JSONMember("digest", digest.json)
    }
  }
}

extension [UInt8] {
  /// The bytes as a JSON string: exact if they are UTF-8, with escapes in the text if not.
  package var json: JSONValue { .string(String(validating: self, as: UTF8.self) ?? escapedText) }
}

extension Timestamp {
  /// ISO 8601, or null for no time.
  package var json: JSONValue { self == .none ? .null : .string(iso8601) }
}
