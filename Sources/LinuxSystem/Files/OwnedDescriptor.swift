import CLinux
import Glibc
public import SystemPackage

/// A file descriptor with one owner. It is closed when the value's life ends, or by ``close()``.
///
/// All reads and writes are positional, so that several threads may share a descriptor by borrowing it.
public struct OwnedDescriptor: ~Copyable, Sendable {
  /// The kernel's number. This value owns it: never close it, and never keep it.
  public let rawValue: Int32
  /// The path that it was opened by, for messages.
  public let path: FilePath
  private var isOpen = true

  /// The `open(2)` flag that keeps reads from changing the access time. Only the owner and root may use it.
  public static var keepsAccessTime: Int32 { linux_o_noatime }

  /// How many descriptors this process may have open at once (`ulimit -n`).
  public static var limit: Int {
    var limit = rlimit()
    guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return 1024 }
    return Int(clamping: limit.rlim_cur)
  }

  /// Takes over a descriptor that the caller opened.
  public init(adopting rawValue: Int32, path: FilePath) {
    self.rawValue = rawValue
    self.path = path
  }

  /// Opens a path. `O_CLOEXEC` is always added.
  ///
  /// - Parameters:
  ///   - flags: `open(2)` flags.
  ///   - mode: permission bits for a file that is created, before the umask.
  public init(opening path: FilePath, flags: Int32, mode: mode_t = 0) throws(SystemError) {
    rawValue = try SystemError.check("open", path) {
      path.withPlatformString { open($0, flags | O_CLOEXEC, mode) }
    }
    self.path = path
  }

  deinit {
    if isOpen { _ = Glibc.close(rawValue) }
  }

  /// Closes the descriptor, and reports errors of the kernel such as a delayed write error.
  public consuming func close() throws(SystemError) {
    isOpen = false
    // close(2) releases the descriptor even if a signal interrupts it, so it must not be repeated.
    guard Glibc.close(rawValue) == 0 || linux_errno() == EINTR else {
      throw SystemError(errno: Errno(rawValue: linux_errno()), operation: "close", path: path)
    }
  }

  /// Gives up the ownership: the caller has to close the number that is returned.
  package consuming func release() -> Int32 {
    isOpen = false
    return rawValue
  }

  /// The file's status.
  public func status() throws(SystemError) -> stat {
    var status = stat()
    try SystemError.check("examine", path) { fstat(rawValue, &status) }
    return status
  }

  /// The length in bytes: from the status of a regular file, from the kernel for a block device.
  public func byteCount() throws(SystemError) -> Int64 {
    let status = try status()
    guard status.st_mode & S_IFMT == S_IFBLK else { return Int64(status.st_size) }
    var size: UInt64 = 0
    try SystemError.check("measure", path) { linux_block_device_size(rawValue, &size) }
    return Int64(clamping: size)
  }

  /// Reads at an offset until the buffer is full or the file ends.
  ///
  /// - Returns: the number of bytes read; less than the buffer's length only at the end of the file.
  public func read(
    into buffer: UnsafeMutableRawBufferPointer, at offset: Int64
  ) throws(SystemError) -> Int {
    var done = 0
    while done < buffer.count, let base = buffer.baseAddress {
      let count = try SystemError.check("read", path) {
        pread(rawValue, base + done, buffer.count - done, Int(offset) + done)
      }
      if count == 0 { break }
      done += count
    }
    return done
  }

  /// Writes all bytes at an offset.
  public func write(_ bytes: UnsafeRawBufferPointer, at offset: Int64) throws(SystemError) {
    var done = 0
    while done < bytes.count, let base = bytes.baseAddress {
      done += try SystemError.check("write", path) {
        pwrite(rawValue, base + done, bytes.count - done, Int(offset) + done)
      }
    }
  }

  /// Asks the kernel not to change the file's access time on reads, and returns whether it agrees. It agrees
  /// for the file's owner and for root.
  public func keepAccessTime() -> Bool {
    let flags = fcntl(rawValue, F_GETFL)
    return flags >= 0 && fcntl(rawValue, F_SETFL, flags | linux_o_noatime) == 0
  }

  /// Sets the length in bytes.
  public func truncate(to length: Int64) throws(SystemError) {
    try SystemError.check("set the length of", path) { ftruncate(rawValue, Int(length)) }
  }

  /// Returns when the data, and everything that is needed to read it back, is on stable storage.
  public func synchronize() throws(SystemError) {
    try SystemError.check("synchronize", path) { fdatasync(rawValue) }
  }

  /// The first offset at or after `offset` that has data instead of a hole, or nil if only holes follow.
  ///
  /// On file systems without holes this is `offset` itself.
  public func nextData(from offset: Int64) throws(SystemError) -> Int64? {
    let found = lseek(rawValue, Int(offset), linux_seek_data)
    if found >= 0 { return Int64(found) }
    switch linux_errno() {
    case ENXIO: return nil
    case EINVAL, ENOTSUP: return offset
    default: throw SystemError(errno: Errno(rawValue: linux_errno()), operation: "seek in", path: path)
    }
  }

  /// The first offset at or after `offset` that is in a hole; the end of the file counts as one.
  public func nextHole(from offset: Int64) throws(SystemError) -> Int64 {
    let found = lseek(rawValue, Int(offset), linux_seek_hole)
    return found >= 0 ? Int64(found) : try byteCount()
  }
}

extension OwnedDescriptor {
  /// A second descriptor of the same open file.
  public func copy() throws(SystemError) -> OwnedDescriptor {
    let number = try SystemError.check("duplicate the descriptor of", path) { linux_duplicate(rawValue) }
    return OwnedDescriptor(adopting: number, path: path)
  }
}

/// The number of descriptors that this process may have open at once (`ulimit -n`).
public struct DescriptorLimit {
  private let old: rlimit?

  /// Raises the limit as far as this process may.
  public static func raise() -> DescriptorLimit {
    let resource = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
    var limit = rlimit()
    guard getrlimit(resource, &limit) == 0, limit.rlim_cur < limit.rlim_max else {
      return DescriptorLimit(old: nil)
    }
    let old = limit
    limit.rlim_cur = limit.rlim_max
    return DescriptorLimit(old: setrlimit(resource, &limit) == 0 ? old : nil)
  }

  /// Sets it back.
  public func restore() {
    guard var old else { return }
    setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &old)
  }
}
