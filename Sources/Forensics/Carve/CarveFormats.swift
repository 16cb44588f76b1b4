import Bytes
import LUKS
import SIF
import Squash

/// Follows the structure of file systems, volumes, programs and images from their first byte on
/// (spec/forensics.md, "What is looked for"). Each function returns nil if the bytes turn out to be something
/// else.
enum CarveFormats {
  /// The little-endian number in a field; missing bytes count as zeros.
  static func number(_ bytes: [UInt8], _ offset: Int, _ count: Int) -> UInt64 {
    (0..<count).reduce(0) { value, index in
      let at = offset + index
      return value | UInt64(at < bytes.count ? bytes[at] : 0) << (8 * UInt64(index))
    }
  }

  static func squashfs(_ window: StorageWindow) -> CarvedShape? {
    let start = window.bytes(Superblock.byteCount, at: 0)
    let superblock = SquashfsSuperblock(decoding: start.span.bytes)
    guard start.count == Superblock.byteCount, superblock.flawOfSizes == nil,
      let length = Int64(exactly: superblock.bytesUsed)
    else { return nil }
    guard length <= window.byteCount else {
      return .truncated(window, length, "the superblock of a squashfs")
    }
    // Writers pad to 4096 bytes.
    let padded = length.roundedUp(to: 4096)
    guard let image = try? SquashImage(window.suffix(from: 0, count: length)) else {
      return CarvedShape(length, padded: padded, .low, "a superblock whose tables do not fit")
    }
    guard let reader = try? SquashReader(image), (try? reader.root()) != nil else {
      return CarvedShape(length, padded: padded, .medium, "a superblock and tables, but no root directory")
    }
    return CarvedShape(
      length, padded: padded, .high,
      "superblock, tables and root directory fit together, \(image.superblock.inodeCount) inodes")
  }

  static func luks(_ window: StorageWindow) -> CarvedShape? {
    guard
      let facts = VolumeFacts(reading: { (count: Int, offset: Int64) -> [UInt8] in
        window.bytes(min(count, 4 << 20), at: offset)
      }), facts.dataOffset > 0
    else { return nil }
    guard facts.dataOffset < window.byteCount else {
      return .truncated(window, facts.dataOffset, "the header of a LUKS volume")
    }
    var shape = CarvedShape(
      window.byteCount, .medium,
      "a LUKS\(facts.version) header, \(facts.cipher.utf8.escapedText), data at \(facts.dataOffset); it does not "
        + "state the volume's length")
    shape.isComplete = nil
    shape.openAfter = facts.dataOffset
    return shape
  }

  /// An ext2, ext3 or ext4 file system; its superblock lies at byte 1024.
  static func ext(_ window: StorageWindow) -> CarvedShape? {
    let block = window.bytes(264, at: 1024)
    func field(_ offset: Int, _ count: Int = 4) -> UInt64 { number(block, offset, count) }
    let logarithm = field(24)
    guard block.count == 264, field(56, 2) == 0xEF53, logarithm <= 6, field(0) > 0, field(4) > 0 else {
      return nil
    }
    let blockSize = UInt64(1024) << logarithm
    let (blocks, inodes, perGroup, inodesPerGroup) = (field(4), field(0), field(32), field(40))
    // Values that mke2fs always writes: a state, a known revision, an error behaviour, groups of at most a
    // block of bits.
    guard field(20) == (blockSize == 1024 ? 1 : 0), (1...7).contains(field(58, 2)),
      (1...3).contains(field(60, 2)), field(76) <= 1, perGroup > 0, perGroup <= 8 * blockSize,
      inodesPerGroup > 0, inodesPerGroup <= 8 * blockSize, field(12) <= blocks, field(16) <= inodes
    else { return nil }
    // A 64-bit file system has the upper half of its number of blocks at offset 336.
    let is64Bit = field(96) & 0x80 != 0
    let high = is64Bit ? number(window.bytes(4, at: 1024 + 336), 0, 4) : 0
    let (bytes, overflow) = (blocks | high << 32).multipliedReportingOverflow(by: blockSize)
    guard !overflow, bytes <= Int64.max else { return nil }
    let groups = (blocks - min(field(20), blocks) + perGroup - 1) / perGroup
    guard high > 0 || inodes == groups * inodesPerGroup else { return nil }
    let length = Int64(bytes)
    guard length <= window.byteCount else { return .truncated(window, length, "the superblock of an ext") }
    return CarvedShape(
      length, .high,
      "a superblock with \(blocks) blocks of \(blockSize) bytes and \(inodes) inodes in groups that fit")
  }

  static func elf(_ window: StorageWindow) -> CarvedShape? {
    let start = window.bytes(64, at: 0)
    guard start.count >= 52, (1...2).contains(start[4]), (1...2).contains(start[5]), start[6] == 1 else {
      return nil
    }
    let is64Bit = start[4] == 2
    func field(_ offset: Int, _ count: Int, of bytes: [UInt8] = start) -> UInt64 {
      if start[5] == 1 { return number(bytes, offset, count) }
      return (0..<count).reduce(0) {
        $0 << 8 | UInt64(offset + $1 < bytes.count ? bytes[offset + $1] : 0)
      }
    }
    let word = is64Bit ? 8 : 4
    let headerSize = field(is64Bit ? 52 : 40, 2)
    let (programs, sections) = (field(is64Bit ? 32 : 28, word), field(is64Bit ? 40 : 32, word))
    let counts = is64Bit ? 54 : 42
    let (programSize, programCount) = (field(counts, 2), field(counts + 2, 2))
    let (sectionSize, sectionCount) = (field(counts + 4, 2), field(counts + 6, 2))
    guard headerSize == (is64Bit ? 64 : 52), (1...4).contains(field(16, 2)), field(20, 4) == 1,
      programCount == 0 || programSize == (is64Bit ? 56 : 32),
      sectionCount == 0 || sectionSize == (is64Bit ? 64 : 40), programCount + sectionCount > 0
    else { return nil }
    var ends = [headerSize]
    func add(_ start: UInt64, _ length: UInt64) {
      let (end, overflow) = start.addingReportingOverflow(length)
      ends.append(overflow ? UInt64.max : end)
    }
    if programCount > 0 { add(programs, programCount * programSize) }
    if sectionCount > 0 { add(sections, sectionCount * sectionSize) }
    // The ends of all segments and sections, at most 65,535 of each.
    if let place = Int64(exactly: programs) {
      let table = window.bytes(Int(programCount * programSize), at: place)
      for index in 0..<table.count / Int(max(programSize, 1)) {
        let base = index * Int(programSize)
        add(
          field(base + (is64Bit ? 8 : 4), word, of: table), field(base + (is64Bit ? 32 : 16), word, of: table)
        )
      }
    }
    if let place = Int64(exactly: sections) {
      let table = window.bytes(Int(sectionCount * sectionSize), at: place)
      for index in 0..<table.count / Int(max(sectionSize, 1)) {
        let base = index * Int(sectionSize)
        // Sections of type 8 take no bytes in the file.
        if field(base + 4, 4, of: table) == 8 { continue }
        add(
          field(base + (is64Bit ? 24 : 16), word, of: table),
          field(base + (is64Bit ? 32 : 20), word, of: table))
      }
    }
    guard let longest = ends.max(), let length = Int64(exactly: longest) else { return nil }
    guard length <= window.byteCount else { return .truncated(window, length, "the headers of an ELF file") }
    return CarvedShape(length, .high, "an ELF header, \(programCount) segments and \(sectionCount) sections")
  }

  /// An image within the file: its header, with table and objects inside the window.
  static func sif(_ window: StorageWindow) -> CarvedShape? {
    guard let image = try? LenientImage(reading: WindowStorage(window)), let header = image.header,
      header.version == Header.currentVersion, header.descriptorsOffset >= 0, header.dataOffset >= 0
    else { return nil }
    guard image.problems.isEmpty else {
      let (end, overflow) = header.dataOffset.addingReportingOverflow(max(header.dataSize, 0))
      return overflow || end <= window.byteCount
        ? nil : .truncated(window, end, "the header of an image")
    }
    let ends = image.descriptors.compactMap { $0.size > 0 ? $0.end : nil }
    guard ends.count == image.descriptors.count(where: { $0.size > 0 }) else { return nil }
    let (counted, overflow) = header.dataOffset.addingReportingOverflow(max(header.dataSize, 0))
    let end = max(ends.max() ?? 0, header.dataOffset, image.table.upperBound, Int64(Header.byteCount))
    guard end <= window.byteCount else { return .truncated(window, end, "the table of an image") }
    let length = overflow || counted > window.byteCount ? end : max(counted, end)
    return CarvedShape(
      length, .high, "an image of this format with \(image.descriptors.count) objects, all complete")
  }
}
