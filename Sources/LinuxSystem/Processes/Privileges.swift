import CLinux
import Glibc

/// A set of capabilities: bits as in /proc/self/status.
public struct Capabilities: OptionSet, Sendable, Hashable, CustomStringConvertible {
  /// One bit for each capability.
  public let rawValue: UInt64

  /// A set from its bits.
  public init(rawValue: UInt64) { self.rawValue = rawValue }

  /// The names of capabilities(7) without their prefix, in the order of their bits.
  private static let names = [
    "CHOWN", "DAC_OVERRIDE", "DAC_READ_SEARCH", "FOWNER", "FSETID", "KILL", "SETGID", "SETUID", "SETPCAP",
    "LINUX_IMMUTABLE", "NET_BIND_SERVICE", "NET_BROADCAST", "NET_ADMIN", "NET_RAW", "IPC_LOCK", "IPC_OWNER",
    "SYS_MODULE", "SYS_RAWIO", "SYS_CHROOT", "SYS_PTRACE", "SYS_PACCT", "SYS_ADMIN", "SYS_BOOT", "SYS_NICE",
    "SYS_RESOURCE", "SYS_TIME", "SYS_TTY_CONFIG", "MKNOD", "LEASE", "AUDIT_WRITE", "AUDIT_CONTROL", "SETFCAP",
    "MAC_OVERRIDE", "MAC_ADMIN", "SYSLOG", "WAKE_ALARM", "BLOCK_SUSPEND", "AUDIT_READ", "PERFMON", "BPF",
    "CHECKPOINT_RESTORE",
  ]

  /// The capability of a name, with or without `CAP_`, in any case; nil where there is none of that name.
  public init?(named name: String) {
    var name = name.uppercased()
    if name.hasPrefix("CAP_") { name.removeFirst(4) }
    guard let bit = Self.names.firstIndex(of: name) else { return nil }
    rawValue = 1 << UInt64(bit)
  }

  /// The names, separated by commas.
  public var description: String {
    Self.names.indices.filter { rawValue & (1 << UInt64($0)) != 0 }.map { "CAP_\(Self.names[$0])" }
      .joined(separator: ", ")
  }

  /// `CAP_SYS_ADMIN`: mounts, namespaces, and much else.
  public static let administration = Capabilities(rawValue: 1 << 21)
  /// Every capability that this program knows.
  public static let all = Capabilities(rawValue: 1 << UInt64(names.count) - 1)
  /// What the administrator of a container of its own needs, over files and processes that are its own.
  public static let ownContainer: Capabilities = [
    "CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "SETGID", "SETUID", "SETPCAP", "NET_BIND_SERVICE",
    "SYS_CHROOT", "SETFCAP",
  ].compactMap { Capabilities(named: $0) }.reduce(into: []) { $0.formUnion($1) }

  /// What this thread can do now.
  public static func effective() throws(SystemError) -> Capabilities {
    var bits: UInt64 = 0
    try SystemError.check("read the capabilities") { linux_effective_capabilities(&bits) }
    return Capabilities(rawValue: bits)
  }

  /// What programs that this process becomes can have at most.
  public static func bounding() throws(SystemError) -> Capabilities {
    let read: Int32 = 23
    var bits: UInt64 = 0
    for bit in 0..<UInt(64) where linux_prctl(read, bit, 0) == 1 { bits |= 1 << UInt64(bit) }
    return Capabilities(rawValue: bits)
  }

  /// Keeps these capabilities alone, for this process and for every program that it will ever become.
  ///
  /// What is not among them cannot come back: not through set-id programs, not through file capabilities.
  public func keepAlone() throws(SystemError) {
    let (readBound, dropBound, noNewPrivileges, ambient): (Int32, Int32, Int32, Int32) = (23, 24, 38, 47)
    var bit: UInt = 0
    // The kernel may know more capabilities than this program does: all that it knows.
    while linux_prctl(readBound, bit, 0) >= 0 {
      if bit >= 64 || rawValue & (1 << UInt64(bit)) == 0, linux_prctl(readBound, bit, 0) == 1 {
        let number = bit
        try SystemError.check("drop a capability") { linux_prctl(dropBound, number, 0) }
      }
      bit += 1
    }
    try SystemError.check("drop the ambient capabilities") { linux_prctl(ambient, 4, 0) }
    try SystemError.check("drop capabilities") { linux_set_capabilities(rawValue, rawValue) }
    // A user other than root keeps capabilities over execve(2) only as ambient ones.
    for bit in 0..<UInt(64) where rawValue & (1 << UInt64(bit)) != 0 {
      try SystemError.check("keep a capability") { linux_prctl(ambient, 2, bit) }
    }
    try SystemError.check("forbid new privileges") { linux_prctl(noNewPrivileges, 1, 0) }
  }
}

/// Whether other processes of the same user may look into this one, and its files in /proc are the user's own.
public enum ProcessPrivacy {
  /// Opens or closes this process to others. It is closed while it holds secrets; what it becomes by execve(2) is
  /// open again.
  public static func set(isPrivate: Bool) {
    _ = linux_prctl(PR_SET_DUMPABLE, isPrivate ? 0 : 1, 0)
  }

  /// Whether this process is closed to others.
  public static var isPrivate: Bool { linux_prctl(PR_GET_DUMPABLE, 0, 0) != 1 }
}
