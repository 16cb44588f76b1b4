import ArgumentParser
import Bytes
import CommandKit
import SIF

/// The options of `add` that describe the new object: those of the reference with their numbers, names for the
/// numbers, and some options that the reference lacks.
struct ObjectOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "The type of the object, by number or name (required).",
      discussion: NumberedNames.list(DataType.allKnown.map(\.name)), valueName: "type"))
  var datatype: String?

  @Option(
    help: ArgumentHelp(
      "The type of the partition (required for a partition).",
      discussion: NumberedNames.list(PartitionType.allKnown.map(\.name)), valueName: "type"))
  var parttype: String?

  @Option(
    help: ArgumentHelp(
      "The file system in the partition (required for a partition).",
      discussion: NumberedNames.list(FileSystemType.allKnown.map(\.name)), valueName: "fs"))
  var partfs: String?

  @Option(
    help: ArgumentHelp(
      "The architecture of the partition's programs (required for a partition).",
      discussion: NumberedNames.list(Architecture.allKnown.map(\.name)), valueName: "arch"))
  var partarch: String?

  @Option(
    help: ArgumentHelp(
      "The hash of the signature (required for a signature).",
      discussion: NumberedNames.list(HashType.allKnown.map(\.name)), valueName: "hash"))
  var signhash: String?

  @Option(
    help: ArgumentHelp(
      "The fingerprint of the signer: 40 hexadecimal digits (required for a signature).",
      valueName: "fingerprint"))
  var signentity: String?

  @Option(
    help: ArgumentHelp(
      "The format of the bill of materials (required for an sbom).",
      discussion: SBOMFormat.allKnown.map(\.name).joined(separator: ", "), valueName: "format"))
  var sbomformat: String?

  @Option(
    help: ArgumentHelp("The format of the crypto-message: openpgp or pem.", valueName: "format"))
  var messageFormat: String?

  @Option(
    help: ArgumentHelp("The type of the crypto-message: clear-signature or rsa-oaep.", valueName: "type"))
  var messageType: String?

  @Option(help: ArgumentHelp("The object's group; 0 for none.", valueName: "n")) var groupid:
    ReferenceNumber<UInt32>?

  @Option(help: ArgumentHelp("The id of the object that this one is linked to.", valueName: "id"))
  var link: ReferenceNumber<UInt32>?

  @Option(help: ArgumentHelp("The group that this object is linked to.", valueName: "n")) var linkGroup:
    ReferenceNumber<UInt32>?

  @Option(
    help: ArgumentHelp(
      "The alignment of the object's bytes (default: 4K for a partition, none for other objects).",
      discussion: "As in the reference, a number that begins with 0x is hexadecimal, and with 0 octal.",
      valueName: "size"))
  var alignment: AlignmentArgument?

  @Option(help: ArgumentHelp("The object's name, at most 128 bytes.", valueName: "name")) var filename:
    BytesArgument?

  /// The object that the options describe.
  func newObject() throws -> NewObject {
    let type = try dataType()
    // The reference, too, stores the bits that the field has, and none of them stands for no group.
    let group = groupid.map { $0.value & Descriptor.largestNumber }
    let name = filename?.bytes ?? []
    try ToolFailure.reading("--filename") { try NewObject(type, name: name).validate() }
    let link = try linkTarget()
    try ToolFailure.reading(self.link == nil ? "--link-group" : "--link") {
      try NewObject(type, link: link).validate()
    }
    return NewObject(
      type, metadata: try metadata(of: type), group: group == 0 ? nil : group, link: link, name: name,
      alignment: alignment?.bytes)
  }

  /// The options that belong to another type of object.
  var idleOptions: [IdleOptions] {
    guard let type = try? dataType() else { return [] }
    let options: [(type: DataType, names: [String])] = [
      (.partition, ["parttype", "partfs", "partarch"]), (.signature, ["signhash", "signentity"]),
      (.sbom, ["sbomformat"]), (.cryptographicMessage, ["message-format", "message-type"]),
    ]
    return options.filter { $0.type != type }.map {
      IdleOptions($0.names, reason: "needs --datatype \($0.type.name)")
    }
  }

  private func dataType() throws -> DataType {
    guard let datatype else {
      throw ToolFailure.usage("--datatype is required: a number from 1 to 11 or a name")
    }
    if let type = DataType(name: datatype) { return type }
    guard let number = ReferenceNumber<Int>.parse(datatype), DataType.allKnown.indices.contains(number - 1)
    else {
      throw ToolFailure.usage(
        "--datatype \(Self.quoted(datatype)) is neither a number from 1 to 11 nor the name of a type")
    }
    return DataType.allKnown[number - 1]
  }

  private func linkTarget() throws -> Link? {
    switch (link?.value, linkGroup?.value) {
    case (nil, nil): return nil
    case (let id?, nil):
      // The reference takes the raw field here: a number with the mark of a group is a link to that group.
      let isGroup = id & Descriptor.groupMask == Descriptor.groupMask
      return isGroup ? .group(id & ~Descriptor.groupMask) : .object(id)
    case (nil, let group?): return .group(group)
    default: throw ToolFailure.usage("--link and --link-group exclude each other")
    }
  }

  private func metadata(of type: DataType) throws -> Metadata {
    switch type {
    case .partition:
      guard let parttype, let partfs, let partarch else {
        throw ToolFailure.usage("a partition needs --partfs, --parttype and --partarch")
      }
      return .partition(
        PartitionMetadata(
          fileSystem: try Self.number(partfs, "--partfs"), type: try Self.number(parttype, "--parttype"),
          architecture: try Self.architecture(partarch)))
    case .signature:
      guard let signhash else { throw ToolFailure.usage("a signature needs --signhash and --signentity") }
      let hash: HashType = try Self.number(signhash, "--signhash")
      guard hash.isKnown else {
        throw ToolFailure.usage("--signhash \(Self.quoted(signhash)) is not a known hash")
      }
      guard let entity = [UInt8](hexadecimal: signentity ?? ""), entity.count == 20 else {
        throw ToolFailure.usage("--signentity needs the 40 hexadecimal digits of a fingerprint")
      }
      return .signature(SignatureMetadata(hash: hash, entity: entity))
    case .sbom:
      guard let sbomformat else { throw ToolFailure.usage("an sbom needs --sbomformat") }
      guard let format = SBOMFormat(name: sbomformat == "github" ? "github-json" : sbomformat) else {
        throw ToolFailure.usage("--sbomformat \(Self.quoted(sbomformat)) is not a known format")
      }
      return .sbom(format)
    case .cryptographicMessage:
      if messageFormat == nil, messageType == nil { return .none }
      guard let format = MessageFormat(name: messageFormat ?? ""),
        let type = MessageType(name: messageType ?? "")
      else {
        throw ToolFailure.usage(
          "--message-format (openpgp, pem) and --message-type (clear-signature, rsa-oaep) go together")
      }
      return .cryptographicMessage(CryptographicMessageMetadata(format: format, type: type))
    default: return .none
    }
  }

  /// A value by name, or by any number except 0: the format may have more numbers than we know.
  private static func number<Value: NamedNumber>(_ text: String, _ option: String) throws -> Value {
    if let value = Value(name: text) { return value }
    guard let number = ReferenceNumber<Int32>.parse(text), number != 0 else {
      throw ToolFailure.usage("\(option) \(quoted(text)) is neither a number nor a known name")
    }
    return Value(rawValue: number)
  }

  private static func architecture(_ text: String) throws -> Architecture {
    // "386" is a name before it is a number.
    let byNumber = ReferenceNumber<Int>.parse(text).flatMap { Architecture(number: $0) }
    guard let architecture = Architecture(name: text) ?? byNumber else {
      throw ToolFailure.usage("--partarch \(quoted(text)) is not a known architecture")
    }
    return architecture
  }

  private static func quoted(_ text: String) -> String { "\"\(ArgumentBytes.printable(text))\"" }
}

/// Names with the numbers that stand for them, as help shows them.
enum NumberedNames {
  static func list(_ names: [String]) -> String {
    names.enumerated().map { "\($0.offset + 1) \($0.element)" }.joined(separator: ", ")
  }
}

/// A size, or a number of bytes as the reference's options take it.
struct AlignmentArgument: ExpressibleByArgument {
  let bytes: Int64

  init?(argument: String) {
    guard let bytes = ReferenceNumber.parse(argument) ?? SizeArgument(argument: argument)?.bytes, bytes >= 0
    else { return nil }
    self.bytes = bytes
  }
}
