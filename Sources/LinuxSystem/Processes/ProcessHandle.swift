import CLinux
import Glibc
import SystemPackage

/// An open process: what is done through it never reaches another process that has got the same number later.
public struct ProcessHandle: ~Copyable {
  /// The process's number.
  public let process: pid_t
  private let descriptor: OwnedDescriptor

  /// Opens a process.
  ///
  /// - Throws: ``SystemError``, such as `ESRCH`.
  public init(opening process: pid_t) throws(SystemError) {
    self.process = process
    let number = try SystemError.check("open a process") { linux_pidfd_open(process) }
    descriptor = OwnedDescriptor(adopting: number, path: "process")
  }

  /// The descriptor's number.
  package var rawValue: Int32 { descriptor.rawValue }

  /// Sends a signal.
  public func send(_ signal: Int32) throws(SystemError) {
    let number = descriptor.rawValue
    try SystemError.check("send a signal") { linux_pidfd_send_signal(number, signal) }
  }

  /// Waits for the end of the process. Returns whether it has ended.
  public func waitForEnd(seconds: Double) -> Bool {
    var wait = pollfd(fd: descriptor.rawValue, events: Int16(POLLIN), revents: 0)
    return poll(&wait, 1, Int32(max(0, min(seconds, 1_000_000)) * 1000)) > 0
  }

  /// Whether the process has ended.
  public var hasEnded: Bool { waitForEnd(seconds: 0) }

  /// Moves this process, which must have one thread, into namespaces of that one.
  ///
  /// Its children are in the namespace of processes, it is not. In a namespace of mounts it has the root directory.
  public func enter(_ namespaces: Namespaces) throws(SystemError) {
    let number = descriptor.rawValue
    try SystemError.check("enter the namespaces of process \(process)") {
      linux_setns(number, namespaces.rawValue)
    }
  }

  /// Opens a process whose namespaces this process may enter: this one, or its oldest child, which is in the same ones.
  public func openForEntering() throws(SystemError) -> ProcessHandle {
    var status = stat()
    let own = FilePath("/proc/\(process)/ns/user")
    if own.withPlatformString({ stat($0, &status) }) == 0 { return try ProcessHandle(opening: process) }
    for child in try Self.children(of: process) {
      let handle = try ProcessHandle(opening: child)
      // The number may be another process's by now.
      if Self.parent(of: child) == process, !handle.hasEnded { return handle }
    }
    throw SystemError(errno: .noSuchProcess, operation: "enter the container")
  }

  /// The children of a process, the oldest one first.
  private static func children(of process: pid_t) throws(SystemError) -> [pid_t] {
    let all = try OwnedDescriptor(opening: "/proc", flags: O_RDONLY | O_DIRECTORY).names()
    let children = all.compactMap { pid_t(String(decoding: $0, as: UTF8.self)) }.filter {
      parent(of: $0) == process
    }
    return children.map { (start(of: $0) ?? .max, $0) }.sorted { $0 < $1 }.map(\.1)
  }

  private static func parent(of process: pid_t) -> pid_t? {
    field(1, of: process).flatMap { pid_t($0) }
  }

  /// When a process started, in the kernel's ticks since the machine did; nil if it does not exist.
  public static func start(of process: pid_t) -> UInt64? {
    // The 22nd field of all.
    field(19, of: process).flatMap { UInt64($0) }
  }

  /// A field of a process's state, counted from 0 after its name; nil if the process does not exist.
  private static func field(_ index: Int, of process: pid_t) -> Substring? {
    guard
      let text = try? OwnedDescriptor(opening: FilePath("/proc/\(process)/stat"), flags: O_RDONLY)
        .readToEnd(limit: 1 << 16)
    else { return nil }
    // The name, in parentheses, may have blanks and parentheses in it.
    let fields = String(decoding: text, as: UTF8.self).split(separator: ")").last?.split(separator: " ") ?? []
    return fields.count > index ? fields[index] : nil
  }

  /// The namespaces of a process that are others than those of this process.
  public static func foreignNamespaces(of process: pid_t) throws(SystemError) -> Namespaces {
    let kinds: [(String, Namespaces)] = [
      ("user", .user), ("mnt", .mount), ("pid", .process), ("net", .network), ("uts", .hostName),
      ("ipc", .messages),
      ("cgroup", .controlGroup),
    ]
    var foreign: Namespaces = []
    for (name, kind) in kinds {
      let own = try identity(FilePath("/proc/self/ns/\(name)"))
      if try identity(FilePath("/proc/\(process)/ns/\(name)")) != own { foreign.insert(kind) }
    }
    return foreign
  }

  private static func identity(_ path: FilePath) throws(SystemError) -> [UInt64] {
    var status = stat()
    try SystemError.check("look at", path) { path.withPlatformString { stat($0, &status) } }
    return [UInt64(status.st_dev), UInt64(status.st_ino)]
  }

  /// The kernel's name for the time since the machine started: another one after the next start.
  public static func bootID() throws(SystemError) -> String {
    let path: FilePath = "/proc/sys/kernel/random/boot_id"
    let text = try OwnedDescriptor(opening: path, flags: O_RDONLY).readToEnd(limit: 100)
    return String(decoding: text.prefix { $0 > 0x20 }, as: UTF8.self)
  }
}
