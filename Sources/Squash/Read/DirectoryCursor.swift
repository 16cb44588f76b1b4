import Bytes
import Glibc

/// One entry of a directory listing, before its inode is read; its name is the cursor's.
struct DirectoryEntry {
  var reference: UInt64
  var number: UInt32
  var type: FileType?
}

/// A place in a directory listing: runs of up to 256 entries, each after a 12-byte header.
struct DirectoryCursor: Sendable {
  /// The longest name that Linux allows.
  static let longestName = 255

  private var position: MetadataPosition
  private var bytesLeft: Int
  private var entriesLeft = 0
  private var inodeBlock: UInt32 = 0
  private var inodeBase: UInt32 = 0
  /// The name of the entry that ``next(_:fault:)`` returned last.
  private(set) var name: [UInt8] = []
  /// The last name that was in order; empty before the first.
  private var lastName: [UInt8] = []
  private var isInOrder = false

  init(_ layout: DirectoryLayout) {
    position = layout.position
    bytesLeft = layout.byteCount
  }

  /// The next entry, or nil at the end.
  ///
  /// - Parameter fault: set if the entry must be refused although the listing goes on: a hostile name, or a
  ///   name that does not sort after its predecessor.
  /// - Throws: if the listing itself is broken, so that its rest cannot be read.
  mutating func next(
    _ metadata: MetadataReader, fault: inout SquashError?
  ) throws(SquashError) -> DirectoryEntry? {
    fault = nil
    if entriesLeft == 0 {
      guard bytesLeft > 0 else { return nil }
      let header = try fields(12, metadata, "header")
      entriesLeft = Int(header.0) + 1
      inodeBlock = header.1
      inodeBase = header.2
      guard header.0 < 256 else {
        throw metadata.reader.corrupt("a directory header with \(entriesLeft) entries", at: position.block)
      }
    }
    let raw = try fields(8, metadata, "entry")
    // Offset and signed inode difference, then type and length minus one.
    let offset = raw.0 & 0xFFFF
    let difference = Int64(Int16(truncatingIfNeeded: raw.0 >> 16))
    let count = Int(raw.1 >> 16) + 1
    guard count <= bytesLeft, count <= 4096 else {
      throw metadata.reader.corrupt("a name of \(count) bytes in a directory", at: position.block)
    }
    bytesLeft -= count
    entriesLeft -= 1
    // Two buffers take turns, so that no name needs an allocation.
    if isInOrder { swap(&name, &lastName) }
    name.removeAll(keepingCapacity: true)
    name.append(
      contentsOf: UnsafeRawBufferPointer(start: try metadata.contiguous(count, at: &position), count: count))

    isInOrder = false
    if let reason = Self.refusal(name) {
      fault = SquashError(.hostileName, reason, path: name)
    } else {
      switch Self.order(lastName, name) {
      case ..<0: isInOrder = true
      case 0: fault = SquashError(.duplicateEntry, "the directory has this name twice", path: name)
      default: fault = SquashError(.unsortedEntry, "the directory's names are out of order here", path: name)
      }
    }
    let number = UInt32(truncatingIfNeeded: Int64(inodeBase) + difference)
    return DirectoryEntry(
      reference: UInt64(inodeBlock) << 16 | UInt64(offset), number: number,
      type: FileType(rawValue: UInt16(truncatingIfNeeded: raw.1)))
  }

  /// The reason to refuse a name, or nil. An accepted name stays inside its directory, whatever it is joined
  /// to.
  static func refusal(_ name: [UInt8]) -> String? {
    if name.count > longestName { return "a name of \(name.count) bytes" }
    return name.withUnsafeBytes { bytes in
      guard let start = bytes.baseAddress, !bytes.isEmpty else { return "an empty name" }
      if memchr(start, 0x2F, bytes.count) != nil { return "a name with a slash" }
      if memchr(start, 0, bytes.count) != nil { return "a name with a NUL" }
      let isDots = bytes[0] == 0x2E && (bytes.count == 1 || bytes.count == 2 && bytes[1] == 0x2E)
      return isDots ? "a name that means another directory" : nil
    }
  }

  /// Negative if the first name sorts before the second by its bytes, 0 if they are equal.
  private static func order(_ first: [UInt8], _ second: [UInt8]) -> Int {
    first.withUnsafeBytes { first in
      second.withUnsafeBytes { second in
        let common = min(first.count, second.count)
        guard common > 0, let one = first.baseAddress, let other = second.baseAddress else {
          return first.count - second.count
        }
        let order = memcmp(one, other, common)
        return order == 0 ? first.count - second.count : Int(order)
      }
    }
  }

  private mutating func fields(
    _ count: Int, _ metadata: MetadataReader, _ what: String
  ) throws(SquashError) -> (UInt32, UInt32, UInt32) {
    guard count <= bytesLeft else {
      throw metadata.reader.corrupt("a directory that ends inside its \(what)", at: position.block)
    }
    bytesLeft -= count
    let raw = try metadata.contiguous(count, at: &position)
    return (raw.u32(0), raw.u32(4), count > 8 ? raw.u32(8) : 0)
  }
}
