import Bytes
public import SIF
public import Squash

/// Something in an image that has times: a file, or a part of the image itself.
public struct TimelineEntry: Sendable {
  /// The kind of thing.
  public enum Kind: String, Sendable {
    /// The image, by its header.
    case header
    /// An object, by its descriptor.
    case descriptor
    /// A file system, by its superblock.
    case fileSystem = "file-system"
    /// A file in a file system.
    case content
  }

  /// The kind of thing.
  public let kind: Kind
  /// The name, as raw bytes.
  public let name: [UInt8]
  /// The number of its inode, or of the object; 0 if it has none.
  public let inode: Int64
  /// Type and permissions in the form of the Sleuth Kit, such as `r/rrwxr-xr-x`.
  public let mode: String
  /// The owner.
  public let userID: Int64
  /// The group.
  public let groupID: Int64
  /// The length in bytes.
  public let size: Int64
  /// The time of the last change, if it is stated.
  public let modifiedAt: Timestamp?
  /// The time of creation, if it is stated.
  public let createdAt: Timestamp?
  /// The target of a symbolic link, as raw bytes.
  public let target: [UInt8]?

  /// The mode of things other than files: the Sleuth Kit's virtual files.
  private static let virtualMode = "v/v---------"

  private init(
    _ kind: Kind, _ name: [UInt8], inode: Int64, userID: Int64 = 0, groupID: Int64 = 0, size: Int64,
    modifiedAt: Timestamp?, createdAt: Timestamp?
  ) {
    self.kind = kind
    self.name = name
    self.inode = inode
    mode = Self.virtualMode
    self.userID = userID
    self.groupID = groupID
    self.size = size
    self.modifiedAt = modifiedAt == Timestamp.none ? nil : modifiedAt
    self.createdAt = createdAt == Timestamp.none ? nil : createdAt
    target = nil
  }

  /// An image.
  public init(_ header: Header, fileSize: Int64, name: [UInt8]) {
    self.init(
      .header, name + Array(" ($SIF_HEADER)".utf8), inode: 0, size: fileSize, modifiedAt: header.modifiedAt,
      createdAt: header.createdAt)
  }

  /// An object.
  public init(_ descriptor: Descriptor, name: [UInt8]) {
    self.init(
      .descriptor, name + Array(" ($SIF_DESCRIPTOR)".utf8), inode: Int64(descriptor.id),
      userID: descriptor.uid, groupID: descriptor.gid, size: descriptor.size,
      modifiedAt: descriptor.modifiedAt, createdAt: descriptor.createdAt)
  }

  /// A squashfs.
  public init(_ superblock: Superblock, object: UInt32, name: [UInt8]) {
    self.init(
      .fileSystem, name + Array(" ($SQUASHFS)".utf8), inode: Int64(object), size: superblock.bytesUsed,
      modifiedAt: nil, createdAt: Timestamp(seconds: Int64(superblock.creationTime)))
  }

  /// A file.
  public init(_ entry: Entry, name: [UInt8]) {
    kind = .content
    self.name = name
    let inode = entry.inode
    self.inode = Int64(inode.number)
    let letter = String(inode.type.letter)
    mode = "\(letter)/\(letter)\(inode.permissionText)"
    userID = Int64(inode.userID)
    groupID = Int64(inode.groupID)
    size = inode.size
    modifiedAt = Timestamp(seconds: Int64(inode.modificationTime))
    createdAt = nil
    target = inode.symlinkTarget
  }

  /// The line of a body file, with its end (spec/timeline.md, "Body files").
  public var bodyLine: [UInt8] {
    let shown = target.map { name + Array(" -> ".utf8) + $0 } ?? name
    let numbers = [
      String(inode), mode, String(userID), String(groupID), String(size), "0",
      String(Self.seconds(modifiedAt)), "0", String(Self.seconds(createdAt)),
    ]
    return Array("0|".utf8) + Self.escaped(shown) + Array("|\(numbers.joined(separator: "|"))\n".utf8)
  }

  /// Escapes the bytes that would end a field in mactime. Names are made visible first, in a form that
  /// mactime passes on unchanged: it drops an entry whose name contains a line end.
  private static func escaped(_ name: [UInt8]) -> [UInt8] {
    var text: [UInt8] = []
    for byte in VisibleText.name(name).utf8 {
      switch byte {
      case UInt8(ascii: "|"): text += Array("%7C".utf8)
      case UInt8(ascii: "%"): text += Array("%25".utf8)
      default: text.append(byte)
      }
    }
    return text
  }

  /// Seconds that programs can show: 0 for no time, and for times outside of the years 1 to 9999.
  private static func seconds(_ time: Timestamp?) -> Int64 {
    guard let time, time.isPlausible else { return 0 }
    return time.seconds
  }
}

extension Timestamp {
  /// Whether the time lies in the years 1 to 9999, which all programs can write.
  var isPlausible: Bool { (-62_135_596_799...253_402_300_799).contains(seconds) }
}

extension FileType {
  /// The Sleuth Kit's letter for the type.
  var letter: Character {
    switch self {
    case .directory: "d"
    case .regular: "r"
    case .symlink: "l"
    case .blockDevice: "b"
    case .characterDevice: "c"
    case .fifo: "p"
    case .socket: "s"
    }
  }

  /// The Sleuth Kit's number for the type.
  var sleuthKitNumber: Int {
    switch self {
    case .regular: 1
    case .directory: 2
    case .fifo: 3
    case .characterDevice: 4
    case .blockDevice: 5
    case .symlink: 6
    case .socket: 8
    }
  }
}
