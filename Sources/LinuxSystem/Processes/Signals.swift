public import Glibc

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
  private static var all: sigset_t { Signals.set([SIGHUP, SIGINT, SIGQUIT, SIGTERM]) }

  /// Holds these signals back from here on, also in children, so that work that has begun is finished.
  public static func hold() {
    var signals = all
    pthread_sigmask(SIG_BLOCK, &signals, nil)
  }

  /// Lets these signals through again, including those that were held back.
  public static func obey() {
    var signals = all
    pthread_sigmask(SIG_UNBLOCK, &signals, nil)
  }
}
