import CLinux
import Glibc
import LinuxSystem
import SystemPackage

/// An open directory of administrators' files, and how these are read: never through a link, and only where nobody but
/// root can have written them.
struct PolicyDirectory: ~Copyable {
  /// The most bytes of a file with rules.
  static let maximumBytes = 1 << 20

  let path: FilePath
  private let descriptor: OwnedDescriptor

  /// Opens a directory; nil where there is none.
  ///
  /// - Throws: ``PolicyError`` where one of the path's components is no directory or a link, or cannot be looked at.
  init?(opening path: FilePath) throws(PolicyError) {
    self.path = path
    do { descriptor = try Self.open(path) } catch {
      guard error.errno != .noSuchFileOrDirectory else { return nil }
      throw Self.unusable(path, error)
    }
  }

  private static func open(_ path: FilePath) throws(SystemError) -> OwnedDescriptor {
    var descriptor = try OwnedDescriptor(opening: "/", flags: linux_o_path | O_DIRECTORY)
    for component in path.components {
      descriptor = try descriptor.openBeneath(
        Array(component.string.utf8), flags: linux_o_path | O_DIRECTORY)
    }
    return descriptor
  }

  private static func unusable(_ path: FilePath, _ error: SystemError) -> PolicyError {
    switch error.errno {
    case .tooManySymbolicLinkLevels: .unusable(path.string, "is a symbolic link, or behind one")
    default: .unusable(path.string, "cannot be read (\(error.errno.description))")
    }
  }

  /// Whether there is anything of that name.
  func contains(_ name: String) throws(PolicyError) -> Bool {
    do { return try descriptor.status(of: Array(name.utf8)) != nil } catch {
      throw Self.unusable(path.appending(name), error)
    }
  }

  /// Refuses a directory that somebody besides root could change.
  func requireTrust() throws(PolicyError) {
    let status: stat
    do { status = try descriptor.status() } catch { throw Self.unusable(path, error) }
    try Self.requireTrust(status, path)
  }

  private static func requireTrust(_ status: stat, _ path: FilePath) throws(PolicyError) {
    guard status.st_uid == 0 else {
      throw .unusable(path.string, "belongs to user \(status.st_uid), not to root")
    }
    // The group's bits are also the most that an access control list gives to anybody.
    guard status.st_mode & 0o022 == 0 else {
      throw .unusable(path.string, "can be written by others than root")
    }
  }

  /// Reads a file.
  ///
  /// - Throws: ``PolicyError`` where it is missing, no regular file, not root's alone, or longer than `limit` bytes.
  func read(_ name: String, limit: Int = maximumBytes) throws(PolicyError) -> [UInt8] {
    let path = path.appending(name)
    let file: OwnedDescriptor
    do {
      // Neither a pipe nor a terminal may keep us waiting.
      file = try descriptor.openBeneath(Array(name.utf8), flags: O_RDONLY | O_NONBLOCK | O_NOCTTY)
    } catch {
      guard error.errno != .noSuchFileOrDirectory else { throw .unusable(path.string, "is missing") }
      throw Self.unusable(path, error)
    }
    let status: stat
    do { status = try file.status() } catch { throw Self.unusable(path, error) }
    guard status.st_mode & S_IFMT == S_IFREG else { throw .unusable(path.string, "is no regular file") }
    try Self.requireTrust(status, path)
    let bytes: [UInt8]
    do { bytes = try file.readToEnd(limit: limit + 1) } catch { throw Self.unusable(path, error) }
    guard bytes.count <= limit else {
      throw .unusable(path.string, "is longer than \(limit) bytes")
    }
    return bytes
  }
}
