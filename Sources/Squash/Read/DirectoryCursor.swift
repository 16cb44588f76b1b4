/// One entry of a directory listing, before its inode is read.
struct DirectoryEntry {
  var name: [UInt8]
  var reference: UInt64
  var number: UInt32
  var type: FileType?
}

/// A place in a directory listing: runs of up to 256 entries, each behind a 12-byte header.
struct DirectoryCursor {
  /// Linux allows no longer name.
  static let longestName = 255

  private var position: MetadataPosition
  private var bytesLeft: Int
  private var entriesLeft = 0
  private var inodeBlock: UInt32 = 0
  private var inodeBase: UInt32 = 0
  private var lastName: [UInt8]?

  init(_ layout: DirectoryLayout) {
    position = layout.position
    bytesLeft = layout.byteCount
  }

  /// The next entry, or nil at the end.
  ///
  /// - Parameter fault: set when the entry must be refused although the listing goes on: a hostile name, or a
  ///   name that does not sort behind its predecessor.
  /// - Throws: when the listing itself is broken, so that nothing behind it can be read.
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
        throw SquashError(.corrupt, "a directory header with \(entriesLeft) entries", offset: position.block)
      }
    }
    let raw = try fields(8, metadata, "entry")
    // Offset and signed inode difference, then type and length less one.
    let offset = raw.0 & 0xFFFF
    let difference = Int64(Int16(truncatingIfNeeded: raw.0 >> 16))
    let count = Int(raw.1 >> 16) + 1
    guard count <= bytesLeft, count <= 4096 else {
      throw SquashError(.corrupt, "a name of \(count) bytes in a directory", offset: position.block)
    }
    bytesLeft -= count
    entriesLeft -= 1
    var failure: SquashError?
    let name = [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
      guard let base = buffer.baseAddress else { return }
      do throws(SquashError) {
        try metadata.read(base, count, at: &position)
        filled = count
      } catch { failure = error }
    }
    if let failure { throw failure }

    if let reason = Self.refusal(name) {
      fault = SquashError(.hostileName, reason, path: name)
    } else if let lastName, lastName == name {
      fault = SquashError(.duplicateEntry, "the directory has this name twice", path: name)
    } else if let lastName, !lastName.lexicographicallyPrecedes(name) {
      fault = SquashError(.unsortedEntry, "the directory's names are out of order here", path: name)
    } else {
      lastName = name
    }
    let number = UInt32(truncatingIfNeeded: Int64(inodeBase) + difference)
    return DirectoryEntry(
      name: name, reference: UInt64(inodeBlock) << 16 | UInt64(offset), number: number,
      type: FileType(rawValue: UInt16(truncatingIfNeeded: raw.1)))
  }

  /// Why a name is refused, or nil. Whatever it is joined to, an accepted name stays inside its directory.
  static func refusal(_ name: [UInt8]) -> String? {
    if name.isEmpty { return "an empty name" }
    if name == [0x2E] || name == [0x2E, 0x2E] { return "a name that means another directory" }
    if name.contains(0x2F) { return "a name with a slash" }
    if name.contains(0) { return "a name with a NUL" }
    if name.count > longestName { return "a name of \(name.count) bytes" }
    return nil
  }

  private mutating func fields(
    _ count: Int, _ metadata: MetadataReader, _ what: String
  ) throws(SquashError) -> (UInt32, UInt32, UInt32) {
    guard count <= bytesLeft else {
      throw SquashError(.corrupt, "a directory that ends inside its \(what)", offset: position.block)
    }
    bytesLeft -= count
    var raw: (UInt32, UInt32, UInt32) = (0, 0, 0)
    try metadata.read(&raw, count, at: &position)
    return (UInt32(littleEndian: raw.0), UInt32(littleEndian: raw.1), UInt32(littleEndian: raw.2))
  }
}
