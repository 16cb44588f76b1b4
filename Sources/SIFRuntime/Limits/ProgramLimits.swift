import Glibc
import LinuxSystem
import SystemPackage

/// What a process puts itself under, last of all, before it becomes a container's program.
struct ProgramLimits: Sendable {
  /// The control group, where there is one.
  var group: FilePath?
  /// The way into it, open in this process.
  var entrance: Int32?
  /// Which system calls are left: the launcher installs these, in their order.
  var filters: [SystemCallFilter] = []

  /// Enters the group.
  func begin() throws(RuntimeError) {
    if let entrance {
      do {
        try SystemError.check("enter the control group") { write(entrance, "0", 1) }
      } catch { throw RuntimeError(.unavailable, error.description, system: error) }
    }
  }
}
