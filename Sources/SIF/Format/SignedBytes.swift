import Bytes

extension Header {
  /// The 61 bytes that signatures cover: launch script, magic, version, id (spec/signatures.md, "61 bytes of
  /// the header").
  package var integrityBytes: [UInt8] {
    var writer = LittleEndianWriter(capacity: 61)
    writer.append(launchScript, count: Self.launchScriptByteCount)
    writer.append(Self.magic, count: Self.magic.count)
    writer.append(version, count: Int(Fields.version.byteCount))
    writer.append(id.bytes, count: Int(Fields.id.byteCount))
    return writer.bytes
  }
}

extension Descriptor {
  /// The 557 bytes that signatures cover (spec/signatures.md, "557 bytes of a descriptor"). They leave out
  /// the object's place and the descriptor's time of change, so that an image can be rearranged.
  package func integrityBytes(relativeID: UInt32) -> [UInt8] {
    var writer = LittleEndianWriter(capacity: 557)
    writer.append(dataType.rawValue)
    // Readers treat all values other than 0 alike.
    writer.append(UInt8(1))
    writer.append(relativeID)
    writer.append(linkField)
    writer.append(size)
    writer.append(createdAt.seconds)
    writer.append(uid)
    writer.append(gid)
    writer.append(name, count: Self.nameByteCount)
    writer.append(extra, count: Self.extraByteCount)
    return writer.bytes
  }
}
