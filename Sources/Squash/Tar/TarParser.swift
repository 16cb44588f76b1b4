/// Reads the entries of an archive: ustar, pax and GNU headers, GNU's sparse files in all four forms.
final class TarParser {
  /// The longest name, target or extended header, and the most of them in all before one entry.
  private static let longestHeader: Int64 = 16 << 20
  /// The most stored stretches of a sparse file.
  private static let mostExtents = 1 << 20

  let input: TarInput
  private var global = TarExtensions()
  // The bytes of all extended headers of one entry, and of all global ones: they are kept in memory.
  private var extensionBytes: Int64 = 0
  private var globalBytes: Int64 = 0
  private let buffer = RawBuffer(count: TarHeader.blockSize)

  init(_ input: TarInput) { self.input = input }

  private static func damaged(_ what: String) -> SquashError {
    SquashError(.corrupt, "the archive is damaged: \(what)")
  }

  /// The next entry, whose content follows in ``input``; nil at the end.
  func next() throws(SquashError) -> TarEntry? {
    var local = global
    var longName: [UInt8]?
    var longTarget: [UInt8]?
    extensionBytes = 0
    while true {
      let count = try input.read(into: buffer.bytes)
      guard count > 0 else {
        if input.endsAnywhere { return nil }
        throw SquashError(
          .truncated,
          input.offset == 0
            ? "the archive is empty" : "the archive is cut off: the zeros that end an archive are missing",
          offset: input.offset)
      }
      guard count == TarHeader.blockSize else {
        throw SquashError(.truncated, "the archive ends inside a header", offset: input.offset)
      }
      let block = Array(buffer.bytes)
      // Zeros end an archive; only padding follows them.
      if block.allSatisfy({ $0 == 0 }) { return nil }
      guard TarNumber.field(block[148..<156]) == Int64(TarHeader.checksum(block)) else {
        throw SquashError(
          .corrupt, "not an archive, or a damaged one: a header's checksum is wrong", offset: input.offset)
      }
      guard let size = TarNumber.field(block[124..<136]), size >= 0 else { throw Self.damaged("a size") }
      switch block[156] {
      case TarHeader.Kind.extended.rawValue: try local.add(try header(size))
      case TarHeader.Kind.global.rawValue:
        globalBytes += size
        guard globalBytes <= Self.longestHeader else { throw Self.damaged("too many global headers") }
        try global.add(try header(size))
        local = global
      case 0x4C: longName = Self.text(try header(size)[...])
      case 0x4B: longTarget = Self.text(try header(size)[...])
      default: return try entry(block, size, local, longName, longTarget)
      }
    }
  }

  private func header(_ size: Int64) throws(SquashError) -> [UInt8] {
    extensionBytes += min(size, Self.longestHeader)
    guard size <= Self.longestHeader, extensionBytes <= Self.longestHeader else {
      throw Self.damaged("an extended header of \(size) bytes")
    }
    let bytes = try input.bytes(Int(size))
    try input.skip((512 - size % 512) % 512)
    return bytes
  }

  private static func text(_ bytes: ArraySlice<UInt8>) -> [UInt8] { Array(bytes.prefix { $0 != 0 }) }

  private func entry(
    _ block: [UInt8], _ size: Int64, _ extensions: TarExtensions, _ longName: [UInt8]?, _ longTarget: [UInt8]?
  ) throws(SquashError) -> TarEntry {
    var entry = TarEntry()
    entry.kind = block[156]
    entry.name = Self.text(block[0..<100])
    // POSIX archives have a name prefix; GNU's magic ends with a space, and GNU uses that field otherwise.
    if block[257..<263].elementsEqual("ustar\u{0}".utf8), block[345] != 0 {
      entry.name = Self.text(block[345..<500]) + [0x2F] + entry.name
    }
    entry.name = extensions.values["GNU.sparse.name"] ?? extensions.values["path"] ?? longName ?? entry.name
    entry.target = extensions.values["linkpath"] ?? longTarget ?? Self.text(block[157..<257])
    let (mode, user, group, time) = (
      TarNumber.field(block[100..<108]), TarNumber.field(block[108..<116]), TarNumber.field(block[116..<124]),
      TarNumber.field(block[136..<148])
    )
    guard let mode, let user = extensions.number("uid") ?? user,
      let group = extensions.number("gid") ?? group,
      let time = extensions.number("mtime") ?? time,
      let user = UInt32(exactly: user), let group = UInt32(exactly: group)
    else { throw Self.damaged("a numeric field") }
    entry.attributes = FileAttributes(
      permissions: UInt16(truncatingIfNeeded: mode & 0o7777), userID: user, groupID: group,
      modificationTime: time, attributes: extensions.attributes)
    let (major, minor) = (TarNumber.field(block[329..<337]), TarNumber.field(block[337..<345]))
    entry.device = DeviceNumber(
      major: UInt32(clamping: major ?? 0), minor: UInt32(clamping: minor ?? 0))
    let hasContent = ![0x31, 0x32, 0x33, 0x34, 0x35, 0x36].contains(entry.kind)
    entry.storedSize = hasContent ? extensions.number("size") ?? size : 0
    guard entry.storedSize >= 0 else { throw Self.damaged("a size") }
    entry.size = entry.storedSize
    try readMap(&entry, block, extensions)
    return entry
  }

  private func readMap(
    _ entry: inout TarEntry, _ block: [UInt8], _ extensions: TarExtensions
  ) throws(SquashError) {
    if entry.kind == 0x53 {
      try readOldMap(&entry, block)
    } else if extensions.number("GNU.sparse.major") == 1 {
      try readLeadingMap(&entry, extensions)
    } else if let size = extensions.number("GNU.sparse.realsize") ?? extensions.number("GNU.sparse.size"),
      !extensions.extents.isEmpty || extensions.values["GNU.sparse.numblocks"] != nil
    {
      entry.size = size
      entry.extents = extensions.extents
    }
    guard let extents = entry.extents else { return }
    guard entry.size >= 0 else { throw TarNumber.damagedMap }
    var end: Int64 = 0
    var stored: Int64 = 0
    for extent in extents {
      let (next, overflow) = extent.start.addingReportingOverflow(extent.count)
      guard extent.start >= end, extent.count >= 0, !overflow, next <= entry.size else {
        throw TarNumber.damagedMap
      }
      end = next
      stored += extent.count
    }
    guard stored == entry.storedSize else { throw TarNumber.damagedMap }
  }

  /// GNU's old form: four stretches in the header, 21 in each following block.
  private func readOldMap(_ entry: inout TarEntry, _ block: [UInt8]) throws(SquashError) {
    entry.kind = TarHeader.Kind.regular.rawValue
    guard let size = TarNumber.field(block[483..<495]), size >= 0 else { throw TarNumber.damagedMap }
    entry.size = size
    var extents: [TarEntry.Extent] = []
    var (source, slots, first, more) = (block, 4, 386, 482)
    while true {
      for slot in 0..<slots {
        let place = first + slot * 24
        if source[place] == 0 { break }
        guard let start = TarNumber.field(source[place..<(place + 12)]),
          let count = TarNumber.field(source[(place + 12)..<(place + 24)]), extents.count < Self.mostExtents
        else { throw TarNumber.damagedMap }
        extents.append(TarEntry.Extent(start: start, count: count))
      }
      if source[more] == 0 { break }
      source = try input.bytes(TarHeader.blockSize)
      (slots, first, more) = (21, 0, 504)
    }
    entry.extents = extents
  }

  /// Form 1.0: decimal lines before the content.
  private func readLeadingMap(_ entry: inout TarEntry, _ extensions: TarExtensions) throws(SquashError) {
    guard let size = extensions.number("GNU.sparse.realsize"), size >= 0 else { throw TarNumber.damagedMap }
    entry.size = size
    var line: [UInt8] = []
    var numbers: [Int64] = []
    var wanted: Int?
    while wanted.map({ numbers.count < $0 }) ?? true {
      guard entry.storedSize >= 512 else { throw TarNumber.damagedMap }
      entry.storedSize -= 512
      for byte in try input.bytes(TarHeader.blockSize) {
        if let wanted, numbers.count == wanted { break }
        guard byte == 0x0A else {
          guard line.count < 20 else { throw TarNumber.damagedMap }
          line.append(byte)
          continue
        }
        guard let number = TarNumber.decimal(line[...]), number >= 0 else { throw TarNumber.damagedMap }
        line = []
        if wanted == nil {
          guard number <= Self.mostExtents else { throw TarNumber.damagedMap }
          wanted = Int(number) * 2
        } else {
          numbers.append(number)
        }
      }
    }
    entry.extents = stride(from: 0, to: numbers.count, by: 2).map {
      TarEntry.Extent(start: numbers[$0], count: numbers[$0 + 1])
    }
  }
}
