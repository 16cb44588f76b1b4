import CLinux
import Glibc

/// Protects the memory of a process that holds secrets.
public enum ProcessSecrecy {
  /// From here on the process leaves no core dump, and only root may trace it or read its memory. Errors are
  /// ignored: there is nothing else to do about them.
  public static func forbidDumps() {
    _ = linux_forbid_dumps()
    var none = rlimit(rlim_cur: 0, rlim_max: 0)
    _ = setrlimit(__rlimit_resource_t(RLIMIT_CORE.rawValue), &none)
  }
}
