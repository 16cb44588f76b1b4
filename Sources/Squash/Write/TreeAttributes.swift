import Glibc
public import LinuxSystem
import Synchronization

/// What the files of a tree on disk have in the image, where the disk cannot hold it: owners of which a user namespace knows
/// nothing, device nodes, and extended attributes that the kernel refuses.
///
/// A file is known by its inode, so that renaming keeps what is recorded. An inode that a removed file leaves to a new one
/// has another time of birth, and then nothing is known of it.
public final class TreeAttributes: Sendable {
  /// What is known of one file. What is nil is as the disk says.
  public struct Entry: Equatable, Sendable {
    /// The owner.
    public var userID: UInt32?
    /// The group.
    public var groupID: UInt32?
    /// All twelve permission bits.
    public var permissions: UInt16?
    /// The device that a regular file stands for.
    public var node: Node?
    /// Extended attributes, which take the place of those with the same names on disk.
    public var attributes: [ExtendedAttribute] = []
    /// The names of extended attributes that the file on disk has and the one in the image has not.
    public var removedAttributes: Set<[UInt8]> = []

    /// Nothing.
    public init() {}
  }

  /// A device.
  public struct Node: Equatable, Sendable {
    /// Whether it is one of blocks, and not of characters.
    public var isBlock: Bool
    /// Its number.
    public var number: DeviceNumber

    /// A device from its parts.
    public init(isBlock: Bool, number: DeviceNumber) {
      self.isBlock = isBlock
      self.number = number
    }

    var type: FileType { isBlock ? .blockDevice : .characterDevice }
  }

  private struct Record {
    var seconds: Int64
    var nanoseconds: UInt32
    var entry: Entry
  }

  private let records = Mutex<[FileIdentity: Record]>([:])

  /// Nothing is known of any file.
  public init() {}

  /// The number of inodes of which something is recorded.
  public var count: Int { records.withLock { $0.count } }

  /// Whether something may be recorded of the file.
  func mayKnow(_ identity: FileIdentity) -> Bool { records.withLock { $0[identity] != nil } }

  /// What is recorded of an open file; the descriptor may be one that only names it. nil for nothing.
  public func entry(of file: borrowing OwnedDescriptor) -> Entry? {
    guard let (identity, born) = Self.identity(of: file) else { return nil }
    return records.withLock { records in
      guard let record = records[identity], Self.isSame(record, born) else { return nil }
      return record.entry
    }
  }

  /// Changes what is recorded of an open file; the descriptor may be one that only names it.
  public func change(_ file: borrowing OwnedDescriptor, _ body: (inout Entry) -> Void) throws(SystemError) {
    _ = try file.status()
    guard let (identity, born) = Self.identity(of: file) else { return }
    records.withLock { records in
      var record = Record(seconds: born.seconds, nanoseconds: born.nanoseconds, entry: Entry())
      if let old = records[identity], Self.isSame(old, born) { record.entry = old.entry }
      body(&record.entry)
      records[identity] = record.entry == Entry() ? nil : record
    }
  }

  /// Records what an extraction could not set. A device that was not made becomes an empty file.
  ///
  /// - Parameter root: the directory that a privileged extraction wrote to. It has set permissions itself, so they are not
  ///   recorded, and a later chmod counts.
  public func record(
    _ unapplied: [UnappliedAttributes], beneath root: borrowing OwnedDescriptor
  ) throws(SystemError) {
    for one in unapplied {
      let path = one.path.isEmpty ? [0x2E] : one.path
      if one.device != nil, try root.status(ofPath: path) == nil {
        try root.makeEmptyFile(path, mode_t(one.permissions))
      }
      try change(try root.namingBeneath(path)) { entry in
        entry.userID = one.userID
        entry.groupID = one.groupID
        if let device = one.device {
          entry.node = Node(isBlock: one.type == .blockDevice, number: device)
        }
        entry.set(one.attributes)
      }
    }
  }

  private static func isSame(_ record: Record, _ born: (seconds: Int64, nanoseconds: UInt32)) -> Bool {
    record.seconds == born.seconds && record.nanoseconds == born.nanoseconds
  }

  private static func identity(
    of file: borrowing OwnedDescriptor
  ) -> (FileIdentity, (seconds: Int64, nanoseconds: UInt32))? {
    guard let status = try? file.status() else { return nil }
    let identity = FileIdentity(device: UInt64(status.st_dev), inode: UInt64(status.st_ino))
    return (identity, file.birthTime ?? (0, 0))
  }
}

extension TreeAttributes.Entry {
  /// Sets extended attributes, in place of others of the same names.
  public mutating func set(_ added: [ExtendedAttribute]) {
    for attribute in added {
      attributes.removeAll { $0.name == attribute.name }
      attributes.append(attribute)
      removedAttributes.remove(attribute.name)
    }
  }

  /// Removes an extended attribute.
  public mutating func remove(attribute name: [UInt8]) {
    attributes.removeAll { $0.name == name }
    removedAttributes.insert(name)
  }

  /// Puts what is recorded in the place of what the disk says.
  func apply(to file: inout FileAttributes) {
    if let userID { file.userID = userID }
    if let groupID { file.groupID = groupID }
    if let permissions { file.permissions = permissions }
    guard !attributes.isEmpty || !removedAttributes.isEmpty else { return }
    let names = Set(attributes.map(\.name)).union(removedAttributes)
    file.attributes.removeAll { names.contains($0.name) }
    file.attributes = (file.attributes + attributes).sorted { $0.name.lexicographicallyPrecedes($1.name) }
  }
}

extension OwnedDescriptor {
  /// The status of a path of several names beneath this directory; nil if there is no such file. Links are not followed.
  fileprivate func status(ofPath path: [UInt8]) throws(SystemError) -> stat? {
    do throws(SystemError) { return try namingBeneath(path).status() } catch {
      guard error.errno == .noSuchFileOrDirectory else { throw error }
      return nil
    }
  }

  /// Makes an empty file at a path of several names beneath this directory.
  fileprivate func makeEmptyFile(_ path: [UInt8], _ mode: mode_t) throws(SystemError) {
    let cut = path.lastIndex(of: 0x2F)
    let parent = try openBeneath(
      cut.map { Array(path[..<$0]) } ?? [0x2E], flags: O_RDONLY | O_DIRECTORY)
    let name = Array(path[(cut.map { $0 + 1 } ?? 0)...])
    try parent.makeNode(name, mode: S_IFREG | 0o600, device: 0)
    try parent.setPermissions(of: name, mode, type: S_IFREG)
  }
}
