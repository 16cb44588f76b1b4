import CLinux
import Glibc

/// A set of signals (signal(7)), for holding them back and for waiting for them.
///
/// The C type stays in here: which module it belongs to depends on the build.
public struct SignalSet {
  private var set = sigset_t()

  /// The set of these signals.
  public init(_ numbers: [Int32] = []) {
    sigemptyset(&set)
    for number in numbers { sigaddset(&set, number) }
  }

  /// The signals that have come, but are held back.
  public static var pending: SignalSet {
    var signals = SignalSet()
    sigpending(&signals.set)
    return signals
  }

  /// The signals that this thread holds back.
  public static var held: SignalSet {
    var signals = SignalSet()
    pthread_sigmask(SIG_BLOCK, nil, &signals.set)
    return signals
  }

  /// Whether a signal belongs to this set.
  public func contains(_ number: Int32) -> Bool {
    withUnsafePointer(to: set) { sigismember($0, number) == 1 }
  }

  /// Holds these signals back, too, in this thread and in the threads and children that it starts.
  ///
  /// - Returns: the signals that were held back before, for ``holdOnly()``.
  @discardableResult public func hold() -> SignalSet { changeMask(SIG_BLOCK) }

  /// Lets these signals through, including those that were held back.
  public func letThrough() { _ = changeMask(SIG_UNBLOCK) }

  /// Holds back these signals and no others.
  public func holdOnly() { _ = changeMask(SIG_SETMASK) }

  private func changeMask(_ change: Int32) -> SignalSet {
    var old = SignalSet()
    _ = withUnsafePointer(to: set) { pthread_sigmask(change, $0, &old.set) }
    return old
  }

  /// Takes one of these signals, which have to be held back; waits for it if none has come.
  ///
  /// - Returns: its number; nil if another signal was handled meanwhile.
  public func wait() -> Int32? {
    let number = withUnsafePointer(to: set) { sigwaitinfo($0, nil) }
    return number > 0 ? number : nil
  }

  /// Takes one of these signals, which have to be held back; waits for it no longer than this.
  ///
  /// - Returns: its number; nil if none came.
  public func wait(milliseconds: Int) -> Int32? {
    var time = timespec(tv_sec: milliseconds / 1000, tv_nsec: milliseconds % 1000 * 1_000_000)
    let number = withUnsafePointer(to: set) { sigtimedwait($0, nil, &time) }
    return number > 0 ? number : nil
  }

  /// Calls a body with the C type, for functions that take it.
  func withPointer<Result>(_ body: (UnsafePointer<sigset_t>) -> Result) -> Result {
    withUnsafePointer(to: set) { body($0) }
  }
}

/// Signals that ask a process to end, as a terminal, a session or the system sends them.
public enum EndingSignals {
  private static let numbers = [SIGHUP, SIGINT, SIGQUIT, SIGTERM]
  private static var all: SignalSet { SignalSet(numbers) }

  /// Holds these signals back from here on, also in children, so that work that has begun is finished.
  public static func hold() {
    all.hold()
  }

  /// Does work that has to be undone or finished when one of these signals comes; the signal ends the process after it.
  ///
  /// The work asks ``wait(toRead:)`` or ``checkNone()`` before each step that may take long. Signals that the process ignores stay ignored.
  public static func deferred<Result: ~Copyable, Failure: Error>(
    _ work: () throws(Failure) -> Result
  ) throws(Failure) -> Result {
    let old = SignalSet(numbers.filter { linux_is_ignored($0) == 0 }).hold()
    defer { old.holdOnly() }
    return try work()
  }

  /// Asks whether to go on with work that is deferred, before each step that takes a while.
  ///
  /// - Throws: ``SystemError`` with `EINTR` if one of these signals, held back, has come.
  public static func checkNone() throws(SystemError) {
    let pending = SignalSet.pending
    guard numbers.contains(where: pending.contains) else { return }
    throw SystemError(errno: .interrupted, operation: "go on")
  }

  /// Waits until a descriptor gives bytes or its end.
  ///
  /// - Throws: ``SystemError`` with `EINTR` if one of these signals, held back, has come.
  public static func wait(toRead descriptor: borrowing OwnedDescriptor) throws(SystemError) {
    let held = SignalSet.held
    let heldNumbers = numbers.filter { held.contains($0) }
    guard !heldNumbers.isEmpty else { return }
    let signals = SignalSet(heldNumbers)
    let arrivals = OwnedDescriptor(
      adopting: try SystemError.check("watch for signals") {
        signals.withPointer { linux_signal_descriptor($0) }
      },
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
    all.letThrough()
  }
}
