import Bytes

/// The target of a descriptor's link (spec/format.md, "Links").
public enum Link: Hashable, Sendable {
  /// Another object, by its id.
  case object(UInt32)
  /// All objects of a group, by its number.
  case group(UInt32)
}

/// A descriptor: 585 packed bytes that describe one data object (spec/format.md, "Descriptor").
public struct Descriptor: Hashable, Sendable {
  /// The length of a descriptor in bytes.
  public static let byteCount = 585

  /// The fields, in the order of the file; code uses them instead of bare offsets.
  package enum Fields {
    package static let dataType = StructureField("data type", 4)
    package static let used = StructureField(after: dataType, "used", 1)
    package static let id = StructureField(after: used, "id", 4)
    package static let group = StructureField(after: id, "group", 4)
    package static let link = StructureField(after: group, "link", 4)
    package static let offset = StructureField(after: link, "offset", 8)
    package static let size = StructureField(after: offset, "size", 8)
    package static let sizeWithPadding = StructureField(after: size, "size with padding", 8)
    package static let createdAt = StructureField(after: sizeWithPadding, "created at", 8)
    package static let modifiedAt = StructureField(after: createdAt, "modified at", 8)
    package static let uid = StructureField(after: modifiedAt, "uid", 8)
    package static let gid = StructureField(after: uid, "gid", 8)
    package static let name = StructureField(after: gid, "name", 128)
    package static let extra = StructureField(after: name, "extra", 384)
    /// All of them.
    package static let all = [
      dataType, used, id, group, link, offset, size, sizeWithPadding, createdAt, modifiedAt, uid, gid, name,
      extra,
    ]
  }

  /// The length of the name's field in bytes.
  public static let nameByteCount = Int(Fields.name.byteCount)
  /// The length of the field of type-specific metadata in bytes.
  public static let extraByteCount = Int(Fields.extra.byteCount)
  /// The bits that mark a group id, and a link to a group.
  public static let groupMask: UInt32 = 0xF000_0000
  /// The largest number that the field of a group or of a link holds.
  public static let largestNumber = ~groupMask
  /// The numbers of groups, and the ids that can be linked to.
  static let numbers = 1...largestNumber

  /// The index of the slot that the descriptor lies in, from 0.
  public var slot: Int
  /// The type of the object.
  public var dataType: DataType
  /// The used byte: 0 for a free slot. The reference writes 1, and reads any other value as used.
  public var used: UInt8
  /// The object's id: the slot's index plus one.
  public var id: UInt32
  /// The group field as it lies in the file.
  public var groupField: UInt32
  /// The link field as it lies in the file.
  public var linkField: UInt32
  /// The offset of the object's first byte, from the start of the file.
  public var offset: Int64
  /// The number of the object's bytes.
  public var size: Int64
  /// The size plus the alignment padding before the object.
  public var sizeWithPadding: Int64
  /// The time at which the object was made.
  public var createdAt: Timestamp
  /// The time of the descriptor's last change.
  public var modifiedAt: Timestamp
  /// A user id; deprecated, 0.
  public var uid: Int64
  /// A group id; deprecated, 0.
  public var gid: Int64
  /// The name without the NULs that pad it.
  public var name: [UInt8]
  /// The type-specific metadata, without the zeros that pad it. ``metadata`` decodes it.
  public var extra: [UInt8]

  /// Reads a descriptor.
  ///
  /// - Parameters:
  ///   - bytes: ``byteCount`` bytes.
  ///   - slot: the index of the slot that they lie in.
  public init(decoding bytes: RawSpan, slot: Int) {
    self.slot = slot
    var reader = LittleEndianReader(bytes)
    dataType = DataType(rawValue: reader.integer())
    used = reader.integer()
    id = reader.integer()
    groupField = reader.integer()
    linkField = reader.integer()
    offset = reader.integer()
    size = reader.integer()
    sizeWithPadding = reader.integer()
    createdAt = Timestamp(seconds: reader.integer())
    modifiedAt = Timestamp(seconds: reader.integer())
    uid = reader.integer()
    gid = reader.integer()
    name = reader.paddedField(Self.nameByteCount)
    extra = reader.paddedField(Self.extraByteCount)
  }

  /// A new, used descriptor without an extent.
  init(slot: Int, dataType: DataType, group: UInt32?, link: Link?, name: [UInt8], extra: [UInt8]) {
    self.slot = slot
    self.dataType = dataType
    used = 1
    id = UInt32(slot) + 1
    groupField = (group ?? 0) | Self.groupMask
    linkField =
      switch link {
      case .object(let id): id
      case .group(let group): group | Self.groupMask
      case nil: 0
      }
    offset = 0
    size = 0
    sizeWithPadding = 0
    createdAt = .none
    modifiedAt = .none
    uid = 0
    gid = 0
    self.name = name
    self.extra = extra
  }

  /// The descriptor's 585 bytes.
  public func encoded() -> [UInt8] {
    var writer = LittleEndianWriter(capacity: Self.byteCount)
    writer.append(dataType.rawValue)
    writer.append(used)
    writer.append(id)
    writer.append(groupField)
    writer.append(linkField)
    writer.append(offset)
    writer.append(size)
    writer.append(sizeWithPadding)
    writer.append(createdAt.seconds)
    writer.append(modifiedAt.seconds)
    writer.append(uid)
    writer.append(gid)
    writer.append(name, count: Self.nameByteCount)
    writer.append(extra, count: Self.extraByteCount)
    return writer.bytes
  }

  /// The name as text for people: bytes that are not UTF-8, and characters that a terminal would obey, are escaped.
  public var nameText: String { name.printable }

  /// The number of the object's group, or nil for none.
  public var group: UInt32? {
    let number = groupField & ~Self.groupMask
    return number == 0 ? nil : number
  }

  /// The object or group that the object is linked to, or nil.
  public var link: Link? {
    let number = linkField & ~Self.groupMask
    if number == 0 { return nil }
    return linkField & Self.groupMask == Self.groupMask ? .group(number) : .object(number)
  }

  /// The first byte after the object, or nil if offset and size are not a range of a file.
  public var end: Int64? {
    guard offset >= 0, size >= 0 else { return nil }
    let (end, overflow) = offset.addingReportingOverflow(size)
    return overflow ? nil : end
  }

  /// Whether the object's alignment, or the layout of the image, explains this many bytes before the object.
  public func accountsForPadding(_ length: Int64, _ header: Header) -> Bool {
    sizeWithPadding >= size && sizeWithPadding &- size == length || offset == header.dataOffset
      || dataType == .partition && length < NewObject.partitionAlignment
  }

  /// Whether the object is a partition of this type.
  public func isPartition(_ type: PartitionType) -> Bool {
    if case .partition(let partition) = metadata { partition.type == type } else { false }
  }
}
