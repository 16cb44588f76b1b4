import CLinux
import Glibc
import LinuxSystem

/// A process that stays in a service's namespaces, through which others enter them.
///
/// The kernel lets a user enter the namespaces of a process only if the user may look into it. The container's first
/// process has seen the host, so nobody may; the program may have ended. This process is a launcher that has nothing to
/// start: it knows nothing, and waits for ever to write its message to a pipe that is full.
struct NamespaceHolder {
  private let launcher: LauncherFile

  /// Prepares the process, while this one still sees the host.
  init(_ filters: [SystemCallFilter]) throws(RuntimeError) {
    // By the time that it starts, this process may have another user.
    launcher = try translating(try LauncherFile(mode: 0o555))
    let plan = LauncherPlan(
      filters: filters, candidates: [], arguments: [], environment: [], report: { _ in ([0x0A], 1) }
    ) { _ in RuntimeError(.system, "") }
    let image = try LauncherImage(plan)
    try translating(try launcher.write(image))
  }

  /// Starts the process, which ends with its namespace.
  func start() throws(SystemError) {
    var ends: [Int32] = [-1, -1]
    try SystemError.check("make a pipe") {
      ends.withUnsafeMutableBufferPointer { linux_pipe($0.baseAddress) }
    }
    let (reading, writing) = (ends[0], ends[1])
    _ = fcntl(writing, F_SETFL, O_NONBLOCK)
    let block = [UInt8](repeating: 0, count: 1 << 12)
    while block.withUnsafeBytes({ write(writing, $0.baseAddress, $0.count) }) > 0 {}
    _ = fcntl(writing, F_SETFL, 0)
    _ = try Forking.child {
      setpgid(0, 0)
      for stream in [STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO] { dup2(writing, stream) }
      // The reading end has to stay open, in this process alone.
      dup2(reading, STDIN_FILENO)
      Forking.closeOnExecute(allBut: [])
      _ = launcher.execute()
      return 1
    }
    close(reading)
    close(writing)
  }
}
