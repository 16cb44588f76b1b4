import Bytes

/// An extended attribute.
public struct ExtendedAttribute: Hashable, Sendable {
  /// The name with its namespace, such as `user.mime_type`, as raw bytes.
  public var name: [UInt8]
  /// The value.
  public var value: [UInt8]

  /// An attribute from its parts.
  public init(name: [UInt8], value: [UInt8]) {
    self.name = name
    self.value = value
  }
}

extension ExtendedAttribute {
  /// The most attributes of one file: Linux lists at most 64 KiB of names, of at least seven bytes each.
  static let mostOfOneFile = 9362
  /// The longest name that Linux accepts, its namespace included.
  static let longestName = 255
  /// The longest value that Linux stores.
  static let longestValue = 65536
  /// The most bytes of one file's attributes together.
  static let longestSet = 16 << 20
}

extension SquashReader {
  /// The extended attributes of an inode, in the order of the image.
  public func extendedAttributes(of inode: Inode) throws(SquashError) -> [ExtendedAttribute] {
    guard let index = inode.xattrIndex else { return [] }
    let superblock = image.superblock
    guard let table = superblock.xattrTableStart else {
      throw SquashError(.corrupt, "extended attributes, but no table of them")
    }
    // The table's head: the start of the names and values, and the number of sets.
    var head: (UInt64, UInt32, UInt32) = (0, 0, 0)
    guard table + 16 <= superblock.bytesUsed else {
      throw image.reader.corrupt("the table of extended attributes is cut off", at: table)
    }
    try image.reader.readExactly(&head, 16, at: table)
    guard index < UInt32(littleEndian: head.1) else {
      throw image.reader.corrupt(
        "set \(index) of extended attributes, but there are only \(UInt32(littleEndian: head.1))", at: table)
    }
    guard let contentStart = Int64(exactly: UInt64(littleEndian: head.0)), contentStart < table else {
      throw image.reader.corrupt("extended attributes outside their table", at: table)
    }
    let perBlock = UInt32(MetadataReader.blockSize / 16)
    var position = try SquashImage.position(
      ofBlock: Int64(index / perBlock), in: table + 16, reader: image.reader, superblock)
    position.offset = Int(index % perBlock) * 16
    var entry: (UInt64, UInt32, UInt32) = (0, 0, 0)
    try metadata.read(&entry, 16, at: &position)
    let count = Int(UInt32(littleEndian: entry.1))
    guard count <= ExtendedAttribute.mostOfOneFile else {
      throw SquashError(.corrupt, "\(count) extended attributes of one file")
    }
    return try pairs(count, reference: UInt64(littleEndian: entry.0), contentStart, table)
  }

  private func pairs(
    _ count: Int, reference: UInt64, _ contentStart: Int64, _ end: Int64
  ) throws(SquashError) -> [ExtendedAttribute] {
    func locate(_ reference: UInt64) throws(SquashError) -> MetadataPosition {
      guard reference >> 16 < UInt64(end - contentStart) else {
        throw SquashError(.corrupt, "an extended attribute outside its table")
      }
      return MetadataPosition(
        block: contentStart + Int64(reference >> 16), offset: Int(reference & 0xFFFF), end: end)
    }
    var position = try locate(reference)
    var attributes: [ExtendedAttribute] = []
    var total = 0
    for _ in 0..<count {
      var head: (UInt16, UInt16) = (0, 0)
      try metadata.read(&head, 4, at: &position)
      let type = UInt16(littleEndian: head.0)
      let nameCount = Int(UInt16(littleEndian: head.1))
      let prefix: String
      switch type & 0xFF {
      case 0: prefix = "user."
      case 1: prefix = "trusted."
      case 2: prefix = "security."
      default: throw SquashError(.corrupt, "an extended attribute of namespace \(type & 0xFF)")
      }
      guard nameCount > 0, nameCount + prefix.utf8.count <= ExtendedAttribute.longestName else {
        throw SquashError(.corrupt, "an extended attribute with a name of \(nameCount) bytes")
      }
      let name = try bytes(nameCount, at: &position)
      guard !name.contains(0) else {
        throw SquashError(.corrupt, "an extended attribute with a NUL in its name")
      }
      let value: [UInt8]
      if type & 0x100 != 0 {
        // Stored elsewhere: twelve bytes, a length (always 8) and a reference to the value.
        var link: (UInt32, UInt32, UInt32) = (0, 0, 0)
        try metadata.read(&link, 12, at: &position)
        let reference = UInt64(UInt32(littleEndian: link.1)) | UInt64(UInt32(littleEndian: link.2)) << 32
        var elsewhere = try locate(reference)
        value = try self.value(at: &elsewhere)
      } else {
        value = try self.value(at: &position)
      }
      total += value.count + name.count
      guard total <= ExtendedAttribute.longestSet else {
        throw SquashError(.limitExceeded, "more than 16 MiB of extended attributes of one file")
      }
      attributes.append(ExtendedAttribute(name: Array(prefix.utf8) + name, value: value))
    }
    return attributes
  }

  private func value(at position: inout MetadataPosition) throws(SquashError) -> [UInt8] {
    var raw: UInt32 = 0
    try metadata.read(&raw, 4, at: &position)
    let count = Int(UInt32(littleEndian: raw))
    guard count <= ExtendedAttribute.longestValue else {
      throw SquashError(.corrupt, "an extended attribute with a value of \(count) bytes")
    }
    return try bytes(count, at: &position)
  }
}
