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
    if exists, old.st_mode & S_IFMT != S_IFREG {
      throw SystemError(errno: .fileExists, operation: "replace (it is not a regular file)", path: path)
    }
    let directory = Self.directory(of: destination)
    // The name need only be unlikely: O_EXCL and the rename make a collision an error, never a loss.
    let name = destination.lastComponent?.string ?? "new"
    let temporary = directory.appending(".\(name).\(getpid())-\(UInt32.random(in: 0 ... .max))")

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
    if exists { _ = fchmod(number, old.st_mode & 0o7777) }
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

  /// The path behind symbolic links, or the path itself where nothing is there yet.
  private static func resolve(_ path: FilePath) -> FilePath {
    guard let resolved = path.withPlatformString({ realpath($0, nil) }) else { return path }
    defer { free(resolved) }
    return FilePath(platformString: resolved)
  }
}
