import CLinux
import Glibc
import LinuxSystem
import SystemPackage

/// An open directory of administrators' files, and the way to read them: never through a link, and only files
/// that nobody but root can have written.
struct PolicyDirectory: ~Copyable {
  /// The most bytes that a file with rules may have.
  static let maximumBytes = 1 << 20

  let path: FilePath
  private let descriptor: OwnedDescriptor

  /// Opens a directory; nil if it does not exist.
  ///
  /// - Throws: ``PolicyError`` if one of the path's components is a link or not a directory, or cannot be opened.
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
    case .tooManySymbolicLinkLevels: .unusable(path.string, "is a symbolic link, or its path contains one")
    default: .unusable(path.string, "cannot be read (\(error.errno.description))")
    }
  }

  /// Whether a file of that name exists.
  func contains(_ name: String) throws(PolicyError) -> Bool {
    do { return try descriptor.status(of: Array(name.utf8)) != nil } catch {
      throw Self.unusable(path.appending(name), error)
    }
  }

  /// Refuses a directory that users other than root could change.
  func requireTrust() throws(PolicyError) {
    let status: stat
    do { status = try descriptor.status() } catch { throw Self.unusable(path, error) }
    try Self.requireTrust(status, path)
  }

  private static func requireTrust(_ status: stat, _ path: FilePath) throws(PolicyError) {
    guard status.st_uid == 0 else {
      throw .unusable(path.string, "belongs to user \(status.st_uid), not to root")
    }
    // With an access control list, the group's bits are the upper limit of what it gives to others.
    guard status.st_mode & 0o022 == 0 else {
      throw .unusable(path.string, "can be written by users other than root")
    }
  }

  /// Reads a file.
  ///
  /// - Throws: ``PolicyError`` if the file is missing, not a regular file, writable by others than root, or
  ///   longer than `limit` bytes.
  func read(_ name: String, limit: Int = maximumBytes) throws(PolicyError) -> [UInt8] {
    let path = path.appending(name)
    let file: OwnedDescriptor
    do {
      // The flags keep a pipe or a terminal from blocking.
      file = try descriptor.openBeneath(Array(name.utf8), flags: O_RDONLY | O_NONBLOCK | O_NOCTTY)
    } catch {
      guard error.errno != .noSuchFileOrDirectory else { throw .unusable(path.string, "is missing") }
      throw Self.unusable(path, error)
    }
    let status: stat
    do { status = try file.status() } catch { throw Self.unusable(path, error) }
    guard status.st_mode & S_IFMT == S_IFREG else { throw .unusable(path.string, "is not a regular file") }
    try Self.requireTrust(status, path)
    let bytes: [UInt8]
    do { bytes = try file.readToEnd(limit: limit + 1) } catch { throw Self.unusable(path, error) }
    guard bytes.count <= limit else {
      throw .unusable(path.string, "is longer than \(limit) bytes")
    }
    return bytes
  }
}
