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
  private let consequence: String

  /// Opens a directory; nil if it does not exist.
  ///
  /// - Parameter consequence: what it means that a file is unusable, for messages.
  /// - Throws: ``PolicyError`` if one of the path's components is a link or not a directory, or cannot be opened.
  init?(
    opening path: FilePath, consequence: String = "until that is repaired, its policy denies every image"
  ) throws(PolicyError) {
    self.path = path
    self.consequence = consequence
    do { descriptor = try Self.open(path) } catch {
      guard error.errno != .noSuchFileOrDirectory else { return nil }
      throw Self.unusable(path, error, consequence)
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

  private static func unusable(
    _ path: FilePath, _ error: SystemError, _ consequence: String
  ) -> PolicyError {
    let reason =
      error.errno == .tooManySymbolicLinkLevels
      ? "is a symbolic link, or its path contains one" : "cannot be read (\(error.errno.description))"
    return .unusable(path.string, reason, consequence)
  }

  private func unusable(_ path: FilePath, _ reason: String) -> PolicyError {
    .unusable(path.string, reason, consequence)
  }

  /// Whether a file of that name exists.
  func contains(_ name: String) throws(PolicyError) -> Bool {
    do { return try descriptor.status(of: Array(name.utf8)) != nil } catch {
      throw Self.unusable(path.appending(name), error, consequence)
    }
  }

  /// Refuses a directory that users other than root could change.
  func requireTrust() throws(PolicyError) {
    let status: stat
    do { status = try descriptor.status() } catch { throw Self.unusable(path, error, consequence) }
    try requireTrust(status, path)
  }

  private func requireTrust(_ status: stat, _ path: FilePath) throws(PolicyError) {
    guard status.st_uid == 0 else {
      throw unusable(path, "belongs to user \(status.st_uid), not to root")
    }
    // With an access control list, the group's bits are the upper limit of what it gives to others.
    guard status.st_mode & 0o022 == 0 else {
      throw unusable(path, "can be written by users other than root")
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
      guard error.errno != .noSuchFileOrDirectory else { throw unusable(path, "is missing") }
      throw Self.unusable(path, error, consequence)
    }
    let status: stat
    do { status = try file.status() } catch { throw Self.unusable(path, error, consequence) }
    guard status.st_mode & S_IFMT == S_IFREG else { throw unusable(path, "is not a regular file") }
    try requireTrust(status, path)
    let bytes: [UInt8]
    do { bytes = try file.readToEnd(limit: limit + 1) } catch {
      throw Self.unusable(path, error, consequence)
    }
    guard bytes.count <= limit else {
      throw unusable(path, "is longer than \(limit) bytes")
    }
    return bytes
  }
}
