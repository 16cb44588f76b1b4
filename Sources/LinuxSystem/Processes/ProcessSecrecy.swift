import CLinux
import Glibc

/// Keeps the memory of a process that holds secrets to itself.
public enum ProcessSecrecy {
  /// From here on the process leaves no core dump, and only root may trace it or read its memory. Nothing can be
  /// done where the kernel refuses even that.
  public static func forbidDumps() {
    _ = linux_forbid_dumps()
    var none = rlimit(rlim_cur: 0, rlim_max: 0)
    _ = setrlimit(__rlimit_resource_t(RLIMIT_CORE.rawValue), &none)
  }
}
