import CLinux
import Glibc
public import SystemPackage

/// A new file that takes a path's place only when it is complete.
///
/// The file is created without a name in the directory of its destination (`O_TMPFILE`), so that nothing is
/// left if the process dies. If the file system cannot do that, the file gets a hidden name, which is removed
/// unless ``commit()`` renamed it. Links in the destination path are followed: the target of a symbolic link
/// is replaced, not the link.
public struct ReplacementFile: ~Copyable {
  /// The new file, open for reading and writing.
  public let descriptor: OwnedDescriptor
  /// The path that ``commit()`` gives to the file.
  public let destination: FilePath
  private let temporary: FilePath
  private var isNamed: Bool

  /// Begins a file that will replace `path`.
  ///
  /// - Parameters:
  ///   - mode: permission bits before the umask; if a file is replaced, its permissions are kept.
  /// - Throws: ``SystemError`` with `EEXIST` if the path is a device or the like, and with `EISDIR` if it is a directory.
  public init(replacing path: FilePath, mode: mode_t) throws(SystemError) {
    let destination = Self.resolve(path)
    var old = stat()
    let exists = destination.withPlatformString { stat($0, &old) } == 0
    if exists {
      guard old.st_mode & S_IFMT != S_IFDIR else {
        throw SystemError(errno: .isDirectory, operation: "replace", path: path)
      }
      guard old.st_mode & S_IFMT == S_IFREG else {
        throw SystemError(
          errno: .fileExists, operation: "replace", path: path, detail: "it is \(FileKind.name(old.st_mode))")
      }
      // Without the right to write the file, it may not be replaced either, even if the directory allows it.
      try SystemError.check("write", path) {
        destination.withPlatformString { faccessat(AT_FDCWD, $0, W_OK, AT_EACCESS) }
      }
    }
    let directory = Self.directory(of: destination)
    // The name only has to be unlikely: because of O_EXCL and rename, a collision is an error, never a loss.
    let temporary = directory.appending(".sif-\(getpid())-\(UInt32.random(in: 0 ... .max))")

    var number = directory.withPlatformString { open($0, O_RDWR | linux_o_tmpfile | O_CLOEXEC, mode) }
    let isNamed = number < 0
    if isNamed {
      number = try SystemError.check("create a file in", directory) {
        temporary.withPlatformString { open($0, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, mode) }
      }
    }
    self.destination = destination
    self.temporary = temporary
    self.isNamed = isNamed
    descriptor = OwnedDescriptor(adopting: number, path: path)
    if exists { Self.copyAttributes(of: destination, status: old, to: number) }
  }

  deinit {
    if isNamed { _ = temporary.withPlatformString { unlink($0) } }
  }

  /// A second descriptor of the same open file, for another owner.
  public func duplicateDescriptor() throws(SystemError) -> OwnedDescriptor {
    try descriptor.copy()
  }

  /// Makes the file durable and gives it its name. The kernel replaces an existing file in one step.
  public mutating func commit() throws(SystemError) { try commit(as: destination) }

  /// Makes the file durable and gives it a name that became known only now, in the directory of its destination.
  package mutating func commit(as target: FilePath) throws(SystemError) {
    try SystemError.check("synchronize", target) { fsync(descriptor.rawValue) }
    let name = temporary
    if !isNamed {
      let source = "/proc/self/fd/\(descriptor.rawValue)"
      try SystemError.check("name", target) {
        name.withPlatformString { linkat(AT_FDCWD, source, AT_FDCWD, $0, AT_SYMLINK_FOLLOW) }
      }
      isNamed = true
    }
    try SystemError.check("rename to", target) {
      name.withPlatformString { from in target.withPlatformString { rename(from, $0) } }
    }
    isNamed = false
    // Make the rename itself survive a power cut. If the file system cannot sync directories, no data is lost.
    let directory = Self.directory(of: target)
    let folder = directory.withPlatformString { open($0, O_RDONLY | O_DIRECTORY | O_CLOEXEC) }
    if folder >= 0 {
      _ = fsync(folder)
      _ = close(folder)
    }
  }

  private static func directory(of path: FilePath) -> FilePath {
    let directory = path.removingLastComponent()
    return directory.isEmpty ? "." : directory
  }

  /// Gives the new file the owner, permissions and extended attributes of the old one, as far as the process
  /// may. Set-id bits are only kept together with their owner.
  private static func copyAttributes(of old: FilePath, status: stat, to descriptor: Int32) {
    let isOwned = fchown(descriptor, status.st_uid, status.st_gid) == 0
    _ = fchmod(descriptor, status.st_mode & (isOwned ? 0o7777 : 0o777))
    var names = [CChar](repeating: 0, count: 1 << 16)
    let length = old.withPlatformString { linux_llistxattr($0, &names, names.count) }
    guard length > 0 else { return }
    for name in names[..<length].split(separator: 0) {
      let name = Array(name) + [0]
      var value = [UInt8](repeating: 0, count: 1 << 16)
      let count = old.withPlatformString { linux_lgetxattr($0, name, &value, value.count) }
      if count >= 0 { _ = linux_fsetxattr(descriptor, name, value, count) }
    }
  }

  /// Follows symbolic links, including one whose target does not exist yet.
  private static func resolve(_ path: FilePath) -> FilePath {
    var path = path
    // The kernel follows this many links.
    for _ in 0..<40 {
      if let resolved = try? path.resolvingLinks() { return resolved }
      guard let link = try? path.linkTarget() else { return path }
      path = directory(of: path).pushing(link)
    }
    return path
  }
}
