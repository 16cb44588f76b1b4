import Glibc
import LinuxSystem
import SystemPackage

/// A file of the administrators that is read, changed and replaced as a whole, under a lock.
struct AdministratorsFile: ~Copyable {
  let path: FilePath
  /// Its content; empty if it does not exist.
  let bytes: [UInt8]
  private let lock: LockFile

  /// Locks and reads a file.
  ///
  /// - Throws: ``PolicyError`` if the file is not a regular one, or others than root can write it or its directory;
  ///   ``AdministrationError`` if this process is not root's, or another process has the lock.
  init(changing name: String, in directory: FilePath, limit: Int) throws {
    guard geteuid() == 0 else {
      throw AdministrationError(.notRoot, "only root may change \(directory.appending(name).string)")
    }
    // This comes before the lock: another user who can write the directory could put a link in the place of the lock file.
    try Self.requireTrust(directory)
    let taken = try Self.lock(directory.appending(name))
    let content = try Self.read(name, in: directory, limit: limit)
    path = directory.appending(name)
    bytes = content
    lock = taken
  }

  private static func lock(_ path: FilePath) throws(AdministrationError) -> LockFile {
    do { return try LockFile(of: path) } catch { throw failure(path, error) }
  }

  /// Reads a file without its lock; empty if it does not exist.
  static func read(
    _ name: String, in directory: FilePath, limit: Int, consequence: String = "nothing was changed"
  ) throws(PolicyError) -> [UInt8] {
    guard let opened = try PolicyDirectory(opening: directory, consequence: consequence),
      try opened.contains(name)
    else { return [] }
    try opened.requireTrust()
    return try opened.read(name, limit: limit)
  }

  private static func requireTrust(_ directory: FilePath) throws(PolicyError) {
    try PolicyDirectory(opening: directory, consequence: "nothing was changed")?.requireTrust()
  }

  /// Replaces the file in one step, if its content is another one.
  func replace(with new: [UInt8]) throws(AdministrationError) {
    guard new != bytes else { return }
    do throws(SystemError) {
      let mask = umask(0o022)
      defer { umask(mask) }
      var file = try ReplacementFile(replacing: path, mode: 0o644)
      try file.descriptor.write(new)
      try file.commit()
    } catch { throw Self.failure(path, error) }
  }

  private static func failure(_ path: FilePath, _ error: SystemError) -> AdministrationError {
    let reason =
      switch error.errno {
      case .resourceTemporarilyUnavailable: "another process has it locked (\(path.string).lock)"
      case .badMessage: "its lock \(path.string).lock does not say which process has it"
      default: "\(error)"
      }
    return AdministrationError(
      .system, "\(path.string) cannot be changed: \(reason)", underlying: error)
  }
}

extension OwnedDescriptor {
  fileprivate func write(_ bytes: [UInt8]) throws(SystemError) {
    try SystemError.writeAll(bytes.span.bytes, to: rawValue)
  }
}
