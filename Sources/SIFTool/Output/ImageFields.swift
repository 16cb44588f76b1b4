import Bytes
import CommandKit
import SIF
import StrictJSON

/// The facts of headers and descriptors, as the reference's text and as our JSON.
extension Header {
  /// `siftool header`, and the member `header` of the JSON documents.
  var fieldTable: FieldTable {
    // The script's own final newline is part of its line here.
    let script = launchScript.last == 0x0A ? Array(launchScript.dropLast()) : launchScript
    return FieldTable(fields: [
      Field(
        "Launch Script", launchScript.isEmpty ? nil : script.printable,
        json: JSONMember("launchScript", launchScript.json)),
      Field(
        "Version", version.withoutTrailingNULs.printable,
        json: JSONMember("version", version.withoutTrailingNULs.json)),
      Field(
        "Primary Architecture", architecture.number == nil ? nil : architecture.name,
        json: JSONMember("architecture", .string(architecture.name))),
      Field(
        "ID", id == .none ? nil : id.text, json: JSONMember("id", id == .none ? .null : .string(id.text))),
      createdAt.field("Created At", "createdAt"),
      modifiedAt.field("Modified At", "modifiedAt"),
      Field("Descriptors Free", "\(descriptorsFree)", json: JSONMember("free", .integer(descriptorsFree))),
      Field(
        "Descriptors Total", "\(descriptorsTotal)", json: JSONMember("capacity", .integer(descriptorsTotal))),
      Field(
        "Descriptors Offset", "\(descriptorsOffset)",
        json: JSONMember("descriptorsOffset", .integer(descriptorsOffset))),
      Field(
        "Descriptors Size", ByteText.binary(descriptorsSize),
        json: JSONMember("descriptorsSize", .integer(descriptorsSize))),
      Field("Data Offset", "\(dataOffset)", json: JSONMember("dataOffset", .integer(dataOffset))),
      Field("Data Size", ByteText.binary(dataSize), json: JSONMember("dataSize", .integer(dataSize))),
    ])
  }

  /// The member `header` of the JSON documents.
  var jsonMember: JSONMember { JSONMember("header", .object(fieldTable.members)) }
}

extension Descriptor {
  /// `siftool info`, and an element of the member `objects` of the JSON documents.
  var fieldTable: FieldTable {
    var fields = [
      Field("Data Type", dataType.label, json: JSONMember("type", .string(dataType.name))),
      Field("ID", "\(id)", json: JSONMember("id", .integer(Int64(id)))),
      Field(
        "Group ID", group.map { "\($0)" } ?? "NONE",
        json: JSONMember("group", group.map { .integer(Int64($0)) } ?? .null)),
      Field("Linked ID", linkText, json: JSONMember("link", linkJSON)),
      Field("Offset", "\(offset)", json: JSONMember("offset", .integer(offset))),
      Field("Size", "\(size)", json: JSONMember("size", .integer(size))),
      createdAt.field("Created At", "createdAt"),
      modifiedAt.field("Modified At", "modifiedAt"),
      Field("Name", name.isEmpty ? nil : name.printable, json: JSONMember("name", name.json)),
    ]
    if String(validating: name, as: UTF8.self) == nil {
      // JSON strings are Unicode: a name that is not gets its exact bytes beside its readable form.
      fields.append(Field(nil, nil, json: JSONMember("nameBytes", .string(name.hexadecimal))))
    }
    return FieldTable(fields: fields + metadataFields)
  }

  private var linkText: String {
    switch link {
    case .object(let id): "\(id)"
    case .group(let group): "\(group) (G)"
    case nil: "NONE"
    }
  }

  private var linkJSON: JSONValue {
    switch link {
    case .object(let id): .object([JSONMember("object", .integer(Int64(id)))])
    case .group(let group): .object([JSONMember("group", .integer(Int64(group)))])
    case nil: .null
    }
  }

  private var metadataFields: [Field] {
    func object(_ key: String, _ members: [(String, JSONValue)]) -> Field {
      Field(nil, nil, json: JSONMember(key, .object(members.map { JSONMember($0.0, $0.1) })))
    }
    switch metadata {
    case .none: return []
    case .partition(let partition):
      return [
        Field("Filesystem Type", partition.fileSystem.label),
        Field("Partition Type", partition.type.label),
        Field("Architecture", partition.architecture.name),
        object(
          "partition",
          [
            ("architecture", .string(partition.architecture.name)),
            ("filesystem", .string(partition.fileSystem.name)), ("type", .string(partition.type.name)),
          ]),
      ]
    case .signature(let signature):
      let fingerprint = signature.fingerprint.map { $0.hexadecimal.uppercased() }
      return [
        Field("Hash Type", signature.hash.label),
        Field("Entity", fingerprint),
        object(
          "signature",
          [
            ("fingerprint", fingerprint.map { .string($0) } ?? .null), ("hash", .string(signature.hash.name)),
          ]),
      ]
    case .cryptographicMessage(let message):
      return [
        Field("Format Type", message.format.label),
        Field("Message Type", message.type.label),
        object(
          "cryptoMessage", [("format", .string(message.format.name)), ("type", .string(message.type.name))]),
      ]
    case .sbom(let format):
      return [Field("Format", format.label), object("sbom", [("format", .string(format.name))])]
    case .ociDigest(let digest):
      return [Field("Digest", digest.printable, json: JSONMember("digest", digest.json))]
    }
  }
}

extension Image {
  /// The member `objects` of the JSON documents.
  var objectList: JSONList {
    JSONList(key: "objects", count: descriptors.count) { .object(descriptors[$0].fieldTable.members) }
  }
}

extension Timestamp {
  fileprivate func field(_ label: String, _ key: String) -> Field {
    Field(label, self == .none ? nil : referenceText, json: JSONMember(key, json))
  }
}
