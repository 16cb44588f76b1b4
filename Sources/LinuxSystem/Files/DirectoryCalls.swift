import CLinux
import Glibc
public import SystemPackage

/// Calls relative to an open directory. A name is one component of raw bytes, without slash and NUL. Symbolic
/// links are never followed, so that nobody who changes the tree meanwhile can lead a call outside.
extension OwnedDescriptor {
  /// Opens a file of this directory. `O_CLOEXEC` and `O_NOFOLLOW` are always added.
  public func openBeneath(
    _ name: [UInt8], flags: Int32, mode: mode_t = 0
  ) throws(SystemError) -> OwnedDescriptor {
    let flags = flags | O_CLOEXEC | O_NOFOLLOW
    let number = try SystemError.check("open") {
      withTerminated(name) { pointer in
        let number = linux_openat2(
          rawValue, pointer, UInt64(UInt32(bitPattern: flags)), UInt64(mode),
          linux_resolve_beneath | linux_resolve_no_symlinks)
        // On kernels before 5.6, and in sandboxes that do not know the call: openat does the same for one component.
        return number < 0 && linux_errno() == ENOSYS ? openat(rawValue, pointer, flags, mode) : number
      }
    }
    return OwnedDescriptor(adopting: number, path: FilePath())
  }

  /// Opens a file of this directory only to name it. A symbolic link is not followed: it is the file.
  public func namingBeneath(_ name: [UInt8]) throws(SystemError) -> OwnedDescriptor {
    try openBeneath(name, flags: linux_o_path | O_NOFOLLOW)
  }

  /// The flag of opening a file only to name it.
  public static var namingFlag: Int32 { linux_o_path }

  /// When this file was made, in seconds and nanoseconds; nil if its file system does not keep that.
  public var birthTime: (seconds: Int64, nanoseconds: UInt32)? {
    var (seconds, nanoseconds): (Int64, UInt32) = (0, 0)
    guard linux_birth_time(rawValue, &seconds, &nanoseconds) == 1 else { return nil }
    return (seconds, nanoseconds)
  }

  /// Opens a path as if this directory were the root: links that are absolute, and `..`, stay inside.
  ///
  /// - Throws: ``SystemError``; `ELOOP` if the path leads through a magic link of /proc; `ENOSYS` on kernels
  ///   before 5.6.
  public func openInRoot(_ path: FilePath, flags: Int32) throws(SystemError) -> OwnedDescriptor {
    try Self.open(path, from: rawValue, flags, linux_resolve_in_root | linux_resolve_no_magiclinks)
  }

  /// Opens a path whose links are in a file system that somebody else made. It does not follow the magic
  /// links of /proc, such as `/proc/1/root` and `/proc/self/fd/3`: they can lead out of this process's root.
  ///
  /// - Throws: ``SystemError``; `ELOOP` if the path leads through a magic link; `ENOSYS` on kernels before 5.6.
  public static func withoutMagicLinks(_ path: FilePath, flags: Int32) throws(SystemError) -> OwnedDescriptor
  {
    try open(path, from: AT_FDCWD, flags, linux_resolve_no_magiclinks)
  }

  private static func open(
    _ path: FilePath, from directory: Int32, _ flags: Int32, _ resolve: UInt64
  ) throws(SystemError) -> OwnedDescriptor {
    let number = try SystemError.check("open", path) {
      path.withPlatformString {
        linux_openat2(directory, $0, UInt64(UInt32(bitPattern: flags | O_CLOEXEC)), 0, resolve)
      }
    }
    return OwnedDescriptor(adopting: number, path: path)
  }

  /// The kernel's name of this open file, for calls that only take paths.
  public var pathOfDescriptor: FilePath { FilePath("/proc/self/fd/\(rawValue)") }

  /// Opens a path only to name the file: neither for reading nor for writing.
  public static func naming(_ path: FilePath) throws(SystemError) -> OwnedDescriptor {
    try OwnedDescriptor(opening: path, flags: linux_o_path)
  }

  /// The path of this open file, from this process's root.
  public func currentPath() throws(SystemError) -> FilePath {
    var target = [CChar](repeating: 0, count: Int(PATH_MAX))
    let name = pathOfDescriptor
    let count = try SystemError.check("find", path) {
      name.withPlatformString { readlink($0, &target, target.count) }
    }
    return FilePath(bytes: target[..<count].map { UInt8(bitPattern: $0) })
  }

  /// Opens a directory of this directory for reading.
  public func openDirectory(_ name: [UInt8]) throws(SystemError) -> OwnedDescriptor {
    try openBeneath(name, flags: O_RDONLY | O_DIRECTORY)
  }

  /// Makes a directory.
  public func makeDirectory(_ name: [UInt8], mode: mode_t) throws(SystemError) {
    try SystemError.check("create the directory") { withTerminated(name) { mkdirat(rawValue, $0, mode) } }
  }

  /// Makes a symbolic link.
  public func makeSymlink(_ name: [UInt8], target: [UInt8]) throws(SystemError) {
    try SystemError.check("create the symbolic link") {
      withTerminated(name) { name in withTerminated(target) { symlinkat($0, rawValue, name) } }
    }
  }

  /// Makes a device node, named pipe or socket.
  public func makeNode(_ name: [UInt8], mode: mode_t, device: dev_t) throws(SystemError) {
    try SystemError.check("create the node") { withTerminated(name) { mknodat(rawValue, $0, mode, device) } }
  }

  /// Gives a file of another directory an additional name in this one.
  public func makeLink(
    _ name: [UInt8], to original: [UInt8], in directory: borrowing OwnedDescriptor
  ) throws(SystemError) {
    let source = directory.rawValue
    try SystemError.check("create the hard link") {
      withTerminated(name) { name in withTerminated(original) { linkat(source, $0, rawValue, name, 0) } }
    }
  }

  /// Removes the name of a file or of an empty directory.
  public func remove(_ name: [UInt8], isDirectory: Bool = false) throws(SystemError) {
    try SystemError.check("remove") {
      withTerminated(name) { unlinkat(rawValue, $0, isDirectory ? AT_REMOVEDIR : 0) }
    }
  }

  /// The status of a file of this directory, or nil if it does not exist.
  public func status(of name: [UInt8]) throws(SystemError) -> stat? {
    var status = stat()
    do {
      try SystemError.check("examine") {
        withTerminated(name) { fstatat(rawValue, $0, &status, AT_SYMLINK_NOFOLLOW) }
      }
    } catch  where error.errno == .noSuchFileOrDirectory {
      return nil
    }
    return status
  }

  /// The target of a symbolic link of this directory.
  public func symlinkTarget(of name: [UInt8]) throws(SystemError) -> [UInt8] {
    var target = [CChar](repeating: 0, count: Int(PATH_MAX))
    let count = try SystemError.check("read the symbolic link") {
      withTerminated(name) { readlinkat(rawValue, $0, &target, target.count) }
    }
    return target[..<count].map { UInt8(bitPattern: $0) }
  }

  /// Sets the owner of a file of this directory.
  public func setOwner(of name: [UInt8], user: uid_t, group: gid_t) throws(SystemError) {
    try SystemError.check("set the owner") {
      withTerminated(name) { fchownat(rawValue, $0, user, group, AT_SYMLINK_NOFOLLOW) }
    }
  }

  /// Sets the permission bits of a file of this directory, if it still has the given type (`S_IFMT` bits).
  ///
  /// They are set through the kernel's name of the open file, which nobody can replace by a link.
  public func setPermissions(of name: [UInt8], _ mode: mode_t, type: mode_t) throws(SystemError) {
    let node = try openBeneath(name, flags: linux_o_path)
    guard try node.status().st_mode & S_IFMT == type else {
      throw SystemError(errno: .fileExists, operation: "set the permissions of a file that was replaced")
    }
    let number = node.rawValue
    try SystemError.check("set the permissions") { chmod("/proc/self/fd/\(number)", mode) }
  }

  /// Sets both times of a file of this directory, in Unix seconds.
  public func setTimes(of name: [UInt8], to seconds: Int64) throws(SystemError) {
    let times = [timespec(tv_sec: Int(seconds), tv_nsec: 0), timespec(tv_sec: Int(seconds), tv_nsec: 0)]
    try SystemError.check("set the times") {
      withTerminated(name) { utimensat(rawValue, $0, times, AT_SYMLINK_NOFOLLOW) }
    }
  }

  /// Sets the owner of this file.
  public func setOwner(user: uid_t, group: gid_t) throws(SystemError) {
    try SystemError.check("set the owner") { fchown(rawValue, user, group) }
  }

  /// Sets the permission bits of this file.
  public func setPermissions(_ mode: mode_t) throws(SystemError) {
    try SystemError.check("set the permissions") { fchmod(rawValue, mode) }
  }

  /// Sets both times of this file, in Unix seconds.
  public func setTimes(to seconds: Int64) throws(SystemError) {
    var times = (timespec(tv_sec: Int(seconds), tv_nsec: 0), timespec(tv_sec: Int(seconds), tv_nsec: 0))
    try SystemError.check("set the times") {
      withUnsafePointer(to: &times) { pointer in
        pointer.withMemoryRebound(to: timespec.self, capacity: 2) { futimens(rawValue, $0) }
      }
    }
  }
}

/// Calls `body` with the bytes as a C string.
func withTerminated<Result>(_ bytes: [UInt8], _ body: (UnsafePointer<CChar>) -> Result) -> Result {
  var text: [CChar] = []
  text.reserveCapacity(bytes.count + 1)
  for byte in bytes { text.append(CChar(bitPattern: byte)) }
  text.append(0)
  return body(text)
}

extension OwnedDescriptor {
  /// The names in this directory, without `.` and `..`, in the order of the file system.
  ///
  /// - Parameter limit: the number of names after which reading stops.
  public func names(limit: Int = .max) throws(SystemError) -> [[UInt8]] {
    let copy = try SystemError.check("read the directory") { fcntl(rawValue, F_DUPFD_CLOEXEC, 0) }
    guard let stream = fdopendir(copy) else {
      let reason = Errno(rawValue: linux_errno())
      _ = Glibc.close(copy)
      throw SystemError(errno: reason, operation: "read the directory")
    }
    defer { closedir(stream) }
    // The copy shares its position with this descriptor.
    rewinddir(stream)
    var names: [[UInt8]] = []
    while names.count < limit {
      linux_set_errno(0)
      guard let entry = readdir(stream) else { break }
      let name = withUnsafeBytes(of: &entry.pointee.d_name) { Array($0.prefix { $0 != 0 }) }
      if name != [0x2E], name != [0x2E, 0x2E] { names.append(name) }
    }
    let reason = names.count < limit ? linux_errno() : 0
    guard reason == 0 else {
      throw SystemError(errno: Errno(rawValue: reason), operation: "read the directory")
    }
    return names
  }
}
