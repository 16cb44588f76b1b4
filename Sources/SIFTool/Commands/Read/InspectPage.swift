import Bytes
import CommandKit
import Partitions
import SIF
import StrictJSON
import SystemPackage

/// The facts about an image that fill one page.
struct InspectPage {
  private let image: Image
  private let findings: [Finding]
  let labels: [JSONMember]
  let definition: [UInt8]?
  private let labelsObject: Descriptor?
  private let definitionObject: Descriptor?
  let volumes: [(object: UInt32, facts: EncryptionFacts)]
  private let opened: OpenedVolumeFields?

  /// The longest definition file or set of labels that a page shows, in bytes.
  private static let longestText: Int64 = 1 << 20

  init(_ image: Image, findings: [Finding], opened: OpenedVolumeFields?) throws {
    self.opened = opened
    self.image = image
    self.findings = findings
    func contents(_ object: Descriptor?) throws -> [UInt8]? {
      guard let object, object.size <= Self.longestText, let reader = try? image.bytes(of: object) else {
        return nil
      }
      return try reader.prefix(Int(object.size))
    }
    definitionObject = image.companion(ofType: .definitionFile)
    let own = image.companion(ofType: .labels)
    // Builds keep them with everything else that is shown of an image.
    let metadata = image.companion(ofType: .genericJSON, named: "inspect-metadata.json")
    // Of several objects for labels, none is believed.
    labelsObject = own ?? (image.objects(ofType: .labels).isEmpty ? metadata : nil)
    definition = try contents(definitionObject)
    let text = try contents(labelsObject)
    let document = text.flatMap { try? JSONParser.parse($0, limits: JSONLimits(keepsDuplicateKeys: true)) }
    labels = (own == nil ? document?["data"]?["attributes"]?["labels"] : document)?.members ?? []
    var budget = ContentBudget(fileSize: image.fileSize)
    volumes = try image.objects(ofType: .partition).compactMap { object in
      try image.encryptionFacts(of: object, &budget).map { (object.id, $0) }
    }
  }

  // MARK: Text

  /// Writes the page as text.
  func write(title: FilePath) throws(ToolFailure) {
    try Console.write(lines: summary(title))
    if !image.descriptors.isEmpty {
      // One by one: there may be a hundred thousand.
      try Console.write(lines: ["", "Objects"])
      try Console.write(lines: image.descriptors.lazy.map(Self.line(of:)))
    }
    if !labels.isEmpty {
      let table = FieldTable(fields: labels.map { Field($0.key, $0.value.shown) })
      try write("Labels\(origin(of: .labels))", table.lines(indent: 2, gap: 2))
    }
    if let line = several(.labels) { try write("Labels", [line]) }
    if let definition {
      // Definition files contain tabs, which are harmless.
      try write("Definition file\(origin(of: .definitionFile))", Self.indented(definition), keepsTabs: true)
    } else if let object = definitionObject {
      try write(
        "Definition file",
        ["  too long for a page, or not in the file: siftool dump \(object.id) writes it"])
    }
    if let line = several(.definitionFile) { try write("Definition file", [line]) }
    let signatures = image.objects(ofType: .signature)
    if !signatures.isEmpty {
      try write(
        "Signatures (as they describe themselves; nothing is verified here)",
        signatures.map(line(ofSignature:)))
    }
    if !volumes.isEmpty {
      let lines = volumes.flatMap { VolumeFields.lines(of: $0.object, $0.facts) }
      try write("Encryption", lines + (opened?.lines ?? []))
    }
    try write("Check", ["  " + verdict])
  }

  /// A note on a definition file or labels that seem to be about the primary partition, but are not in its group.
  func origin(of type: DataType) -> String {
    guard let object = type == .labels ? labelsObject : definitionObject,
      let primary = image.primarySystemPartition, object.group != primary.group
    else {
      return ""
    }
    return " (object \(object.id), which is not in the group of the primary partition)"
  }

  /// The line in place of a text that any of several objects may hold.
  private func several(_ type: DataType) -> String? {
    let all = image.objects(ofType: type)
    guard all.count > 1, image.companion(ofType: type) == nil else { return nil }
    return
      "  one of objects \(ByteText.ranges(all.map(\.id))), and nothing says which: siftool dump writes each"
  }

  private func write(
    _ title: String, _ lines: [String], keepsTabs: Bool = false
  ) throws(ToolFailure) {
    try Console.write(lines: ["", title] + lines, keepsTabs: keepsTabs)
  }

  private func summary(_ title: FilePath) -> [String] {
    var fields = [
      Field("Image", title.string),
      Field("Size", "\(ByteText.decimal(image.fileSize)) (\(image.fileSize) bytes)"),
    ]
    fields += image.header.fieldTable.fields.filter { field in
      ["Launch Script", "Version", "Primary Architecture", "ID", "Created At", "Modified At"].contains(
        field.label)
    }
    let free = image.header.descriptorsTotal - Int64(image.descriptors.count)
    fields.append(Field("Objects", "\(image.descriptors.count), room for \(free) more"))
    return FieldTable(fields: fields).lines(gap: 2)
  }

  private static func line(of object: Descriptor) -> String {
    let group = object.group.map { "group \($0)" } ?? "no group"
    let link =
      switch object.link {
      case .object(let id): ", linked to object \(id)"
      case .group(let group): ", linked to group \(group)"
      case nil: ""
      }
    let name = object.name.isEmpty ? "" : ", \"\(object.name.printable)\""
    let what = "\(object.dataType.name)\(detail(of: object))"
    return
      "  \("\(object.id)".padded(to: 4)) \(what.padded(to: 50)) \(ByteText.decimal(object.size).padded(to: 10))"
      + "  \(group)\(link)\(name)"
  }

  static func detail(of object: Descriptor) -> String {
    switch object.metadata {
    case .partition(let partition):
      " (\(partition.type.name), \(partition.fileSystem.name), \(partition.architecture.name))"
    case .signature(let signature): " (\(signature.hash.name))"
    case .cryptographicMessage(let message): " (\(message.format.name), \(message.type.name))"
    case .sbom(let format): " (\(format.name))"
    case .none, .ociDigest: ""
    }
  }

  private func line(ofSignature object: Descriptor) -> String {
    let what =
      switch object.link {
      case .object(let id): "over object \(id)"
      case .group(let group): "over group \(group)"
      case nil: "over nothing"
      }
    guard case .signature(let signature) = object.metadata else { return "  object \(object.id), \(what)" }
    let signer = signature.fingerprint.map { "by \($0.hexadecimal.uppercased())" } ?? "without a fingerprint"
    return "  object \(object.id), \(what), \(signer)"
  }

  private static func indented(_ text: [UInt8]) -> [String] {
    text.split(separator: 0x0A, omittingEmptySubsequences: false)
      .map { line in
        let parts = line.split(separator: 0x09, omittingEmptySubsequences: false).map { Array($0).printable }
        return "  " + parts.joined(separator: "\t")
      }
      .reversed().drop { $0 == "  " }.reversed()
  }

  private var verdict: String {
    guard let worst = findings.map(\.severity).max() else { return "sound" }
    let count = findings.count { $0.severity == worst }
    return
      "\(count) \(worst.rawValue)\(count == 1 ? "" : "s"): \(findings.first { $0.severity == worst }?.sentence ?? "")"
  }

  // MARK: JSON

  var members: [JSONMember] {
    [
      image.header.jsonMember,
      JSONMember("size", .integer(image.fileSize)),
      JSONMember("labels", .object(labels)),
      JSONMember("labelsObject", labelsObject.map { .integer(Int64($0.id)) } ?? .null),
      JSONMember("definitionFile", definition?.json ?? .null),
      JSONMember("definitionFileObject", definitionObject.map { .integer(Int64($0.id)) } ?? .null),
      JSONMember("encryption", .array(volumes.map { VolumeFields.json(of: $0.object, $0.facts) })),
      JSONMember("opened", opened?.json ?? .null),
      JSONMember("worstFinding", findings.map(\.severity).max().map { .string($0.rawValue) } ?? .null),
    ]
  }
}

extension JSONValue {
  /// A label's value: text as it is, anything else as JSON.
  var shown: String {
    text ?? String(decoding: JSONWriter.compact(self), as: UTF8.self)
  }
}
