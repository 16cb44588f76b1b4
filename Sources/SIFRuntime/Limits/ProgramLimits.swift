import Glibc
import LinuxSystem

/// What a process puts itself under, last of all, before it becomes a container's program.
struct ProgramLimits: Sendable {
  /// The way into the control group, open in this process.
  var entrance: Int32?
  /// The system calls that are left.
  var filter: SystemCallFilter?

  /// Enters the group, and installs the filter: from here on, nothing but execve(2) is to be called.
  func begin() throws(RuntimeError) {
    if let entrance {
      do {
        try SystemError.check("enter the control group") { write(entrance, "0", 1) }
      } catch { throw RuntimeError(.unavailable, error.description, system: error) }
    }
    do { try filter?.install() } catch {
      throw RuntimeError(.unavailable, "the kernel refuses the seccomp filter: \(error)", system: error)
    }
  }
}
