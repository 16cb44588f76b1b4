import CLinux
import Glibc
import SystemPackage

extension OwnedDescriptor {
  /// Takes an open-file-description lock on a byte range. Waits at most `patience` seconds for other locks.
  ///
  /// Such a lock belongs to this descriptor's open file, not to the process: two descriptors of one process
  /// exclude each other, and the last close releases the lock. Waiting polls, because a blocking call could
  /// only be ended by a signal.
  ///
  /// - Parameters:
  ///   - exclusive: whether to keep readers out too; the descriptor must then be open for writing.
  ///   - start: the first byte of the range; it may be beyond the end of the file.
  ///   - length: the number of bytes.
  ///   - patience: seconds to wait before giving up with `EAGAIN`.
  public func lock(
    exclusive: Bool, start: Int64, length: Int64, patience: Double
  ) throws(SystemError) {
    let pause: Double = 0.005
    var waited: Double = 0
    while true {
      do {
        try setLock(Int16(exclusive ? F_WRLCK : F_RDLCK), start: start, length: length)
        return
      } catch  where error.errno == .resourceTemporarilyUnavailable || error.errno == .permissionDenied {
        guard waited < patience else { throw error }
        usleep(UInt32(pause * 1_000_000))
        waited += pause
      }
    }
  }

  /// Releases a range that ``lock(exclusive:start:length:patience:)`` took.
  public func unlock(start: Int64, length: Int64) throws(SystemError) {
    try setLock(Int16(F_UNLCK), start: start, length: length)
  }

  /// Locks the whole file or directory, for as long as any process has this open file.
  ///
  /// - Returns: false if another open file has the lock.
  public func lockWhole() throws(SystemError) -> Bool {
    do {
      try SystemError.check("lock", path) { flock(rawValue, LOCK_EX | LOCK_NB) }
      return true
    } catch {
      guard error.errno == .resourceTemporarilyUnavailable else { throw error }
      return false
    }
  }

  /// Whether any process has this file open for writing at this moment.
  ///
  /// The kernel tells this to the file's owner and to root, for files of local file systems, by refusing a
  /// lease. In all other cases the result is false. This descriptor must be open for reading only.
  public func hasWriter() -> Bool {
    // If the file is opened for writing meanwhile, the kernel sends this signal.
    let old = signal(SIGIO, SIG_IGN)
    defer { _ = signal(SIGIO, old) }
    guard linux_fcntl_lease(rawValue, Int32(F_RDLCK)) == 0 else { return linux_errno() == EAGAIN }
    _ = linux_fcntl_lease(rawValue, Int32(F_UNLCK))
    return false
  }

  private func setLock(_ type: Int16, start: Int64, length: Int64) throws(SystemError) {
    var lock = flock()
    lock.l_type = type
    lock.l_whence = Int16(SEEK_SET)
    lock.l_start = Int(start)
    lock.l_len = Int(length)
    try SystemError.check("lock", path) { linux_fcntl_lock(rawValue, linux_f_ofd_setlk, &lock) }
  }
}
