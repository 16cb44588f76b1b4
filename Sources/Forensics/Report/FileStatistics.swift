import Bytes
public import SIF
public import Squash

/// Notable files of a partition (spec/forensics.md, "Report").
public struct FileStatistics: Sendable {
  /// One file of a list.
  public struct File: Sendable {
    /// The path from the root, with a leading slash, as raw bytes.
    public let path: [UInt8]
    /// Its attributes.
    public let inode: Inode

    init(_ entry: Entry) {
      path = [0x2F] + entry.path
      inode = entry.inode
    }
  }

  /// A list that names some files and counts all.
  public struct Selection: Sendable {
    /// The files that are named, at most ``FileStatistics/mostNamed``.
    public fileprivate(set) var files: [File] = []
    /// The number of all files, named or not.
    public fileprivate(set) var count = 0

    fileprivate mutating func add(_ file: @autoclosure () -> File) {
      count += 1
      if files.count < FileStatistics.mostNamed { files.append(file()) }
    }
  }

  /// The most files that a list names.
  public static let mostNamed = 25

  /// The number of files of each type.
  public private(set) var counts: [FileType: Int] = [:]
  /// The bytes of all regular files; a file with several names counts once for each.
  public private(set) var contentBytes: Int64 = 0
  /// The time at which the file system was made, by its own account.
  public let madeAt: Timestamp
  /// The largest regular files, the largest first.
  public private(set) var largest: [File] = []
  /// The files that changed last, the latest first.
  public private(set) var latest: [File] = []
  /// Files that run with the rights of their owner or group.
  public private(set) var setID = Selection()
  /// Files that everybody may write, and directories in which everybody may remove other users' files.
  public private(set) var worldWritable = Selection()
  /// Device nodes.
  public private(set) var devices = Selection()
  /// Files that changed after the file system was made, or after the time of the report.
  public private(set) var implausible = Selection()
  /// The faults of unreadable parts of the tree, some of them.
  public private(set) var faults: [SquashError] = []
  /// The number of all such faults.
  public private(set) var faultCount = 0

  /// Walks the tree of a squashfs.
  ///
  /// - Parameters:
  ///   - reader: the partition's bytes; for an encrypted one, a decrypting view.
  ///   - now: the latest plausible time; nil for no limit.
  /// - Throws: ``SquashError`` if it is not a readable squashfs.
  public init(_ reader: any RandomAccess, now: Timestamp?) throws(SquashError) {
    let image = try SquashImage(reader)
    let squash = try SquashReader(image)
    madeAt = Timestamp(seconds: Int64(image.superblock.creationTime))
    var latestPlausible = madeAt
    if let now { latestPlausible = min(madeAt, now) }
    var walker = try TreeWalker(squash)
    while let event = try walker.next() {
      switch event {
      case .endOfDirectory, .name: break
      case .fault(let fault):
        faultCount += 1
        if faults.count < Self.mostNamed { faults.append(fault) }
      case .entry(let entry): add(entry, latestPlausible)
      }
    }
  }

  private mutating func add(_ entry: Entry, _ latestPlausible: Timestamp) {
    let inode = entry.inode
    counts[inode.type, default: 0] += 1
    let changed = Timestamp(seconds: Int64(inode.modificationTime))
    if changed > latestPlausible { implausible.add(File(entry)) }
    Self.insert(entry, into: &latest) { $0.modificationTime > $1.modificationTime }
    switch inode.type {
    case .regular:
      let (sum, overflow) = contentBytes.addingReportingOverflow(inode.size)
      contentBytes = overflow ? .max : sum
      Self.insert(entry, into: &largest) { $0.size > $1.size }
      if inode.permissions & 0o6000 != 0 { setID.add(File(entry)) }
      if inode.permissions & 0o002 != 0 { worldWritable.add(File(entry)) }
    case .directory:
      // With the sticky bit, users cannot remove each other's files.
      if inode.permissions & 0o1002 == 0o002 { worldWritable.add(File(entry)) }
    case .blockDevice, .characterDevice: devices.add(File(entry))
    default: break
    }
  }

  /// Inserts a file into a list that keeps the first files of an order.
  private static func insert(_ entry: Entry, into list: inout [File], _ isBefore: (Inode, Inode) -> Bool) {
    if list.count == mostNamed, let last = list.last, !isBefore(entry.inode, last.inode) { return }
    let index = list.firstIndex { isBefore(entry.inode, $0.inode) } ?? list.count
    list.insert(File(entry), at: index)
    if list.count > mostNamed { list.removeLast() }
  }
}
