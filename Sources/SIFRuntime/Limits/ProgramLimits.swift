import Glibc
import LinuxSystem
import SystemPackage

/// The limits that a process puts itself under just before it becomes a container's program.
struct ProgramLimits: Sendable {
  /// The control group, if there is one.
  var group: FilePath?
  /// The descriptor through which this process enters the group.
  var entrance: Int32?
  /// The filters of system calls. The launcher installs them in this order.
  var filters: [SystemCallFilter] = []
  /// The confinement by a security module, which begins with the program.
  var label: SecurityLabel?

  /// Enters the group.
  func begin() throws(RuntimeError) {
    if let entrance {
      do {
        try SystemError.check("enter the control group") { write(entrance, "0", 1) }
      } catch { throw RuntimeError(.unavailable, error.description, system: error) }
    }
  }
}
