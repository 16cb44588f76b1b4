import CLinux
import Glibc
public import SystemPackage

/// The restrictions of a mount, and the ways to make it.
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
  /// The directory that it is mounted on.
  public let target: FilePath
  private var isOwned = true

  /// Mounts a file system.
  ///
  /// - Parameters:
  ///   - type: the file system's name in /proc/filesystems; for FUSE with a dot and a subtype.
  ///   - source: the device, or the name to show in its place.
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

  /// Leaves the mount in place when this value's life ends.
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

  /// A copy of the mount at a path and of the mounts beneath it, which is not attached to a tree.
  ///
  /// - Throws: ``SystemError``: `ENOSYS` on kernels before 5.2.
  public static func copy(of path: FilePath) throws(SystemError) -> OwnedDescriptor {
    let number = try SystemError.check("copy the mount of", path) {
      path.withPlatformString { linux_open_tree($0) }
    }
    return OwnedDescriptor(adopting: number, path: path)
  }

  /// Attaches a copy to the tree.
  public static func attach(
    _ copy: borrowing OwnedDescriptor, to target: FilePath
  ) throws(SystemError) {
    let number = copy.rawValue
    try SystemError.check("bind to", target) { target.withPlatformString { linux_move_mount(number, $0) } }
  }

  /// Takes rights away from a copy and from the mounts beneath it. It never adds any.
  ///
  /// Do this before anything else: until then, the copy has all the rights of the original.
  ///
  /// - Parameter alone: whether mounts that appear later in the original stay out of the copy.
  /// - Throws: ``SystemError``: `ENOSYS` on kernels before 5.12.
  public static func restrict(
    _ copy: borrowing OwnedDescriptor, _ flags: MountFlags, alone: Bool = false
  ) throws(SystemError) {
    // The first bits of mount_setattr's attributes are those of mount(2).
    let number = copy.rawValue
    let propagation: UInt64 = alone ? 1 << 18 : 0
    try SystemError.check("restrict", copy.path) {
      linux_mount_setattr(number, flags.rawValue & 7, propagation)
    }
  }

  /// Forbids writing to the mount at a path, which this process has made with `flags`.
  public static func makeReadOnly(_ target: FilePath, _ flags: MountFlags) throws(SystemError) {
    try call(
      "none", target, nil, flags.union([.readOnly, .remount, .bind]), nil,
      "forbid writing to what is mounted on")
  }

  /// Keeps changes inside this mount namespace; unmounts in the parent namespace still take effect here.
  public static func makePrivate() throws(SystemError) {
    try call("none", "/", nil, [.slave, .recursive], nil, "make the mount namespace private at")
  }

  /// Unmounts the topmost mount at a path. If the path is a symbolic link, it is not followed.
  ///
  /// - Parameter lazily: whether to take it from the tree at once, even if it is in use; it ends with its last user.
  public static func unmount(_ target: FilePath, lazily: Bool = false) throws(SystemError) {
    try SystemError.check("unmount", target) {
      target.withPlatformString { linux_unmount($0, 8 | (lazily ? 2 : 0)) }
    }
  }

  /// Makes a mount the root of this mount namespace, enters it, and unmounts the old root.
  public static func pivotRoot(to root: FilePath) throws(SystemError) {
    try SystemError.check("enter", root) { root.withPlatformString { chdir($0) } }
    // With the same directory twice, the old root lies on top of the new one, so that unmounting finds it.
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
