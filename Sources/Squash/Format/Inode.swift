import CLinux
import Glibc

/// The type of an inode.
public enum FileType: UInt16, Sendable {
  /// A directory.
  case directory = 1
  /// A regular file.
  case regular = 2
  /// A symbolic link.
  case symlink = 3
  /// A block device.
  case blockDevice = 4
  /// A character device.
  case characterDevice = 5
  /// A named pipe.
  case fifo = 6
  /// A socket.
  case socket = 7
}

/// A number of a device: major in 12 bits, minor in 20.
public struct DeviceNumber: Hashable, Sendable {
  /// The driver.
  public var major: UInt32
  /// The unit.
  public var minor: UInt32

  /// A device number from its parts.
  public init(major: UInt32, minor: UInt32) {
    self.major = major
    self.minor = minor
  }

  /// The parts of the kernel's number.
  package init(kernel number: dev_t) {
    self.init(major: linux_major(number), minor: linux_minor(number))
  }

  /// The parts of the packed number: bits 0–7 and 20–31 are the minor, bits 8–19 the major.
  init(packed: UInt32) {
    major = (packed >> 8) & 0xFFF
    minor = (packed & 0xFF) | ((packed >> 12) & 0xF_FF00)
  }

  /// The packed number, or nil if a part is too big for it.
  public var packed: UInt32? {
    guard major <= 0xFFF, minor <= 0xF_FFFF else { return nil }
    return (minor & 0xFF) | (major << 8) | ((minor & ~0xFF) << 12)
  }
}

/// The place of a regular file's bytes.
public struct FileLayout: Hashable, Sendable {
  /// The length in bytes.
  public internal(set) var size: Int64
  /// The offset in the image at which the first block starts.
  var start: Int64
  /// The fragment block that holds the tail, or nil.
  var fragment: UInt32?
  /// The offset in the decompressed fragment block at which the tail starts.
  var fragmentOffset: UInt32
  /// The place in the inode table at which the list of block sizes starts.
  var blockList: MetadataPosition
  /// The number of blocks in the list.
  var blockCount: Int
}

/// The place of a directory's listing.
struct DirectoryLayout: Hashable, Sendable {
  /// The place of the first header.
  var position: MetadataPosition
  /// The length of the listing in bytes, without the 3 that the format adds.
  var byteCount: Int
  /// The inode number of the parent directory.
  var parent: UInt32
}

/// One inode: the attributes of a file, and where its content lies.
public struct Inode: Hashable, Sendable {
  /// The fields that depend on the type.
  enum Content: Hashable, Sendable {
    case directory(DirectoryLayout)
    case regular(FileLayout)
    case symlink([UInt8])
    case device(DeviceNumber)
    case none
  }

  /// The shortest inode: the 16 common bytes and a link count.
  static let shortest = 20
  /// "No extended attributes", and "no fragment".
  static let none = UInt32.max
  /// The longest target that Linux accepts in a link.
  static let longestTarget = 4095

  /// The type.
  public var type: FileType
  /// The permission bits, with set-id and sticky: 12 bits.
  public var permissions: UInt16
  /// The owner.
  public var userID: UInt32
  /// The group.
  public var groupID: UInt32
  /// The time of the last change, in Unix seconds.
  public var modificationTime: UInt32
  /// The number, from 1.
  public var number: UInt32
  /// The number of names of the inode (for a directory: as Unix counts them).
  public var linkCount: UInt32
  /// The index in the table of extended attributes, if it has any.
  var xattrIndex: UInt32?
  var content: Content

  /// Whether the inode has extended attributes.
  public var hasAttributes: Bool { xattrIndex != nil }

  /// The length: of a regular file's content, a link's target, or a directory's listing, in bytes.
  public var size: Int64 {
    switch content {
    case .directory(let layout): Int64(layout.byteCount)
    case .regular(let layout): layout.size
    case .symlink(let target): Int64(target.count)
    case .device, .none: 0
    }
  }

  /// The inode number of a directory's parent, as its own inode says.
  public var parentNumber: UInt32? {
    if case .directory(let layout) = content { layout.parent } else { nil }
  }

  /// The target of a symbolic link, as raw bytes.
  public var symlinkTarget: [UInt8]? {
    if case .symlink(let target) = content { target } else { nil }
  }

  /// The number of a device node.
  public var device: DeviceNumber? {
    if case .device(let device) = content { device } else { nil }
  }

  /// The place of a regular file's bytes.
  public var layout: FileLayout? {
    if case .regular(let layout) = content { layout } else { nil }
  }

  /// The type and permissions as `st_mode` has them.
  public var mode: UInt32 {
    let bits: UInt32 =
      switch type {
      case .directory: 0o040000
      case .regular: 0o100000
      case .symlink: 0o120000
      case .blockDevice: 0o060000
      case .characterDevice: 0o020000
      case .fifo: 0o010000
      case .socket: 0o140000
      }
    return bits | UInt32(permissions)
  }

  /// The permissions as `ls` shows them, such as `rwsr-x--T`.
  public var permissionText: String {
    var text = ""
    for (shift, special, letter) in [(6, 0o4000, "s"), (3, 0o2000, "s"), (0, 0o1000, "t")]
      as [(UInt16, UInt16, String)]
    {
      let bits = permissions >> shift
      text += bits & 4 != 0 ? "r" : "-"
      text += bits & 2 != 0 ? "w" : "-"
      let executes = bits & 1 != 0
      text += permissions & special != 0 ? (executes ? letter : letter.uppercased()) : executes ? "x" : "-"
    }
    return text
  }
}
