import CLinux
import Glibc

/// A set of capabilities: bits as in /proc/self/status.
public struct Capabilities: OptionSet, Sendable, Hashable, CustomStringConvertible {
  /// One bit for each capability.
  public let rawValue: UInt64

  /// Makes a set from its bits.
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

  /// Finds a capability by name, with or without `CAP_`, in upper or lower case; nil if the name is unknown.
  public init?(named name: String) {
    var name = name.uppercased()
    if name.hasPrefix("CAP_") { name.removeFirst(4) }
    guard let bit = Self.names.firstIndex(of: name) else { return nil }
    rawValue = 1 << UInt64(bit)
  }

  /// The names, separated by commas.
  public var description: String {
    names.joined(separator: ", ")
  }

  /// `CAP_SYS_ADMIN`: mounts, namespaces, and much else.
  public static let administration = Capabilities(rawValue: 1 << 21)
  /// `CAP_SETPCAP`: taking capabilities away for good.
  public static let ofSets = Capabilities(rawValue: 1 << 8)
  /// Every capability that this program knows.
  public static let all = Capabilities(rawValue: 1 << UInt64(names.count) - 1)
  /// The capabilities that the administrator of a container needs for its own files and processes.
  public static let ownContainer: Capabilities = [
    "CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "SETGID", "SETUID", "SETPCAP", "NET_BIND_SERVICE",
    "SYS_CHROOT", "SETFCAP",
  ].compactMap { Capabilities(named: $0) }.reduce(into: []) { $0.formUnion($1) }

  /// The capabilities that this thread has now.
  public static func effective() throws(SystemError) -> Capabilities {
    var bits: UInt64 = 0
    try SystemError.check("read the capabilities") { linux_effective_capabilities(&bits) }
    return Capabilities(rawValue: bits)
  }

  /// The most capabilities that the programs which this process becomes can have.
  public static func bounding() throws(SystemError) -> Capabilities {
    let read: Int32 = 23
    var bits: UInt64 = 0
    for bit in 0..<UInt(64) where linux_prctl(read, bit, 0) == 1 { bits |= 1 << UInt64(bit) }
    return Capabilities(rawValue: bits)
  }

  /// The names, in the order of their bits.
  public var names: [String] {
    Self.names.indices.filter { rawValue & (1 << UInt64($0)) != 0 }.map { "CAP_\(Self.names[$0])" }
  }

  /// Keeps only these capabilities, for this process and for every program that it becomes.
  ///
  /// The others cannot come back, neither through set-id programs nor through file capabilities.
  ///
  /// - Parameter mayChangeUser: whether set-id programs still change the user. They get no capability beyond these.
  public func keepAlone(mayChangeUser: Bool = false) throws(SystemError) {
    let (readBound, dropBound, noNewPrivileges, ambient): (Int32, Int32, Int32, Int32) = (23, 24, 38, 47)
    var bit: UInt = 0
    // The kernel may know more capabilities than this program, so go through all that the kernel knows.
    while linux_prctl(readBound, bit, 0) >= 0 {
      if bit >= 64 || rawValue & (1 << UInt64(bit)) == 0, linux_prctl(readBound, bit, 0) == 1 {
        let number = bit
        try SystemError.check("drop a capability") { linux_prctl(dropBound, number, 0) }
      }
      bit += 1
    }
    try SystemError.check("drop the ambient capabilities") { linux_prctl(ambient, 4, 0) }
    try SystemError.check("drop capabilities") { linux_set_capabilities(rawValue, rawValue) }
    // Unless the user is root, only ambient capabilities are kept over execve(2).
    for bit in 0..<UInt(64) where rawValue & (1 << UInt64(bit)) != 0 {
      try SystemError.check("keep a capability") { linux_prctl(ambient, 2, bit) }
    }
    if mayChangeUser { return }
    try SystemError.check("forbid new privileges") { linux_prctl(noNewPrivileges, 1, 0) }
  }
}

/// The user and the groups that this process takes on in place of its own.
public struct ProcessUser: Sendable, Equatable {
  /// The user; nil for this process's.
  public var user: uid_t?
  /// The groups, the primary one first; empty for this process's.
  public var groups: [gid_t]

  /// A user, groups, or both.
  public init(user: uid_t?, groups: [gid_t]) {
    self.user = user
    self.groups = groups
  }

  /// Takes them on. This process, which must have one thread, keeps its capabilities until it executes a program.
  public func become() throws(SystemError) {
    let capabilities = try Capabilities.effective()
    // The kernel forgets the signal that this process gets when its parent ends.
    var signalOfEnd: Int32 = 0
    _ = linux_prctl_get_parent_signal(&signalOfEnd)
    defer { linux_prctl(PR_SET_PDEATHSIG, UInt(signalOfEnd), 0) }
    try SystemError.check("keep the capabilities") { linux_prctl(PR_SET_KEEPCAPS, 1, 0) }
    if let first = groups.first {
      try SystemError.check("set the groups") { linux_setgroups(groups.count, groups) }
      try SystemError.check("set the group") { linux_setresgid(first) }
    }
    if let user { try SystemError.check("set the user") { linux_setresuid(user) } }
    // The kernel has taken away the effective ones.
    try SystemError.check("keep the capabilities") { linux_set_capabilities(capabilities.rawValue, 0) }
  }
}

/// Whether other processes of the same user may look into this process. Only then the user owns its files in /proc.
public enum ProcessPrivacy {
  /// Opens this process to others or closes it. It is closed while it holds secrets. A program that it
  /// becomes by execve(2) is open again.
  public static func set(isPrivate: Bool) {
    _ = linux_prctl(PR_SET_DUMPABLE, isPrivate ? 0 : 1, 0)
  }

  /// Whether this process is closed to others.
  public static var isPrivate: Bool { linux_prctl(PR_GET_DUMPABLE, 0, 0) != 1 }
}
