import CLinux
import Glibc
public import SystemPackage

/// A new file that takes a path's place only when it is complete.
///
/// The file is made without a name in the directory of its destination (`O_TMPFILE`), so that a process that
/// dies leaves nothing behind; where the file system cannot do that it gets a hidden name, removed again
/// unless ``commit()`` renamed it. Links in the destination path are followed: the file behind a symbolic
/// link is replaced, not the link.
public struct ReplacementFile: ~Copyable {
  /// The new file, open for reading and writing.
  public let descriptor: OwnedDescriptor
  /// The path that ``commit()`` gives it.
  public let destination: FilePath
  private let temporary: FilePath
  private var isNamed: Bool

  /// Begins a file that will replace `path`.
  ///
  /// - Parameters:
  ///   - mode: permission bits before the umask; a file that is being replaced keeps its own.
  /// - Throws: `EEXIST` wrapped in a ``SystemError`` when the path is something other than a regular file.
  public init(replacing path: FilePath, mode: mode_t) throws(SystemError) {
    let destination = Self.resolve(path)
    var old = stat()
    let exists = destination.withPlatformString { stat($0, &old) } == 0
    if exists {
      guard old.st_mode & S_IFMT == S_IFREG else {
        throw SystemError(errno: .fileExists, operation: "replace what is not a regular file", path: path)
      }
      // Whoever may not write a file may not replace it either, though the directory would let them.
      try SystemError.check("write", path) {
        destination.withPlatformString { faccessat(AT_FDCWD, $0, W_OK, AT_EACCESS) }
      }
    }
    let directory = Self.directory(of: destination)
    // The name need only be unlikely: O_EXCL and the rename make a collision an error, never a loss.
    let temporary = directory.appending(".sif-\(getpid())-\(UInt32.random(in: 0 ... .max))")

    var number = directory.withPlatformString { open($0, O_RDWR | linux_o_tmpfile | O_CLOEXEC, mode) }
    let isNamed = number < 0
    if isNamed {
      number = try SystemError.check("create", path) {
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

  /// A second descriptor of the same open file, for an owner of its own.
  public func duplicateDescriptor() throws(SystemError) -> OwnedDescriptor {
    let copy = try SystemError.check("duplicate the descriptor of", destination) {
      linux_duplicate(descriptor.rawValue)
    }
    return OwnedDescriptor(adopting: copy, path: descriptor.path)
  }

  /// Makes the file durable and gives it its name, replacing what was there, in one step of the kernel.
  public mutating func commit() throws(SystemError) {
    try SystemError.check("synchronize", destination) { fsync(descriptor.rawValue) }
    let target = destination
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
    // The rename itself must survive a power cut too. A file system that cannot sync directories loses no data.
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

  /// Gives the new file the owner, the permissions and the extended attributes of the old one, as far as the
  /// process may. Set-id bits are kept only with the owner that they are about.
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

  /// The path behind symbolic links, also of one that leads to nothing yet.
  private static func resolve(_ path: FilePath) -> FilePath {
    var path = path
    // As many links as the kernel follows.
    for _ in 0..<40 {
      if let resolved = try? path.resolvingLinks() { return resolved }
      guard let link = try? path.linkTarget() else { return path }
      path = directory(of: path).pushing(link)
    }
    return path
  }
}
