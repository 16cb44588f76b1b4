import CLinux
import CSeccomp
import Glibc
import LinuxSystem

/// The calls that a build answers itself, because the kernel refuses them in a user namespace
/// (docs/decisions/0014-owners-of-a-build.md).
struct OwnerFilter: Sendable {
  /// What a call does.
  enum Kind: Sendable {
    /// chown(path, user, group); it follows a link in the end, or does not.
    case path(follows: Bool)
    /// fchown(file, user, group).
    case descriptor
    /// fchownat(directory, path, user, group, flags).
    case directory
    /// mknod(path, mode, device).
    case node
    /// mknodat(directory, path, mode, device).
    case nodeBeneath
    /// setxattr(path, name, value, size, flags).
    case attribute(follows: Bool)
    /// fsetxattr(file, name, value, size, flags).
    case attributeOfDescriptor
  }

  /// What was called.
  struct Call: Sendable {
    let kind: Kind
    /// Whether users and groups have 16 bits.
    let isShort: Bool
  }

  private struct Key: Hashable {
    let architecture: UInt32
    let number: Int32
  }

  private static let calls: [(name: String, kind: Kind)] = [
    ("chown", .path(follows: true)), ("lchown", .path(follows: false)), ("fchown", .descriptor),
    ("chown32", .path(follows: true)), ("lchown32", .path(follows: false)), ("fchown32", .descriptor),
    ("fchownat", .directory), ("mknod", .node), ("mknodat", .nodeBeneath),
    ("setxattr", .attribute(follows: true)), ("lsetxattr", .attribute(follows: false)),
    ("fsetxattr", .attributeOfDescriptor),
  ]
  private static let ofUsers = [
    "setuid", "setgid", "setreuid", "setregid", "setresuid", "setresgid", "setgroups", "setfsuid", "setfsgid",
  ]

  let filter: SystemCallFilter
  private let known: [Key: Call]

  /// Compiles the filter.
  ///
  /// - Parameter pretendsUsers: whether calls that make a process another user succeed without doing anything, since there is
  ///   only one.
  init(pretendsUsers: Bool) throws(RuntimeError) {
    let builder = try FilterBuilder(SCMP_ACT_ALLOW, "the filter of a build")
    try builder.allowOtherArchitectures()
    try builder.addSiblings()
    var known: [Key: Call] = [:]
    for (name, kind) in Self.calls {
      switch kind {
      case .node, .nodeBeneath:
        let argument: UInt32 = if case .node = kind { 1 } else { 2 }
        for type in [S_IFCHR, S_IFBLK] as [mode_t] {
          try builder.report(name, argument: argument, mask: UInt64(S_IFMT as mode_t), value: UInt64(type))
        }
      default: try builder.report(name)
      }
      for token in Self.architectures {
        let number = seccomp_syscall_resolve_name_arch(token, name)
        guard number >= 0 else { continue }
        // Only the calls without 32 in their name have 16 bits, and only where there are others with it.
        let longer = seccomp_syscall_resolve_name_arch(token, name + "32")
        known[Key(architecture: Self.kernels(token), number: number)] = Call(
          kind: kind, isShort: longer >= 0)
      }
    }
    if pretendsUsers {
      for name in Self.ofUsers {
        try builder.refuse(name, 0)
        try builder.refuse("\(name)32", 0)
      }
    }
    filter = SystemCallFilter(instructions: try builder.export(), flags: SeccompProfile.noMitigation)
    self.known = known
  }

  /// What a reported call is; nil for none of these.
  func meaning(of call: ReportedCall) -> Call? {
    known[Key(architecture: call.architecture, number: call.number)]
  }

  private static var architectures: [UInt32] {
    let own = seccomp_arch_native()
    #if arch(x86_64)
      return [own, seccomp_arch_resolve_name("x86"), seccomp_arch_resolve_name("x32")]
    #elseif arch(arm64)
      return [own, seccomp_arch_resolve_name("arm")]
    #else
      return [own]
    #endif
  }

  /// The kernel's own number of an architecture: x32 has that of x86-64, and calls with a bit of their own.
  private static func kernels(_ token: UInt32) -> UInt32 {
    #if arch(x86_64)
      if token == seccomp_arch_resolve_name("x32") { return seccomp_arch_native() }
    #endif
    return token
  }
}

extension FilterBuilder {
  /// Has a call reported: always, or only if the masked bits of an argument equal a value.
  borrowing func report(
    _ name: String, argument: UInt32 = 0, mask: UInt64 = 0, value: UInt64 = 0
  ) throws(RuntimeError) {
    let condition = SeccompProfile.Condition(
      argument: argument, comparison: SCMP_CMP_MASKED_EQ.rawValue, value: mask, second: value)
    let rule = SeccompProfile.Rule(
      place: name, names: [], action: linux_seccomp_notify, conditions: mask == 0 ? [] : [condition],
      includes: SeccompProfile.Circumstances(), excludes: SeccompProfile.Circumstances())
    try add(rule, seccomp_syscall_resolve_name(name), name)
  }
}
