import CLinux
import Glibc
public import SystemPackage

/// What a mount allows, and how it is made.
public struct MountFlags: OptionSet, Sendable {
  /// The bits of mount(2).
  public let rawValue: UInt64

  /// Flags from the bits of mount(2).
  public init(rawValue: UInt64) { self.rawValue = rawValue }

  /// Nothing can be written.
  public static let readOnly = MountFlags(rawValue: 1)
  /// Set-id bits and file capabilities have no effect.
  public static let noSetID = MountFlags(rawValue: 2)
  /// Device nodes cannot be opened.
  public static let noDevices = MountFlags(rawValue: 4)
  static let remount = MountFlags(rawValue: 32)
  static let bind = MountFlags(rawValue: 4096)
  static let recursive = MountFlags(rawValue: 16384)
  static let slave = MountFlags(rawValue: 1 << 19)
}

/// A mount with one owner: undone when the value's life ends, unless it is kept.
public struct Mount: ~Copyable {
  /// Where it is.
  public let target: FilePath
  private var isOwned = true

  /// Mounts a file system.
  ///
  /// - Parameters:
  ///   - type: the file system's name in /proc/filesystems, with a subtype behind a dot for FUSE.
  ///   - source: the device, or what shows as such.
  ///   - data: the file system's own options, separated by commas.
  public init(
    _ type: String, _ source: FilePath, on target: FilePath, _ flags: MountFlags, data: String = ""
  ) throws(SystemError) {
    try Mounting.mount(type, source, on: target, flags, data: data)
    self.target = target
  }

  deinit {
    if isOwned { try? Mounting.unmount(target, lazily: true) }
  }

  /// Leaves the mount where it is.
  public consuming func keep() { isOwned = false }
}

/// System calls about mounts.
public enum Mounting {
  /// Mounts a file system; see ``Mount``.
  public static func mount(
    _ type: String, _ source: FilePath, on target: FilePath, _ flags: MountFlags, data: String = ""
  ) throws(SystemError) {
    try call(source, target, type, flags, data, "mount \(type) on")
  }

  /// A copy of what is mounted at a path, with the mounts beneath it, in no tree yet: whatever is mounted there
  /// later is not in it.
  ///
  /// - Throws: ``SystemError``: `ENOSYS` on kernels before 5.2.
  public static func copy(of path: FilePath) throws(SystemError) -> OwnedDescriptor {
    let number = try SystemError.check("copy the mount of", path) {
      path.withPlatformString { linux_open_tree($0) }
    }
    return OwnedDescriptor(adopting: number, path: path)
  }

  /// Puts a copy into the tree.
  public static func attach(
    _ copy: borrowing OwnedDescriptor, to target: FilePath
  ) throws(SystemError) {
    let number = copy.rawValue
    try SystemError.check("bind to", target) { target.withPlatformString { linux_move_mount(number, $0) } }
  }

  /// Takes rights away from a copy and the mounts beneath it. None is ever given.
  ///
  /// To be done before anything else: until then, the copy gives whatever the original does.
  ///
  /// - Throws: ``SystemError``: `ENOSYS` on kernels before 5.12.
  public static func restrict(
    _ copy: borrowing OwnedDescriptor, _ flags: MountFlags
  ) throws(SystemError) {
    // The first bits of mount_setattr's attributes are those of mount(2).
    let number = copy.rawValue
    try SystemError.check("restrict", copy.path) { linux_mount_setattr(number, flags.rawValue & 7) }
  }

  /// Forbids writing to what is mounted at a path, which this process has mounted with `flags`.
  public static func makeReadOnly(_ target: FilePath, _ flags: MountFlags) throws(SystemError) {
    try call(
      "none", target, nil, flags.union([.readOnly, .remount, .bind]), nil,
      "forbid writing to what is mounted on")
  }

  /// Keeps what this mount namespace does to itself, while it still sees what the one above unmounts.
  public static func makePrivate() throws(SystemError) {
    try call("none", "/", nil, [.slave, .recursive], nil, "make the mount namespace private at")
  }

  /// Unmounts what is on top at a path, which is not followed where it is a link.
  ///
  /// - Parameter lazily: whether it goes from the tree at once, and altogether when nobody uses it any more.
  public static func unmount(_ target: FilePath, lazily: Bool = false) throws(SystemError) {
    try SystemError.check("unmount", target) {
      target.withPlatformString { linux_unmount($0, 8 | (lazily ? 2 : 0)) }
    }
  }

  /// Makes a mount the root of this mount namespace, with the working directory there, and lets go of the old one.
  public static func pivotRoot(to root: FilePath) throws(SystemError) {
    try SystemError.check("enter", root) { root.withPlatformString { chdir($0) } }
    // With the same directory twice, the old root lies on top of the new one, where unmounting finds it.
    try SystemError.check("change the root to", root) { linux_pivot_root(".", ".") }
    try SystemError.check("let go of the old root") { linux_unmount(".", 2) }
    try SystemError.check("enter the new root") { chdir("/") }
  }

  private static func call(
    _ source: FilePath, _ target: FilePath, _ type: String?, _ flags: MountFlags, _ data: String?,
    _ operation: String
  ) throws(SystemError) {
    try SystemError.check(operation, target) {
      source.withPlatformString { source in
        target.withPlatformString { target in linux_mount(source, target, type, flags.rawValue, data) }
      }
    }
  }
}
