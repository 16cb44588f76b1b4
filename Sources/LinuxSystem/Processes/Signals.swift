public import CLinux
import Glibc

/// Sets of signals.
public enum Signals {
  /// The set of these signals. (This is not an initializer because sigset_t is a C type without a tag, and
  /// other modules cannot see initializers of those.)
  public static func set(_ numbers: [Int32]) -> sigset_t {
    var set = sigset_t()
    sigemptyset(&set)
    for number in numbers { sigaddset(&set, number) }
    return set
  }
}

/// Signals that ask a process to end, as a terminal, a session or the system sends them.
public enum EndingSignals {
  private static let numbers = [SIGHUP, SIGINT, SIGQUIT, SIGTERM]
  private static var all: sigset_t { Signals.set(numbers) }

  /// Holds these signals back from here on, also in children, so that work that has begun is finished.
  public static func hold() {
    var signals = all
    pthread_sigmask(SIG_BLOCK, &signals, nil)
  }

  /// Does work that has to be undone or finished when one of these signals comes; the signal ends the process after it.
  ///
  /// The work asks ``wait(toRead:)`` before each step that may take long. Signals that the process ignores stay ignored.
  public static func deferred<Result: ~Copyable, Failure: Error>(
    _ work: () throws(Failure) -> Result
  ) throws(Failure) -> Result {
    var signals = Signals.set(numbers.filter { linux_is_ignored($0) == 0 })
    var old = sigset_t()
    pthread_sigmask(SIG_BLOCK, &signals, &old)
    defer { pthread_sigmask(SIG_SETMASK, &old, nil) }
    return try work()
  }

  /// Waits until a descriptor gives bytes or its end.
  ///
  /// - Throws: ``SystemError`` with `EINTR` if one of these signals, held back, has come.
  public static func wait(toRead descriptor: borrowing OwnedDescriptor) throws(SystemError) {
    var held = sigset_t()
    pthread_sigmask(SIG_BLOCK, nil, &held)
    let heldNumbers = numbers.filter { sigismember(&held, $0) == 1 }
    guard !heldNumbers.isEmpty else { return }
    var signals = Signals.set(heldNumbers)
    let arrivals = OwnedDescriptor(
      adopting: try SystemError.check("watch for signals") { linux_signal_descriptor(&signals) },
      path: "signals")
    var places = [
      pollfd(fd: arrivals.rawValue, events: Int16(POLLIN), revents: 0),
      pollfd(fd: descriptor.rawValue, events: Int16(POLLIN), revents: 0),
    ]
    let (path, count) = (descriptor.path, nfds_t(places.count))
    try SystemError.check("wait for", path) { poll(&places, count, -1) }
    if places[0].revents != 0 {
      throw SystemError(errno: .interrupted, operation: "read", path: path)
    }
  }

  /// Lets these signals through again, including those that were held back.
  public static func obey() {
    var signals = all
    pthread_sigmask(SIG_UNBLOCK, &signals, nil)
  }
}
