/// An entry of an archive, with the values of its extended headers.
struct TarEntry {
  /// A stored stretch of a sparse file.
  struct Extent {
    var start: Int64
    var count: Int64
  }

  var name: [UInt8] = []
  var target: [UInt8] = []
  var kind: UInt8 = 0
  /// The number of bytes of content in the archive.
  var storedSize: Int64 = 0
  /// The length of the file.
  var size: Int64 = 0
  var attributes = FileAttributes(permissions: 0)
  var device = DeviceNumber(major: 0, minor: 0)
  var extents: [Extent]?

  /// The number of zeros that complete the content's last block.
  var padding: Int64 { (512 - storedSize % 512) % 512 }

  /// Whether the entry is a further name of another file.
  var isLink: Bool { kind == TarHeader.Kind.link.rawValue }

  /// The type of the file; nil for a hard link, and for types that no file system has.
  var fileType: FileType? {
    switch kind {
    // Archives from before POSIX mark directories with a slash.
    case 0: name.last == 0x2F ? .directory : .regular
    // 7 asks for a contiguous file.
    case TarHeader.Kind.regular.rawValue, 0x37: .regular
    case TarHeader.Kind.symlink.rawValue: .symlink
    case TarHeader.Kind.characterDevice.rawValue: .characterDevice
    case TarHeader.Kind.blockDevice.rawValue: .blockDevice
    case TarHeader.Kind.directory.rawValue: .directory
    case TarHeader.Kind.fifo.rawValue: .fifo
    default: nil
    }
  }
}

/// The values of extended headers, for the next entry or for all.
struct TarExtensions {
  var values: [String: [UInt8]] = [:]
  var attributes: [ExtendedAttribute] = []
  var extents: [TarEntry.Extent] = []

  /// Adds the records of an extended header: "length key=value\n" each.
  mutating func add(_ bytes: [UInt8]) throws(SquashError) {
    var rest = bytes[...]
    while let first = rest.first, first != 0 {
      guard let space = rest.firstIndex(of: 0x20), let count = TarNumber.decimal(rest[..<space]),
        count > space - rest.startIndex + 2, count <= rest.count
      else { throw SquashError(.corrupt, "an extended header of the archive is damaged") }
      let end = rest.startIndex + Int(count) - 1
      let record = rest[(space + 1)..<end]
      guard rest[end] == 0x0A, let equals = record.firstIndex(of: 0x3D) else {
        throw SquashError(.corrupt, "an extended header of the archive is damaged")
      }
      try add(key: record[..<equals], value: Array(record[(equals + 1)...]))
      rest = rest[(end + 1)...]
    }
  }

  private mutating func add(key: ArraySlice<UInt8>, value: [UInt8]) throws(SquashError) {
    if let name = TarHeader.attributeName(key) {
      attributes.removeAll { $0.name == name }
      attributes.append(ExtendedAttribute(name: name, value: value))
      return
    }
    let key = String(decoding: key, as: UTF8.self)
    // GNU's sparse format 0.0 repeats these two keys, once for each extent.
    if key == "GNU.sparse.offset", let start = TarNumber.decimal(value[...]) {
      extents.append(TarEntry.Extent(start: start, count: 0))
    } else if key == "GNU.sparse.numbytes", let count = TarNumber.decimal(value[...]), !extents.isEmpty {
      extents[extents.count - 1].count = count
    } else if key == "GNU.sparse.map" {
      let numbers = value.split(separator: 0x2C).map { TarNumber.decimal($0) }
      guard numbers.count.isMultiple(of: 2) else { throw TarNumber.damagedMap }
      extents = []
      for index in stride(from: 0, to: numbers.count, by: 2) {
        guard let start = numbers[index], let count = numbers[index + 1] else { throw TarNumber.damagedMap }
        extents.append(TarEntry.Extent(start: start, count: count))
      }
    } else if key.hasPrefix("SCHILY.acl.") {
      // An access control list as text. An image cannot hold it; this entry makes it count as left out.
      attributes.append(ExtendedAttribute(name: Array("system.posix_acl".utf8), value: value))
    } else {
      values[key] = value
    }
  }

  func number(_ key: String) -> Int64? { values[key].flatMap { TarNumber.decimal($0[...]) } }
}

/// Numbers in the forms that archives use.
package enum TarNumber {
  static let damagedMap = SquashError(.corrupt, "the map of a sparse file in the archive is damaged")

  /// A decimal number; a fraction, as in times, is cut off.
  static func decimal(_ text: ArraySlice<UInt8>) -> Int64? {
    let whole = text.prefix { $0 != 0x2E }
    return Int64(String(decoding: whole, as: UTF8.self))
  }

  /// A numeric field: octal digits, or, with the first bit set, a big-endian two's complement number.
  package static func field(_ bytes: ArraySlice<UInt8>) -> Int64? {
    guard let first = bytes.first else { return nil }
    if first & 0x80 != 0 {
      var value: Int64 = first & 0x40 != 0 ? -1 : 0
      for (index, byte) in bytes.enumerated() {
        let (shifted, overflow) = value.multipliedReportingOverflow(by: 256)
        if overflow { return nil }
        value = shifted | Int64(index == 0 ? byte & 0x3F | (first & 0x40 != 0 ? 0xC0 : 0) : byte)
      }
      return value
    }
    var value: Int64 = 0
    for byte in bytes.drop(while: { $0 == 0x20 }) {
      guard (0x30...0x37).contains(byte) else {
        return byte == 0 || byte == 0x20 ? value : nil
      }
      let (shifted, overflow) = value.multipliedReportingOverflow(by: 8)
      if overflow { return nil }
      value = shifted | Int64(byte - 0x30)
    }
    return value
  }
}
