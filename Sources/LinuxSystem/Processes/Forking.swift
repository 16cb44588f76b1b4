import CLinux
import Glibc
import Synchronization
import SystemPackage

/// Processes that are copies of this one, which must have one thread.
public enum Forking {
  /// Starts a copy of this process that runs `body` and exits with the status that it returns.
  ///
  /// - Returns: the copy's process id.
  public static func child(_ body: () -> Int32) throws(SystemError) -> pid_t {
    let process = try SystemError.check("start a process") { linux_fork() }
    if process == 0 { _exit(body()) }
    return process
  }

  /// Ends this process in the same way as another process ended, according to wait(2): with its status, or by
  /// its signal.
  public static func end(as status: Int32) -> Never {
    let signal = status & 0x7F
    if signal != 0 {
      // The other process has already left a core dump, if one was wanted.
      ProcessPrivacy.set(isPrivate: true)
      Glibc.signal(signal, SIG_DFL)
      SignalSet([signal]).letThrough()
      kill(getpid(), signal)
    }
    exit(exitStatus(status))
  }

  /// Starts a copy like ``detached(keeping:_:)``, but one that stays this process's child and has to be
  /// waited for. For work that goes on longer, it forks a process of its own.
  ///
  /// - Returns: the copy's process id.
  public static func apart(keeping kept: [Int32], _ body: () -> Int32) throws(SystemError) -> pid_t {
    try forked(keeping: kept) { body() }
  }

  /// Reaps children of this process: those that have ended, and others that end within so many seconds.
  public static func collectChildren(patience: Double) {
    let pause: UInt32 = 2000
    var waited: UInt32 = 0
    while true {
      let process = waitpid(-1, nil, WNOHANG)
      if process < 0 && linux_errno() != EINTR { return }
      guard process == 0 else { continue }
      guard Double(waited) < patience * 1_000_000 else { return }
      usleep(pause)
      waited += pause
    }
  }

  /// Starts a copy in its own session, which need not be waited for. Its standard streams are /dev/null and its
  /// working directory is the root, so that readers of this process's output do not wait for the copy's end.
  ///
  /// - Parameter kept: the descriptors that the copy keeps. It must not keep others: they may be pipes and
  ///   locks of this process's parents.
  public static func detached(keeping kept: [Int32], _ body: () -> Int32) throws(SystemError) {
    let between = try forked(keeping: kept) {
      do throws(SystemError) { _ = try child(body) } catch { return error.errno.rawValue }
      return 0
    }
    let status = try wait(for: between)
    guard status == 0 else {
      let reason = Errno(rawValue: status > 128 ? EINTR : status)
      throw SystemError(errno: reason, operation: "start a process")
    }
  }

  /// Starts a copy without this process's session, streams and descriptors.
  private static func forked(
    keeping kept: [Int32], _ body: () -> Int32
  ) throws(SystemError) -> pid_t {
    // Opened here, where an error can be reported.
    let null = try OwnedDescriptor(opening: "/dev/null", flags: O_RDWR)
    let number = null.rawValue
    return try child {
      setsid()
      guard chdir("/") == 0 else { return linux_errno() }
      for stream in 0...2 where dup2(number, Int32(stream)) < 0 { return linux_errno() }
      closeAll(but: kept)
      return body()
    }
  }

  /// Closes all descriptors but the standard streams and the given ones. It does not depend on /proc, because a
  /// descriptor that stays open by mistake may be the other end of a socket whose end this process waits for.
  private static func closeAll(but kept: [Int32]) {
    var first: UInt32 = 3
    for number in kept.filter({ $0 > 2 }).map(UInt32.init).sorted() + [.max] {
      if number > first, linux_close_range(first, number == .max ? .max : number - 1) != 0 {
        // For Linux before 5.9.
        for other in first..<min(number, UInt32(clamping: sysconf(Int32(_SC_OPEN_MAX)))) {
          close(Int32(other))
        }
      }
      if number < .max { first = number + 1 }
    }
  }

  /// Waits for a child's end. Returns its exit status, or 128 plus the number of the signal that ended it.
  public static func wait(for process: pid_t) throws(SystemError) -> Int32 {
    var status: Int32 = 0
    try SystemError.check("wait for a process") { waitpid(process, &status, 0) }
    return exitStatus(status)
  }

  /// Converts a status of wait(2) to a shell's exit status.
  public static func exitStatus(_ status: Int32) -> Int32 {
    let signal = status & 0x7F
    return signal == 0 ? status >> 8 & 0xFF : 128 + signal
  }

  /// Becomes another program. Returns only if that fails.
  ///
  /// - Parameters:
  ///   - program: its path.
  ///   - arguments: all arguments, the program's name first, as raw bytes.
  ///   - environment: variables, as `NAME=value`.
  public static func execute(
    _ program: [UInt8], _ arguments: [[UInt8]], _ environment: [[UInt8]]
  ) -> SystemError {
    resetSignals()
    func pointers(_ texts: [[UInt8]]) -> [UnsafeMutablePointer<CChar>?] {
      texts.map { text in withTerminated(text) { strdup($0) } } + [nil]
    }
    let (arguments, environment) = (pointers(arguments), pointers(environment))
    _ = withTerminated(program) { execve($0, arguments, environment) }
    let reason = Errno(rawValue: linux_errno())
    for pointer in arguments + environment { free(pointer) }
    return SystemError(errno: reason, operation: "run", path: FilePath(bytes: program))
  }

  /// Opens /dev/null in place of closed standard streams: otherwise the files that are opened next would get
  /// their numbers. Reading from and writing to them still fail.
  public static func fillStandardStreams() {
    for stream in STDIN_FILENO...STDERR_FILENO where fcntl(stream, F_GETFD) < 0 {
      // open(2) uses the lowest free number, which is this one.
      _ = open("/dev/null", stream == STDIN_FILENO ? O_WRONLY : O_RDONLY)
    }
  }

  /// The numbers of all descriptors that this process has open; nil if /proc does not tell.
  public static func openDescriptors() -> [Int32]? {
    guard
      let names = try? OwnedDescriptor(opening: "/proc/self/fd", flags: O_RDONLY | O_DIRECTORY).names()
    else { return nil }
    // The directory itself was among them.
    return names.compactMap { Int32(String(decoding: $0, as: UTF8.self)) }.filter { fcntl($0, F_GETFD) >= 0 }
  }

  /// Keeps the next program of this process from inheriting any descriptors but the standard streams and these.
  ///
  /// All that this module opens is closed by execve(2) anyway. This includes what libraries open. Kernels before 5.11
  /// cannot do it.
  public static func closeOnExecute(allBut kept: [Int32]) {
    var first = UInt32(STDERR_FILENO + 1)
    for number in kept.filter({ $0 > STDERR_FILENO }).map(UInt32.init).sorted() {
      if number > first { _ = linux_close_on_execute(first, number - 1) }
      first = number + 1
    }
    _ = linux_close_on_execute(first, .max)
  }

  /// Ignores the signals for a reader that goes away and for a file that becomes too long: they are errors of write(2),
  /// not the end of this process.
  public static func ignoreSignalsOfWriting() {
    let already = ofWriting.filter { linux_ignore($0) != 0 }
    ignoredByCaller.withLock { $0 = already }
  }

  /// Restores the default action of the signals that this process ignores, because programs expect it; except those
  /// that the caller already ignored.
  public static func resetSignals() {
    let already = ignoredByCaller.withLock { $0 }
    for signal in ofWriting where !already.contains(signal) { Glibc.signal(signal, SIG_DFL) }
  }

  private static let ofWriting = [SIGPIPE, SIGXFSZ]
  private static let ignoredByCaller = Mutex<[Int32]>([])
}
