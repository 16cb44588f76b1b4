import Bytes

/// Checks one used descriptor on its own.
struct SlotCheck {
  let descriptor: Descriptor
  /// The offset of the slot in the file.
  let position: Int64

  func run(_ collector: inout FindingCollector) {
    func add(
      _ code: Finding.Code, _ severity: Finding.Severity, _ field: StructureField,
      _ sentence: @autoclosure () -> String
    ) {
      collector.add(code, severity, at: position + field.offset, object: descriptor.id, sentence())
    }
    let id = descriptor.id
    if descriptor.used != 1 {
      add(
        .usedByte, .warning, Descriptor.Fields.used,
        "the used byte of object \(id) is \(descriptor.used); it should be 0 or 1")
    }
    if id == 0 {
      add(
        .idZero, .error, Descriptor.Fields.id,
        "the object in slot \(descriptor.slot) has the id 0, which is not a valid id")
    } else if Int64(id) != Int64(descriptor.slot) + 1 {
      add(
        .idNotSlot, .warning, Descriptor.Fields.id,
        "object \(id) lies in slot \(descriptor.slot), which belongs to id \(descriptor.slot + 1)")
    }
    if descriptor.groupField & Descriptor.groupMask != Descriptor.groupMask {
      add(
        .groupField, .warning, Descriptor.Fields.group,
        "the group field of object \(id) lacks its mark (0xF0000000)")
    }
    if !descriptor.dataType.isKnown {
      add(
        .typeUnknown, .note, Descriptor.Fields.dataType,
        "the type of object \(id) is not known (\(descriptor.dataType.name))")
    }
    if descriptor.name.escapedText != String(decoding: descriptor.name, as: UTF8.self) {
      add(
        .nameUnprintable, .warning, Descriptor.Fields.name,
        "the name of object \(id) holds bytes that are not printable text: \"\(descriptor.name.escapedText)\""
      )
    }
    if descriptor.uid != 0 || descriptor.gid != 0 {
      add(
        .deprecatedOwner, .note, Descriptor.Fields.uid,
        "object \(id) has an owner (uid \(descriptor.uid), gid \(descriptor.gid)), which is deprecated")
    }
    if descriptor.modifiedAt < descriptor.createdAt {
      add(
        .timeOrder, .note, Descriptor.Fields.modifiedAt,
        "the time of change of object \(id) is before its time of creation")
    }
    for (what, code) in unknownMetadata {
      add(code, .warning, Descriptor.Fields.extra, "object \(id) has an unknown \(what)")
    }
  }

  private var unknownMetadata: [(String, Finding.Code)] {
    var unknown: [(String, Finding.Code)] = []
    func require(_ isKnown: Bool, _ what: String, _ code: Finding.Code = .metadataUnknown) {
      if !isKnown { unknown.append((what, code)) }
    }
    switch descriptor.metadata {
    case .none: break
    case .partition(let partition):
      require(partition.fileSystem.isKnown, "file system type, \(partition.fileSystem.rawValue)")
      require(partition.type.isKnown, "partition type, \(partition.type.rawValue)")
      require(
        partition.architecture.number != nil, "architecture, \(partition.architecture.shown)",
        .architectureUnknown)
    case .signature(let signature):
      require(signature.hash.isKnown, "hash type, \(signature.hash.rawValue)")
    case .cryptographicMessage(let message):
      require(message.format.isKnown, "message format, \(message.format.rawValue)")
      require(message.type.isKnown, "message type, \(message.type.rawValue)")
    case .sbom(let format): require(format.isKnown, "format of a bill of materials, \(format.rawValue)")
    case .ociDigest(let digest):
      require(
        OCIDigest(digest) != nil, "digest, \"\(digest.escapedText)\" (sha256: and 64 digits are expected)")
    }
    return unknown
  }
}
