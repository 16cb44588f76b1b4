public import Glibc

/// Signals by their numbers.
public enum Signals {
  /// The set of these signals alone. (No initializer: other modules do not see those of a C type without a tag.)
  public static func set(_ numbers: [Int32]) -> sigset_t {
    var set = sigset_t()
    sigemptyset(&set)
    for number in numbers { sigaddset(&set, number) }
    return set
  }
}

/// Requests to end: what a terminal, a session or a system sends.
public enum EndingSignals {
  private static var all: sigset_t { Signals.set([SIGHUP, SIGINT, SIGQUIT, SIGTERM]) }

  /// Lets requests wait from here on, also in children: what has begun is done as a whole.
  public static func hold() {
    var signals = all
    pthread_sigmask(SIG_BLOCK, &signals, nil)
  }

  /// Obeys requests again, those that have waited first.
  public static func obey() {
    var signals = all
    pthread_sigmask(SIG_UNBLOCK, &signals, nil)
  }
}
