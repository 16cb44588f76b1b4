import Bytes
public import SIF
public import Squash

/// What stands out among the files of a partition (spec/forensics.md, "Report").
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
    /// How many there are.
    public fileprivate(set) var count = 0

    fileprivate mutating func add(_ file: @autoclosure () -> File) {
      count += 1
      if files.count < FileStatistics.mostNamed { files.append(file()) }
    }
  }

  /// The most files that a list names.
  public static let mostNamed = 25

  /// How many files there are of each type.
  public private(set) var counts: [FileType: Int] = [:]
  /// The bytes of all regular files; one with several names counts for each of them.
  public private(set) var contentBytes: Int64 = 0
  /// When the file system says it was made.
  public let madeAt: Timestamp
  /// The largest regular files, the largest first.
  public private(set) var largest: [File] = []
  /// The files that changed last, the latest first.
  public private(set) var latest: [File] = []
  /// Files that run with the rights of their owner or group.
  public private(set) var setID = Selection()
  /// Files that everybody may write, and directories in which everybody may remove what others put there.
  public private(set) var worldWritable = Selection()
  /// Device nodes.
  public private(set) var devices = Selection()
  /// Files that changed after the file system was made, or after the time of the report.
  public private(set) var implausible = Selection()
  /// What could not be read of the tree.
  public private(set) var faults: [SquashError] = []
  /// How many such faults there are.
  public private(set) var faultCount = 0

  /// Walks the tree of a squashfs.
  ///
  /// - Parameters:
  ///   - reader: the partition's bytes; a decrypting view of an encrypted one.
  ///   - now: the time that no file should be later than; nil for no such time.
  /// - Throws: ``SquashError`` where it is no squashfs that can be read.
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
      // The sticky bit keeps files of others from being removed.
      if inode.permissions & 0o1002 == 0o002 { worldWritable.add(File(entry)) }
    case .blockDevice, .characterDevice: devices.add(File(entry))
    default: break
    }
  }

  /// Keeps the first files of an order.
  private static func insert(_ entry: Entry, into list: inout [File], _ isBefore: (Inode, Inode) -> Bool) {
    if list.count == mostNamed, let last = list.last, !isBefore(entry.inode, last.inode) { return }
    let index = list.firstIndex { isBefore(entry.inode, $0.inode) } ?? list.count
    list.insert(File(entry), at: index)
    if list.count > mostNamed { list.removeLast() }
  }
}
