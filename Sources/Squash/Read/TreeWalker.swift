import Bytes

/// One file of the tree.
public struct Entry: Sendable {
  /// The name in its directory, as raw bytes; empty for the root.
  public var name: [UInt8]
  /// The path from the root without a leading slash, as raw bytes; empty for the root.
  public var path: [UInt8]
  /// The attributes.
  public var inode: Inode

  /// An entry from its parts.
  public init(name: [UInt8], path: [UInt8], inode: Inode) {
    self.name = name
    self.path = path
    self.inode = inode
  }

  /// The path as text for people: bytes that are not UTF-8, and characters that a terminal would obey, are escaped.
  public var pathText: String { path.printable }
}

/// An event of a walk.
public enum WalkEvent: Sendable {
  /// A file, before its contents if it is a directory.
  case entry(Entry)
  /// A file other than a directory, in a walk that does not read such files' inodes; its path is the
  /// walker's.
  case name
  /// The end of a directory that was announced by an entry, with its path.
  case endOfDirectory([UInt8])
  /// Something that was refused; the walk goes on after it.
  case fault(SquashError)
}

/// Walks a tree in the order of its directory listings, depth first.
///
/// The walk keeps its own stack, so that depth does not use the thread's stack. It holds only the directories
/// from the root to the current one, plus one bit for each directory that was visited: an image cannot make
/// it run in circles or through the same directory twice.
public struct TreeWalker: ~Copyable {
  /// The deepest nesting that a walk follows. Paths of half that depth are already too long for a system
  /// call.
  public static let deepest = 4096

  private struct Frame {
    var cursor: DirectoryCursor
    var pathCount: Int
  }

  private let reader: SquashReader
  private var frames: [Frame] = []
  /// The path of the file or directory that ``next()`` returned last.
  public private(set) var path: [UInt8]
  private var start: Entry?
  private var pending: DirectoryLayout?
  private var visited = InodeSet()
  private let reads: Reads

  /// The files whose inodes a walk reads.
  public enum Reads: Sendable {
    /// All files.
    case all
    /// Directories; other files are announced by name only.
    case names
    /// Directories; other files are skipped.
    case directories
  }

  /// A walk of the whole tree.
  public init(_ reader: SquashReader) throws(SquashError) {
    self.init(reader, from: Entry(name: [], path: [], inode: try reader.root()))
  }

  /// A walk of everything in and beneath `start`, which comes first.
  public init(_ reader: SquashReader, from start: Entry, reads: Reads = .all) {
    self.reader = reader
    self.start = start
    self.reads = reads
    path = start.path
  }

  /// The number of directories above the entry that ``next()`` returned last.
  public var depth: Int { frames.count }

  /// Skips the contents of the directory that the last event announced. Its end is still an event.
  public mutating func skipDescendants() {
    if case .some = pending { pending?.byteCount = 0 }
  }

  /// The next event, or nil at the end.
  ///
  /// - Throws: only if the image cannot be read at all; contradictions in it are ``WalkEvent/fault(_:)``.
  public mutating func next() throws(SquashError) -> WalkEvent? {
    if let start {
      self.start = nil
      return announce(start)
    }
    if let layout = pending {
      pending = nil
      frames.append(Frame(cursor: DirectoryCursor(layout), pathCount: path.count))
    }
    while !frames.isEmpty {
      let top = frames.count - 1
      path.removeSubrange(frames[top].pathCount...)
      do throws(SquashError) {
        var fault: SquashError?
        guard let entry = try frames[top].cursor.next(reader.metadata, fault: &fault) else {
          return endDirectory()
        }
        if !path.isEmpty { path.append(0x2F) }
        path.append(contentsOf: frames[top].cursor.name)
        if var fault {
          fault.path = path
          return .fault(fault)
        }
        if reads != .all, entry.type != .directory {
          if reads == .directories { continue }
          return .name
        }
        return try open(entry, frames[top].cursor.name)
      } catch {
        guard !error.isFatal else { throw error }
        if path.count == frames[top].pathCount {
          // The listing itself is broken, so its remaining entries cannot be found.
          frames[top].cursor = DirectoryCursor(DirectoryLayout.empty)
        }
        return .fault(error.at(path: path))
      }
    }
    return nil
  }

  private mutating func endDirectory() -> WalkEvent {
    frames.removeLast()
    return .endOfDirectory(path)
  }

  private mutating func open(
    _ entry: DirectoryEntry, _ name: [UInt8]
  ) throws(SquashError) -> WalkEvent {
    let inode = try reader.inode(entry.reference)
    guard inode.number == entry.number, inode.type == entry.type else {
      throw SquashError(.corrupt, "the directory entry and its inode disagree")
    }
    return announce(Entry(name: name, path: path, inode: inode))
  }

  private mutating func announce(_ entry: Entry) -> WalkEvent {
    guard case .directory(let layout) = entry.inode.content else { return .entry(entry) }
    guard visited.insert(entry.inode.number) else {
      return .fault(
        SquashError(.directoryLoop, "the directory is reached a second time", path: entry.path))
    }
    guard frames.count < Self.deepest else {
      return .fault(
        SquashError(.tooDeep, "directories nested deeper than \(Self.deepest)", path: entry.path))
    }
    pending = layout
    return .entry(entry)
  }
}

extension DirectoryLayout {
  static let empty = DirectoryLayout(
    position: MetadataPosition(block: 0, offset: 0, end: 0), byteCount: 0, parent: 0)
}

extension SquashError {
  /// Whether reading cannot go on: the storage failed, not the image's structure.
  var isFatal: Bool { code == .system || code == .library || code == .truncated }
}

/// A set of inode numbers, one bit each, in pieces that are made when first needed.
struct InodeSet {
  private static let pieceBits = 15
  private var pieces: [UInt32: [UInt64]] = [:]

  /// Adds a number; returns whether it was new.
  mutating func insert(_ number: UInt32) -> Bool {
    let bit = Int(number & (1 << Self.pieceBits - 1))
    let mask = UInt64(1) << UInt64(bit & 63)
    let words = 1 << Self.pieceBits / 64
    return pieces[number >> Self.pieceBits, default: [UInt64](repeating: 0, count: words)]
      .withUnsafeMutableBufferPointer { words in
        defer { words[bit >> 6] |= mask }
        return words[bit >> 6] & mask == 0
      }
  }
}
