import Glibc
import LinuxSystem
import Synchronization

/// Lets the owner of a tree read and change everything in it.
enum PermissionFix {
  static func apply(to directory: borrowing OwnedDescriptor, depth: Int = 0) throws {
    guard depth < HostFiles.deepest else { return }
    let mode = try directory.status().st_mode & 0o7777
    if mode & 0o700 != 0o700 { try directory.setPermissions(mode | 0o700) }
    for name in try directory.names() {
      guard let status = try directory.status(of: name) else { continue }
      switch status.st_mode & S_IFMT {
      case S_IFDIR: try apply(to: try directory.openDirectory(name), depth: depth + 1)
      case S_IFREG where status.st_mode & 0o600 != 0o600:
        try directory.setPermissions(of: name, status.st_mode & 0o7777 | 0o600, type: S_IFREG)
      default: break
      }
    }
  }
}

/// Values that threads add.
final class Collected<Value: Sendable>: Sendable {
  private let values = Mutex<[Value]>([])

  /// All so far.
  var all: [Value] { values.withLock { $0 } }

  /// Adds one.
  func append(_ value: Value) { values.withLock { $0.append(value) } }
}
