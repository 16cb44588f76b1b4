import CLinux
import Glibc
import SystemPackage

/// Whether any process uses this process's mount namespace. Processes that only serve its mounts do not
/// count: otherwise they and the namespace would keep each other alive.
public enum MountNamespaceUse {
  /// The name of processes that do not count, as in /proc/PID/comm.
  private static let serverName = "siftool-mount"

  /// Stops counting this process, and its later threads and children, as a user of the namespace.
  public static func becomeServer() {
    serverName.withCString { _ = linux_prctl(PR_SET_NAME, UInt(bitPattern: $0), 0) }
  }

  /// Waits until a child has ended, or no process uses the namespace any more.
  ///
  /// It does not poll: it waits for the end of one process in the namespace, and then looks for another one.
  /// If /proc hides processes, or the kernel is older than 5.3, it only waits for the child.
  ///
  /// - Returns: whether the namespace is left.
  public static func waitUntilLeft(orEndOf child: pid_t) -> Bool {
    let number = linux_pidfd_open(child)
    guard number >= 0 else { return false }
    let ours = OwnedDescriptor(adopting: number, path: "process")
    while true {
      guard let users = try? MountTable.identifiers(of: "self"), !users.isEmpty,
        (try? MountTable.identifiers(of: "1")) != nil
      else { return false }
      let user = findUser(among: users)
      guard user >= 0 else { return true }
      let theirs = OwnedDescriptor(adopting: user, path: "process")
      var waits = [
        pollfd(fd: ours.rawValue, events: Int16(POLLIN), revents: 0),
        pollfd(fd: theirs.rawValue, events: Int16(POLLIN), revents: 0),
      ]
      guard (try? SystemError.check("wait", nil, { poll(&waits, 2, -1) })) != nil else { return false }
      if waits[0].revents != 0 { return false }
    }
  }

  /// A descriptor of a process that sees one of some mounts; -1 if there is none. Mount IDs are unique in the
  /// whole system, so no two namespaces share one.
  private static func findUser(among mounts: Set<Int>) -> Int32 {
    guard let all = try? OwnedDescriptor(opening: "/proc", flags: O_RDONLY | O_DIRECTORY).names() else {
      return -1
    }
    // The lowest process number often belongs to the process that lives longest.
    let own = getpid()
    for process in all.compactMap({ pid_t(String(decoding: $0, as: UTF8.self)) }).sorted()
    where process != own {
      let number = linux_pidfd_open(process)
      guard number >= 0 else { continue }
      if name(of: process) != serverName, let others = try? MountTable.identifiers(of: "\(process)"),
        !others.isDisjoint(with: mounts)
      {
        return number
      }
      close(number)
    }
    return -1
  }

  private static func name(of process: pid_t) -> String {
    let file = try? OwnedDescriptor(opening: FilePath("/proc/\(process)/comm"), flags: O_RDONLY)
    guard let text = try? file?.readToEnd(limit: 64) else { return "" }
    return String(decoding: text.prefix { $0 != 0x0A }, as: UTF8.self)
  }
}
