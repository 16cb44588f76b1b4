import CLinux
import Glibc

/// A system call that a filter has reported, and whose process waits for the answer (seccomp_unotify(2)).
public struct ReportedCall: Sendable {
  /// The number of the answer.
  let id: UInt64
  /// The thread that makes the call.
  public let thread: pid_t
  /// The call's number, among those of the architecture.
  public let number: Int32
  /// The architecture, as AUDIT_ARCH_… of the kernel.
  public let architecture: UInt32
  /// The arguments.
  public let arguments: [UInt64]
}

/// The answering side of a filter that reports calls.
public struct CallListener: ~Copyable, Sendable {
  private let descriptor: OwnedDescriptor

  /// Installs a filter that reports calls, for this thread and all that it starts.
  public static func install(_ filter: SystemCallFilter) throws(SystemError) -> CallListener {
    guard let count = UInt16(exactly: filter.instructions.count) else {
      throw SystemError(errno: .invalidArgument, operation: "install a filter of system calls")
    }
    let number = try SystemError.check("install a filter that reports system calls") {
      linux_seccomp_listener(filter.instructions, count)
    }
    return CallListener(OwnedDescriptor(adopting: number, path: "listener"))
  }

  /// Takes over a listener that another process has sent.
  public init(_ descriptor: consuming OwnedDescriptor) { self.descriptor = descriptor }

  /// Sends the listener through a socket.
  public func send(through socket: borrowing OwnedDescriptor) throws(SystemError) {
    try socket.send(descriptor)
  }

  /// Waits for the next call. nil when no process with the filter is left, or when there is something to read from `stop`.
  public func next(until stop: borrowing OwnedDescriptor) -> ReportedCall? {
    while true {
      var places = [
        pollfd(fd: descriptor.rawValue, events: Int16(POLLIN), revents: 0),
        pollfd(fd: stop.rawValue, events: Int16(POLLIN), revents: 0),
      ]
      guard poll(&places, 2, -1) >= 0 else {
        if linux_errno() == EINTR { continue }
        return nil
      }
      if places[0].revents & Int16(POLLIN) != 0 {
        var call = seccomp_notif()
        if linux_seccomp_receive(descriptor.rawValue, &call) == 0 {
          return ReportedCall(
            id: call.id, thread: pid_t(bitPattern: call.pid), number: call.data.nr,
            architecture: call.data.arch, arguments: (0..<6).map { linux_seccomp_argument(&call, $0) })
        }
        // The caller has died meanwhile, or a signal came.
        guard [ENOENT, EINTR].contains(linux_errno()) else { return nil }
      } else if places[0].revents != 0 || places[1].revents != 0 {
        return nil
      }
    }
  }

  /// Whether the caller still waits. What was opened by its number before is then its own.
  public func isWaiting(_ call: ReportedCall) -> Bool {
    linux_seccomp_is_waiting(descriptor.rawValue, call.id) != 0
  }

  /// Lets the call succeed, or fail with an error.
  public func answer(_ call: ReportedCall, _ error: Int32 = 0) {
    _ = linux_seccomp_answer(descriptor.rawValue, call.id, error, 0)
  }

  /// Has the kernel do what the call asks for.
  public func letPass(_ call: ReportedCall) {
    _ = linux_seccomp_answer(descriptor.rawValue, call.id, 0, 1)
  }
}
