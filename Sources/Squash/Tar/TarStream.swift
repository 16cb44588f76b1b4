/// A sink for bytes that are written in order.
public protocol ByteSink {
  /// Writes all bytes.
  func write(_ bytes: UnsafeRawBufferPointer) throws(SquashError)
}

/// The result of writing a tar stream.
public struct TarReport: Sendable {
  /// The number of entries written.
  public var entries = 0
  /// The number of bytes written.
  public var bytes: Int64 = 0
  /// The refused entries, at most ``ExtractionReport/mostFaults``.
  public var faults: [SquashError] = []
  /// The number of refused entries.
  public var faultCount = 0
  /// Sockets, which an archive cannot hold.
  public var skipped: [[UInt8]] = []
  /// The patterns of the selection that match nothing in the image, as they were given.
  public var unmatched: [[UInt8]] = []
}

/// Writes a tree as a POSIX pax archive.
///
/// Entries come in the order of the image's directories, so that its data is read from front to back. Names
/// are written as raw bytes; extended attributes become `SCHILY.xattr` records, and files with holes use
/// GNU's sparse format 1.0, which GNU tar and libarchive read.
public struct TarStream {
  private let reader: SquashReader
  private let sink: any ByteSink
  private var report = TarReport()
  private var links: [UInt32: (path: [UInt8], left: UInt32)] = [:]

  /// A writer of an image's content to `sink`.
  public init(_ reader: SquashReader, to sink: any ByteSink) {
    self.reader = reader
    self.sink = sink
  }

  /// Writes the archive.
  ///
  /// - Parameter onProgress: called from time to time.
  public mutating func write(
    _ selection: PathSelection = .all, onProgress: ((TarReport) -> Void)? = nil
  ) throws(SquashError) -> TarReport {
    var walker = try TreeWalker(reader)
    var matched = selection.nothingMatched
    while let event = try walker.next() {
      switch event {
      case .endOfDirectory, .name: break
      case .fault(let fault):
        report.faultCount += 1
        if report.faults.count < ExtractionReport.mostFaults { report.faults.append(fault) }
      case .entry(let entry):
        let verdict = selection.verdict(entry.path, &matched)
        if verdict == .none { walker.skipDescendants() }
        guard verdict == .chosen else { continue }
        do throws(SquashError) { try write(entry) } catch { throw error.at(path: entry.path) }
        report.entries += 1
        if report.entries % 256 == 0 { onProgress?(report) }
      }
    }
    report.unmatched = selection.unmatched(matched)
    // Two blocks of zeros end an archive; a record has twenty blocks.
    let record: Int64 = 10240
    let end = (report.bytes + 1024 + record - 1) / record * record
    try write([UInt8](repeating: 0, count: Int(end - report.bytes)))
    onProgress?(report)
    return report
  }

  private mutating func write(_ bytes: [UInt8]) throws(SquashError) {
    var failure: SquashError?
    bytes.withUnsafeBytes { raw in
      do throws(SquashError) { try sink.write(raw) } catch { failure = error }
    }
    if let failure { throw failure }
    report.bytes += Int64(bytes.count)
  }

  private mutating func write(_ entry: Entry) throws(SquashError) {
    let inode = entry.inode
    let isDirectory = inode.type == .directory
    let name = entry.path.isEmpty ? Array("./".utf8) : entry.path + (isDirectory ? [0x2F] : [])
    guard inode.type != .socket else {
      report.skipped.append(entry.path)
      return
    }
    if inode.linkCount > 1, !isDirectory {
      if let first = links[inode.number] {
        links[inode.number] = first.left > 1 ? (first.path, first.left - 1) : nil
        return try writeHeader(name, .link, inode, size: 0, target: first.path)
      }
      links[inode.number] = (entry.path, inode.linkCount - 1)
    }
    switch inode.content {
    case .directory: try writeHeader(name, .directory, inode, size: 0)
    case .symlink(let target): try writeHeader(name, .symlink, inode, size: 0, target: target)
    case .device(let device):
      try writeHeader(
        name, inode.type == .blockDevice ? .blockDevice : .characterDevice, inode, size: 0, device: device)
    case .none: try writeHeader(name, .fifo, inode, size: 0)
    case .regular(let layout): try writeFile(name, inode, layout)
    }
  }

  private mutating func writeHeader(
    _ name: [UInt8], _ kind: TarHeader.Kind, _ inode: Inode, size: Int64, target: [UInt8] = [],
    device: DeviceNumber? = nil, extra: [UInt8] = []
  ) throws(SquashError) {
    var records = extra
    func add(_ key: String, _ value: [UInt8]) { records += TarHeader.record(Array(key.utf8), value) }
    if name.count > 100 || name.contains(where: { $0 >= 0x80 }) { add("path", name) }
    if target.count > 100 || target.contains(where: { $0 >= 0x80 }) { add("linkpath", target) }
    if size > TarHeader.mostSize { add("size", Array(String(size).utf8)) }
    if inode.userID > TarHeader.mostID { add("uid", Array(String(inode.userID).utf8)) }
    if inode.groupID > TarHeader.mostID { add("gid", Array(String(inode.groupID).utf8)) }
    if kind != .link {
      for attribute in try reader.extendedAttributes(of: inode) {
        records += TarHeader.record(TarHeader.attributeKey(attribute.name), attribute.value)
      }
    }
    if !records.isEmpty {
      // Readers take names that are not UTF-8 as bytes; libarchive needs a record that says so.
      if String(validating: name + target, as: UTF8.self) == nil {
        records = TarHeader.record(Array("hdrcharset".utf8), Array("BINARY".utf8)) + records
      }
      try write(
        TarHeader.make(
          name: Array("./PaxHeaders/".utf8) + name.prefix(80).filter { $0 < 0x80 && $0 != 0x2F },
          kind: .extended,
          size: Int64(records.count)))
      try write(records + TarHeader.padding(after: Int64(records.count)))
    }
    try write(
      TarHeader.make(
        name: name, kind: kind, size: size, permissions: inode.permissions, userID: inode.userID,
        groupID: inode.groupID, time: inode.modificationTime, target: target, device: device))
  }

  private mutating func writeFile(_ name: [UInt8], _ inode: Inode, _ layout: FileLayout) throws(SquashError) {
    let extents = try self.extents(layout)
    let stored = extents.reduce(0) { $0 + $1.count }
    if stored == layout.size {
      try writeHeader(name, .regular, inode, size: layout.size)
    } else {
      // The map comes first in the content: the number of extents, then offset and length of each, in decimal
      // lines, padded to a block. An empty extent at the end stands for a hole there.
      var map = "\(extents.count + 1)\n"
      for extent in extents { map += "\(extent.start)\n\(extent.count)\n" }
      map += "\(layout.size)\n0\n"
      let mapBytes = Array(map.utf8) + TarHeader.padding(after: Int64(map.utf8.count))
      var extra: [UInt8] = []
      for (key, value) in [
        ("GNU.sparse.major", Array("1".utf8)), ("GNU.sparse.minor", Array("0".utf8)),
        ("GNU.sparse.name", name), ("GNU.sparse.realsize", Array(String(layout.size).utf8)),
      ] { extra += TarHeader.record(Array(key.utf8), value) }
      try writeHeader(name, .regular, inode, size: stored + Int64(mapBytes.count), extra: extra)
      try write(mapBytes)
    }
    var written: Int64 = 0
    let sink = sink
    try reader.read(layout) { (_, bytes) throws(SquashError) in
      try sink.write(bytes)
      written += Int64(bytes.count)
    }
    guard written == stored else {
      throw SquashError(.corrupt, "the content does not have the length that its blocks say")
    }
    report.bytes += written
    try write(TarHeader.padding(after: written))
  }

  private struct Extent {
    var start: Int64
    var count: Int64
  }

  /// The parts of a file that are not holes.
  private func extents(_ layout: FileLayout) throws(SquashError) -> [Extent] {
    let blockSize = Int64(reader.image.superblock.blockSize)
    var extents: [Extent] = []
    func add(_ start: Int64, _ count: Int64) {
      if let last = extents.last, last.start + last.count == start {
        extents[extents.count - 1].count += count
      } else if count > 0 {
        extents.append(Extent(start: start, count: count))
      }
    }
    var list = BlockListCursor(layout)
    while let run = try list.next(reader, count: SquashReader.runLength) {
      for (index, word) in run.words.enumerated() where word != 0 {
        let start = run.fileOffset + Int64(index) * blockSize
        add(start, min(blockSize, layout.size - start))
      }
    }
    if layout.fragment != nil { add(layout.size - layout.size % blockSize, layout.size % blockSize) }
    return extents
  }
}
