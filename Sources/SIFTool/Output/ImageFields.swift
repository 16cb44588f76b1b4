import Bytes
import CommandKit
import SIF
import StrictJSON

/// The facts of headers and descriptors, as the reference's text.
extension Header {
  /// The lines of `siftool header`.
  var fieldTable: FieldTable {
    // The script's own final newline is part of its line here.
    let script = launchScript.last == 0x0A ? Array(launchScript.dropLast()) : launchScript
    return FieldTable(fields: [
      Field("Launch Script", launchScript.isEmpty ? nil : script.printable),
      Field("Version", version.withoutTrailingNULs.printable),
      Field("Primary Architecture", architecture.number == nil ? nil : architecture.name),
      Field("ID", id == .none ? nil : id.text),
      Field("Created At", createdAt.text),
      Field("Modified At", modifiedAt.text),
      Field("Descriptors Free", "\(descriptorsFree)"),
      Field("Descriptors Total", "\(descriptorsTotal)"),
      Field("Descriptors Offset", "\(descriptorsOffset)"),
      Field("Descriptors Size", ByteText.binary(descriptorsSize)),
      Field("Data Offset", "\(dataOffset)"),
      Field("Data Size", ByteText.binary(dataSize)),
    ])
  }

  /// The member `header` of the JSON documents.
  var jsonMember: JSONMember { JSONMember("header", json) }
}

extension Descriptor {
  /// The lines of `siftool info`.
  var fieldTable: FieldTable {
    let fields = [
      Field("Data Type", dataType.label),
      Field("ID", "\(id)"),
      Field("Group ID", group.map { "\($0)" } ?? "NONE"),
      Field("Linked ID", linkText),
      Field("Offset", "\(offset)"),
      Field("Size", "\(size)"),
      Field("Created At", createdAt.text),
      Field("Modified At", modifiedAt.text),
      Field("Name", name.isEmpty ? nil : name.printable),
    ]
    return FieldTable(fields: fields + metadataFields)
  }

  private var linkText: String {
    switch link {
    case .object(let id): "\(id)"
    case .group(let group): "\(group) (G)"
    case nil: "NONE"
    }
  }

  private var metadataFields: [Field] {
    switch metadata {
    case .none: []
    case .partition(let partition):
      [
        Field("Filesystem Type", partition.fileSystem.label),
        Field("Partition Type", partition.type.label),
        Field("Architecture", partition.architecture.name),
      ]
    case .signature(let signature):
      [
        Field("Hash Type", signature.hash.label),
        Field("Entity", signature.fingerprint.map { $0.hexadecimal.uppercased() }),
      ]
    case .cryptographicMessage(let message):
      [Field("Format Type", message.format.label), Field("Message Type", message.type.label)]
    case .sbom(let format): [Field("Format", format.label)]
    case .ociDigest(let digest): [Field("Digest", digest.printable)]
    }
  }
}

extension Image {
  /// The member `objects` of the JSON documents.
  var objectList: JSONList {
    JSONList(key: "objects", count: descriptors.count) { descriptors[$0].json }
  }
}

extension Timestamp {
  /// The reference's form; nil for no time.
  fileprivate var text: String? { self == .none ? nil : referenceText }
}
