import CSeccomp
import Glibc
import LinuxSystem

extension SystemCallFilter {
  /// The filter of a program that is root over a single user (docs/decisions/0011-root-of-one-user.md).
  ///
  /// Calls that give files to other users, or that make this process another user, succeed without doing anything: there
  /// is no other user. So do calls that make device nodes, which the kernel would refuse.
  static func ofSingleUser() throws(RuntimeError) -> SystemCallFilter {
    let filter = try FilterBuilder(SCMP_ACT_ALLOW, "the filter of a single user")
    try filter.allowOtherArchitectures()
    try filter.addSiblings()
    for name in [
      "chown", "fchown", "lchown", "fchownat", "setuid", "setgid", "setreuid", "setregid", "setresuid",
      "setresgid",
      "setgroups", "setfsuid", "setfsgid",
    ] {
      try filter.refuse(name, 0)
      // The same with numbers of 32 bits, where the first ones had 16.
      if name != "fchownat" { try filter.refuse("\(name)32", 0) }
    }
    for kind in [S_IFCHR, S_IFBLK] {
      for (name, argument) in [("mknod", UInt32(1)), ("mknodat", 2)] {
        try filter.refuse(name, 0, argument: argument, mask: UInt64(S_IFMT), value: UInt64(kind))
      }
    }
    return SystemCallFilter(instructions: try filter.export(), flags: SeccompProfile.noMitigation)
  }
}
