import CLinux
import Glibc
import LinuxSystem
import SystemPackage

/// Waits for a program in its own namespace of processes, and forwards the signals that this process gets.
///
/// The namespace's first process is ours: it adopts orphans, and the kernel ends all processes of the
/// namespace with it. If this process is killed, so is the first process.
enum ProcessMonitor {
  private static let forwarded = [SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGALRM, SIGWINCH]
  /// The code of signals that the kernel sends, for example for a key typed at a terminal. Every process of
  /// the group gets those anyway.
  private static let byKernel: Int32 = 128

  /// Runs a program in the namespace of processes that begins with this process's next child.
  ///
  /// - Parameters:
  ///   - onFork: called in this process as soon as that child exists.
  ///   - prepare: called in the new namespace.
  /// - Returns: how the program ended, as a status of wait(2).
  /// - Throws: ``RuntimeError`` if it was not started.
  static func run(
    onFork: () -> Void, _ prepare: () throws -> ProgramStart
  ) throws(RuntimeError) -> Int32 {
    // The first process of a namespace cannot end by the program's signal, so it sends the status through a socket.
    var sending: OwnedDescriptor?
    let receiving = try translating(try OwnedDescriptor.socketPair(&sending))
    let last = sending?.rawValue ?? -1
    var old = sigset_t()
    var waited = signals
    pthread_sigmask(SIG_BLOCK, &waited, &old)
    let first = try translating { () throws(SystemError) in
      try Helper(.child) { channel in
        // The program inherits the socket until it starts. Failures are reported before that.
        let report = channel.release()
        linux_prctl(PR_SET_PDEATHSIG, UInt(SIGKILL), 0)
        // If the waiting process was killed before the call above, nobody holds the other end any more.
        var other = pollfd(fd: report, events: 0, revents: 0)
        guard poll(&other, 1, 0) == 0 else { return 1 }
        do {
          let program = try prepare()
          // The program has the same user. It must not look into this process, which has seen the host.
          ProcessPrivacy.set(isPrivate: true)
          let child = try Forking.child {
            pthread_sigmask(SIG_SETMASK, &old, nil)
            let failure = program.execute()
            tell(report, failure)
            return 127
          }
          close(report)
          let status = wait(for: child)
          tell(last, status)
          return Forking.exitStatus(status)
        } catch {
          tell(report, error as? RuntimeError ?? RuntimeError(.system, "\(error)"))
          return 1
        }
      }
    }
    sending = nil
    onFork()
    if let process = first.process, let channel = first.channel?.rawValue { forward(to: process, until: channel) }
    let text = try translating { () throws(SystemError) in try first.channel?.readToEnd(limit: 1 << 16) ?? []
    }
    guard let process = first.process else {
      throw RuntimeError(.system, "the container's first process is gone")
    }
    let status = wait(for: process)
    pthread_sigmask(SIG_SETMASK, &old, nil)
    guard let code = text.firstIndex(of: 0) else {
      // If the first process itself was ended, it sent nothing.
      let word = (try? receiving.readToEnd(limit: 4)) ?? []
      return word.count == 4 ? word.withUnsafeBytes { $0.loadUnaligned(as: Int32.self) } : status
    }
    throw RuntimeError(
      RuntimeError.Code(rawValue: String(decoding: text[..<code], as: UTF8.self)) ?? .system,
      String(decoding: text[(code + 1)...], as: UTF8.self))
  }

  /// Forwards signals to the first process until it reports through a socket: a script of the image may take a while.
  private static func forward(to process: pid_t, until channel: Int32) {
    var waited = Signals.set(forwarded)
    var socket = pollfd(fd: channel, events: Int16(POLLIN), revents: 0)
    while poll(&socket, 1, 50) <= 0 {
      var information = siginfo_t()
      var none = timespec()
      let signal = sigtimedwait(&waited, &information, &none)
      if signal > 0, information.si_code != byKernel { kill(process, signal) }
    }
  }

  /// Sends a failure: its code, a NUL, and the message.
  private static func tell(_ socket: Int32, _ failure: RuntimeError) {
    let bytes = Array(failure.code.rawValue.utf8) + [0] + Array(failure.message.utf8)
    _ = bytes.withUnsafeBytes { write(socket, $0.baseAddress, $0.count) }
  }

  /// Sends how the program ended.
  private static func tell(_ socket: Int32, _ status: Int32) {
    withUnsafeBytes(of: status) { _ = write(socket, $0.baseAddress, $0.count) }
  }

  private static var signals: sigset_t { Signals.set(forwarded + [SIGCHLD]) }

  /// Waits for a process, reaps every other child that ends, and forwards signals. Returns the status of wait(2).
  private static func wait(for process: pid_t) -> Int32 {
    var waited = signals
    while true {
      var status: Int32 = 0
      var ended = waitpid(-1, &status, WNOHANG)
      while ended > 0 {
        if ended == process { return status }
        ended = waitpid(-1, &status, WNOHANG)
      }
      var information = siginfo_t()
      let signal = sigwaitinfo(&waited, &information)
      if signal > 0, signal != SIGCHLD, information.si_code != byKernel { kill(process, signal) }
    }
  }
}
