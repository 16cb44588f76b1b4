import CLinux
import Glibc
import LinuxSystem
import SystemPackage

/// The memory and the files of processes that wait for an answer, as those processes see them.
///
/// To look up a path, the calling thread takes the process's root and directory: the kernel then follows its links and mounts.
/// So that thread must have a root of its own.
struct CallersFiles: ~Copyable {
  /// The host's /proc, opened before the root changes.
  private let processes: OwnedDescriptor

  init() throws(SystemError) {
    processes = try OwnedDescriptor(opening: "/proc", flags: linux_o_path | O_DIRECTORY)
  }

  /// A text in the caller's memory, without its NUL.
  func text(_ call: ReportedCall, at address: UInt64, limit: Int = Int(PATH_MAX)) throws(SystemError)
    -> [UInt8]
  {
    let memory = try open("\(call.thread)/mem", O_RDONLY)
    var bytes: [UInt8] = []
    while bytes.count < limit {
      let (start, isOver) = address.addingReportingOverflow(UInt64(bytes.count))
      guard !isOver else { throw Self.failure(.badAddress) }
      // The next page may not be there.
      let block = try read(memory, start, min(4096 - Int(start % 4096), limit - bytes.count))
      if let end = block.firstIndex(of: 0) { return bytes + block[..<end] }
      bytes += block
    }
    throw Self.failure(.fileNameTooLong)
  }

  /// Bytes of the caller's memory.
  func bytes(_ call: ReportedCall, at address: UInt64, count: Int) throws(SystemError) -> [UInt8] {
    let memory = try open("\(call.thread)/mem", O_RDONLY)
    var bytes: [UInt8] = []
    while bytes.count < count {
      let (start, isOver) = address.addingReportingOverflow(UInt64(bytes.count))
      guard !isOver else { throw Self.failure(.badAddress) }
      bytes += try read(memory, start, count - bytes.count)
    }
    return bytes
  }

  private func read(
    _ memory: borrowing OwnedDescriptor, _ address: UInt64, _ count: Int
  ) throws(SystemError) -> [UInt8] {
    guard let offset = off_t(exactly: address) else { throw Self.failure(.badAddress) }
    var block = [UInt8](repeating: 0, count: count)
    let number = memory.rawValue
    let got = block.withUnsafeMutableBytes { pread(number, $0.baseAddress, $0.count, offset) }
    guard got > 0 else { throw Self.failure(.badAddress) }
    return Array(block.prefix(got))
  }

  /// An open file of the caller, only named.
  func file(_ call: ReportedCall, descriptor: Int32) throws(SystemError) -> OwnedDescriptor {
    do throws(SystemError) { return try open("\(call.thread)/fd/\(descriptor)", linux_o_path) } catch {
      throw error.errno == .noSuchFileOrDirectory ? Self.failure(.badFileDescriptor) : error
    }
  }

  /// The file that a path means for the caller, only named.
  ///
  /// - Parameter directory: the descriptor that a relative path begins at, or AT_FDCWD.
  func file(
    _ call: ReportedCall, at directory: Int32, _ path: [UInt8], follows: Bool
  ) throws(SystemError) -> OwnedDescriptor {
    guard !path.isEmpty else { throw Self.failure(.noSuchFileOrDirectory) }
    if follows, let number = Self.ownDescriptor(path) { return try file(call, descriptor: number) }
    try enter(call, directory)
    let flags = linux_o_path | O_CLOEXEC | (follows ? 0 : O_NOFOLLOW)
    let name = FilePath(bytes: path)
    let number = try SystemError.check("open", name) { name.withPlatformString { Glibc.open($0, flags) } }
    return OwnedDescriptor(adopting: number, path: name)
  }

  /// What an empty path means.
  func directory(_ call: ReportedCall, _ directory: Int32) throws(SystemError) -> OwnedDescriptor {
    directory == AT_FDCWD
      ? try open("\(call.thread)/cwd", linux_o_path) : try file(call, descriptor: directory)
  }

  /// The file that a new version of a list of users, such as `shadow+`, will replace, or of which one such as `shadow-` is the
  /// copy; nil if the name is no such name.
  func original(_ call: ReportedCall, of file: borrowing OwnedDescriptor) throws(SystemError)
    -> OwnedDescriptor?
  {
    try enter(call, AT_FDCWD)
    var text = [CChar](repeating: 0, count: Int(PATH_MAX))
    let (directory, place) = (processes.rawValue, "self/fd/\(file.rawValue)")
    let count = readlinkat(directory, place, &text, text.count)
    let name = text.prefix(max(count, 0)).map { UInt8(bitPattern: $0) }
    guard count > 1, count < text.count, name[0] == 0x2F, [0x2B, 0x2D].contains(name[count - 1]) else {
      return nil
    }
    let original = FilePath(bytes: Array(name[..<(count - 1)]))
    let number = original.withPlatformString { Glibc.open($0, linux_o_path | O_CLOEXEC | O_NOFOLLOW) }
    return number < 0 ? nil : OwnedDescriptor(adopting: number, path: original)
  }

  /// The umask of the caller.
  func mask(_ call: ReportedCall) throws(SystemError) -> mode_t {
    let text = String(
      decoding: try open("\(call.thread)/status", O_RDONLY).readToEnd(limit: 4096), as: UTF8.self)
    let line = text.split(separator: "\n").first { $0.hasPrefix("Umask:") }
    return line.flatMap { mode_t($0.dropFirst(6).trimmingPrefix { $0 == "\t" || $0 == " " }, radix: 8) }
      ?? 0o022
  }

  /// Sets an extended attribute of a file that is only named.
  func setAttribute(
    of file: borrowing OwnedDescriptor, _ name: [UInt8], _ value: [UInt8], flags: Int32
  ) throws(SystemError) {
    let directory = processes.rawValue
    try SystemError.check("enter", "/proc") { fchdir(directory) }
    let path: FilePath = FilePath("self/fd/\(file.rawValue)")
    let attribute = FilePath(bytes: name)
    try SystemError.check("set an attribute") {
      path.withPlatformString { path in
        attribute.withPlatformString { linux_setxattr(path, $0, value, value.count, flags) }
      }
    }
  }

  /// Takes the caller's root, and the directory that its relative paths begin at.
  private func enter(_ call: ReportedCall, _ directory: Int32) throws(SystemError) {
    let root = try open("\(call.thread)/root", linux_o_path | O_DIRECTORY)
    let start = try self.directory(call, directory)
    let (rootNumber, startNumber) = (root.rawValue, start.rawValue)
    try SystemError.check("enter the caller's root") { fchdir(rootNumber) }
    try SystemError.check("enter the caller's root") { linux_chroot(".") }
    guard fchdir(startNumber) == 0 else {
      // An absolute path does not need it.
      guard linux_errno() == ENOTDIR else { throw Self.failure(Errno(rawValue: linux_errno())) }
      return
    }
  }

  private func open(_ path: String, _ flags: Int32) throws(SystemError) -> OwnedDescriptor {
    let directory = processes.rawValue
    let number = try SystemError.check("open", FilePath(path)) { openat(directory, path, flags | O_CLOEXEC) }
    return OwnedDescriptor(adopting: number, path: FilePath(path))
  }

  /// The number in a path such as `/proc/self/fd/3`. The links of /proc mean something else to this process.
  static func ownDescriptor(_ path: [UInt8]) -> Int32? {
    for prefix in ["/proc/self/fd/", "/proc/thread-self/fd/", "/dev/fd/"] where path.starts(with: prefix.utf8)
    {
      return Int32(String(decoding: path.dropFirst(prefix.utf8.count), as: UTF8.self))
    }
    return nil
  }

  private static func failure(_ errno: Errno) -> SystemError {
    SystemError(errno: errno, operation: "look into a process")
  }
}
