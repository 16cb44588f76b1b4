import Glibc
public import SystemPackage

/// The lock of a file of the system that its programs replace: a file beside it whose name ends in `.lock` and which
/// holds the number of the process that has the lock, as the programs of shadow-utils make it.
///
/// It is removed when the value's life ends. A lock whose process is gone is taken away.
public struct LockFile: ~Copyable {
  private let path: FilePath

  /// Takes the lock. Waits at most `patience` seconds for another process.
  ///
  /// - Throws: ``SystemError`` with `EAGAIN` if another process has it, and with `EBADMSG` if the file does not say which.
  public init(of file: FilePath, patience: Double = 15) throws(SystemError) {
    let lock = FilePath(file.string + ".lock")
    let own = FilePath("\(file.string).\(getpid())")
    _ = own.withPlatformString { unlink($0) }
    let content = try OwnedDescriptor(
      opening: own, flags: O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode: 0o600)
    defer { _ = own.withPlatformString { unlink($0) } }
    // The other programs expect a NUL after the digits.
    try SystemError.writeAll(Array("\(getpid())\0".utf8).span.bytes, to: content.rawValue)
    let pause = 0.02
    var waited = 0.0
    while true {
      do {
        try SystemError.check("lock", file) {
          own.withPlatformString { from in lock.withPlatformString { link(from, $0) } }
        }
        path = lock
        return
      } catch  where error.errno == .fileExists {
        if try Self.removeStale(lock) { continue }
        guard waited < patience else {
          throw SystemError(errno: .resourceTemporarilyUnavailable, operation: "lock", path: file)
        }
        usleep(UInt32(pause * 1_000_000))
        waited += pause
      }
    }
  }

  deinit { _ = path.withPlatformString { unlink($0) } }

  /// Removes a lock whose process is gone. Returns whether the lock may be tried at once.
  private static func removeStale(_ lock: FilePath) throws(SystemError) -> Bool {
    let file: OwnedDescriptor
    do {
      file = try OwnedDescriptor(opening: lock, flags: O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY)
    } catch {
      guard error.errno == .noSuchFileOrDirectory else { throw error }
      return true
    }
    let text = String(
      decoding: try file.readToEnd(limit: 32).prefix { (0x30...0x39).contains($0) }, as: UTF8.self)
    guard let process = pid_t(text), process > 0 else {
      throw SystemError(errno: Errno(rawValue: EBADMSG), operation: "read the lock", path: lock)
    }
    guard kill(process, 0) != 0, errno == ESRCH else { return false }
    // Two processes may find the same stale lock. Only one may remove it, and only as long as it is that one.
    guard try file.lockWhole() else { return false }
    var now = stat()
    let own = try file.status()
    if lock.withPlatformString({ lstat($0, &now) }) == 0, now.st_dev == own.st_dev, now.st_ino == own.st_ino {
      try SystemError.check("remove the old lock", lock) { lock.withPlatformString { unlink($0) } }
    }
    return true
  }
}
