import SIF
import Squash

/// Follows archives and compressed streams (spec/forensics.md, "What is looked for").
extension CarveFormats {
  /// The most bytes to decompress from one gzip stream.
  private static let mostContent: Int64 = 16 << 30

  static func gzip(_ window: StorageWindow, _ budget: CarveBudget) -> CarvedShape? {
    let start = window.bytes(10, at: 0)
    // Deflate, no reserved flags, a known operating system.
    guard start.count == 10, start[2] == 8, start[3] & 0xE0 == 0, start[9] <= 13 || start[9] == 255,
      case let (extent, content) = GzipExtent.follow(
        window, mostContent: min(mostContent, budget.contentBytes))
    else { return nil }
    budget.contentBytes -= content
    guard let extent else { return nil }
    guard extent.isComplete else {
      var shape = CarvedShape(
        window.byteCount, .low,
        "a gzip stream that decompresses to \(extent.contentBytes) bytes without an end")
      shape.isComplete = false
      shape.openAfter = min(64, window.byteCount)
      return shape
    }
    var shape = CarvedShape(
      extent.compressedBytes, .high,
      "a gzip stream of \(extent.contentBytes) bytes whose checksum matches")
    shape.partEnds = extent.memberEnds
    return shape
  }

  /// One frame or several in a row (RFC 8878 section 3.1); the blocks' headers give the length.
  static func zstd(_ window: StorageWindow, _ budget: CarveBudget) -> CarvedShape? {
    var position: Int64 = 0
    var frames = 0
    var ends: [Int64] = []
    while let end = zstdFrame(window, at: position, budget) {
      guard end <= window.byteCount else {
        if frames > 0 { break }
        var shape = CarvedShape(window.byteCount, .low, "a Zstandard frame without an end")
        shape.isComplete = false
        shape.openAfter = min(64, window.byteCount)
        return shape
      }
      position = end
      frames += 1
      if ends.count <= CarvedShape.mostParts { ends.append(end) }
    }
    guard frames > 0 else { return nil }
    let text = "\(frames) Zstandard frame\(frames == 1 ? "" : "s")"
    // The blocks' headers alone could be chance.
    let (isSound, content) = ZstdFrames.decompress(
      window.suffix(from: 0, count: position), mostContent: min(mostContent, budget.contentBytes))
    budget.contentBytes -= content
    var shape = CarvedShape(
      position, isSound ? .high : .low,
      isSound ? "\(text) that decompress\(frames == 1 ? "es" : "")" : "\(text), damaged or with a big window")
    shape.partEnds = ends
    return shape
  }

  /// The end of the frame that begins at a position; beyond the window if the frame is cut off; nil if none
  /// begins there.
  private static func zstdFrame(
    _ window: StorageWindow, at start: Int64, _ budget: CarveBudget
  ) -> Int64? {
    let head = window.bytes(14, at: start)
    guard head.count >= 8 else { return nil }
    let magic = number(head, 0, 4)
    if magic & 0xFFFF_FFF0 == 0x184D_2A50, start > 0 { return start + 8 + Int64(number(head, 4, 4)) }
    guard magic == 0xFD2F_B528 else { return nil }
    let descriptor = head[4]
    // The reserved bit has to be 0.
    guard descriptor & 8 == 0 else { return nil }
    let isSingle = descriptor & 0x20 != 0
    let sizeField = [isSingle ? 1 : 0, 2, 4, 8][Int(descriptor >> 6)]
    var position = start + 5 + (isSingle ? 0 : 1) + [0, 1, 2, 4][Int(descriptor & 3)] + Int64(sizeField)
    while true {
      let block = window.bytes(3, at: position)
      guard block.count == 3 else { return window.byteCount + 1 }
      let header = number(block, 0, 3)
      let (type, size) = (header >> 1 & 3, Int64(header >> 3))
      guard type != 3, size <= 128 << 10, budget.takeBlock() else { return nil }
      // A run is stored as one byte, whatever its length.
      position += 3 + (type == 1 ? 1 : size)
      if header & 1 == 1 { return position + (descriptor & 4 != 0 ? 4 : 0) }
    }
  }

  /// A tar archive: headers with correct checksums, one after another, up to the zeros at the end.
  static func tar(_ window: StorageWindow) -> CarvedShape? {
    let blockSize = Int64(TarHeader.blockSize)
    var position: Int64 = 0
    var entries = 0
    while true {
      let block = window.bytes(TarHeader.blockSize, at: position)
      guard block.count == TarHeader.blockSize else { break }
      if block.allSatisfy({ $0 == 0 }) {
        guard entries > 0 else { return nil }
        let isEnd = window.bytes(TarHeader.blockSize, at: position + blockSize).allSatisfy { $0 == 0 }
        let length = min(position + 2 * blockSize, window.byteCount)
        // Writers pad to a record of 20 blocks.
        return CarvedShape(
          length, padded: length.roundedUp(to: 20 * blockSize), isEnd ? .high : .medium,
          "\(entries) entries of a tar archive, and its end")
      }
      guard TarNumber.field(block[148..<156]) == Int64(TarHeader.checksum(block)),
        let size = TarNumber.field(block[124..<136]), size >= 0
      else { break }
      // Links and directories may state a size although they have no bytes.
      let hasBytes = !(0x31...0x36).contains(block[156])
      let (next, overflow) = (position + blockSize).addingReportingOverflow(
        hasBytes ? size.roundedUp(to: blockSize) : 0)
      entries += 1
      guard !overflow, next <= window.byteCount else {
        return .truncated(window, overflow ? .max : next, "a tar archive of \(entries) entries or more")
      }
      position = next
    }
    guard entries > 0 else { return nil }
    var shape = CarvedShape(position, .medium, "\(entries) entries of a tar archive without an end")
    shape.isComplete = position == window.byteCount ? nil : false
    return shape
  }
}
