import CLinux
import Glibc
import LinuxSystem
import SystemPackage

/// A program that this process can become.
protocol PreparedProgram {
  /// Becomes the program. Returns only if that fails.
  func execute() -> RuntimeError
}

/// Waits for a program in its own namespace of processes, and forwards the signals that this process gets.
///
/// The namespace's first process is ours: it adopts orphans, and the kernel ends all processes of the
/// namespace with it. If this process is killed, so is the first process.
///
/// A signal to the whole process group, such as a terminal sends, reaches the program anyway; but this process cannot
/// tell it from one to itself. The first process can: it is in the same group and keeps the signals that it gets pending.
/// So this process passes every signal on to it, as a real-time signal of its own, and the first process
/// decides. The kernel gives the signal to a group's newer members first.
enum ProcessMonitor {
  private static let forwarded = [SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGALRM, SIGWINCH]
  /// The real-time signal for the first of these; the others follow. The C library uses the lowest ones.
  private static let firstMessage: Int32 = 40
  /// What this process starts.
  enum Kind {
    /// A program in a new namespace of processes, which ends with it.
    case program
    /// The same, but the namespace stays when its program has ended; its first process has this name.
    ///
    /// The filters of system calls are for the process that holds the namespaces. If it boots, the program itself is the
    /// first process.
    case service(String, [SystemCallFilter], boots: Bool)
    /// A program in the namespace of processes of another container.
    case guest
  }

  /// The name of the first process. Whoever ends processes by name means `siftool`, which passes the signal on.
  private static let name = "container-init"

  /// Runs a program in the namespace of processes that begins with this process's next child.
  ///
  /// - Parameters:
  ///   - onFork: called in this process as soon as that child exists.
  ///   - onStart: called in this process when the program has started, with the first process's number.
  ///   - prepare: called in the new namespace.
  /// - Returns: how the program ended, as a status of wait(2).
  /// - Throws: ``RuntimeError`` if it was not started.
  static func run(
    _ kind: Kind, onFork: () -> Void, onStart: (pid_t) -> Void = { _ in },
    _ prepare: () throws -> any PreparedProgram
  ) throws(RuntimeError) -> Int32 {
    // The first process of a namespace cannot end by the program's signal, so it sends the status through a socket.
    var sending: OwnedDescriptor?
    let receiving = try translating(try OwnedDescriptor.socketPair(&sending))
    let last = sending?.rawValue ?? -1
    let old = SignalSet(forwarded + messages + [SIGCHLD]).hold()
    let first = try translating { () throws(SystemError) in
      try Helper(.child) { channel in
        // The program inherits the socket until it starts. Failures are reported before that.
        let report = channel.release()
        ProcessName.set(kind.name ?? name)
        linux_prctl(PR_SET_PDEATHSIG, UInt(SIGKILL), 0)
        // If the waiting process was killed before the call above, nobody holds the other end any more.
        var other = pollfd(fd: report, events: 0, revents: 0)
        guard poll(&other, 1, 0) == 0 else { return 1 }
        do {
          let holder = try kind.filters.map { (filters) throws(RuntimeError) in
            try NamespaceHolder(filters)
          }
          let program = try prepare()
          // A change of the user takes the signal above away for a moment.
          guard poll(&other, 1, 0) == 0 else { return 1 }
          // The program has the same user. It must not look into this process, which has seen the host.
          ProcessPrivacy.set(isPrivate: true)
          // It comes before the program: whoever looks for it takes the oldest child.
          try holder?.start()
          if kind.boots {
            old.holdOnly()
            tell(report, program.execute())
            return 127
          }
          var theirs: OwnedDescriptor?
          let mine = try OwnedDescriptor.socketPair(&theirs)
          let (own, other) = (mine.rawValue, theirs?.rawValue ?? -1)
          let child = try Forking.child {
            close(own)
            // The namespace does not end with the process that waits for a guest.
            if case .guest = kind { linux_prctl(PR_SET_PDEATHSIG, UInt(SIGKILL), 0) }
            // A service's signals go to all processes of its group, and to no others.
            if kind.isService { setpgid(0, 0) }
            takeEarlySignals(from: other)
            old.holdOnly()
            let failure = program.execute()
            tell(report, failure)
            return 127
          }
          close(report)
          if kind.isService { setpgid(child, child) }
          sendEarlySignals(to: own)
          if kind.isService {
            let signal = serve(child)
            tell(last, (128 + signal) << 8)
            return 128 + signal
          }
          let status = wait(for: child, messages) { message in
            let signal = forwarded[Int(message - firstMessage)]
            // Take it, so that it does not count for another one. The program may have a group of its own.
            let isOfGroup = SignalSet([signal]).wait(milliseconds: 0) != nil && getpgid(child) == getpgrp()
            if !isOfGroup { kill(child, signal) }
          }
          tell(last, status)
          return Forking.exitStatus(status)
        } catch {
          tell(report, RuntimeError(any: error))
          return 1
        }
      }
    }
    sending = nil
    onFork()
    passOnSignals(to: first)
    let text = try translating { () throws(SystemError) in try first.channel?.readToEnd(limit: 1 << 16) ?? []
    }
    guard let process = first.process else {
      throw RuntimeError(.system, "the container's first process is gone")
    }
    if text.isEmpty { onStart(process) }
    let status = wait(for: process, forwarded) { signal in
      // An init knows nothing of messages.
      if let index = forwarded.firstIndex(of: signal) { kill(process, kind.boots ? signal : messages[index]) }
    }
    old.holdOnly()
    if let failure = RuntimeError(bytes: text) { throw failure }
    // If the first process itself was ended, it sent nothing.
    let word = (try? receiving.readToEnd(limit: 4)) ?? []
    return word.count == 4 ? word.withUnsafeBytes { $0.loadUnaligned(as: Int32.self) } : status
  }

  /// Passes signals on to the first process until it reports: a script of the image may take a while.
  private static func passOnSignals(to first: Helper) {
    let waited = SignalSet(forwarded)
    while let process = first.process, !first.waitForReport(milliseconds: 50) {
      if let signal = waited.wait(milliseconds: 0), let index = forwarded.firstIndex(of: signal) {
        kill(process, messages[index])
      }
    }
  }

  /// The signal that a message stands for; a signal stands for itself.
  static func signal(of message: Int32) -> Int32 {
    messages.firstIndex(of: message).map { forwarded[$0] } ?? message
  }

  /// Signals, and the messages for them.
  static func withMessages(_ signals: [Int32]) -> [Int32] {
    signals + signals.compactMap { forwarded.firstIndex(of: $0).map { messages[$0] } }
  }

  /// Sends a failure.
  private static func tell(_ socket: Int32, _ failure: RuntimeError) {
    _ = failure.bytes.withUnsafeBytes { write(socket, $0.baseAddress, $0.count) }
  }

  /// Sends how the program ended.
  private static func tell(_ socket: Int32, _ status: Int32) {
    withUnsafeBytes(of: status) { _ = write(socket, $0.baseAddress, $0.count) }
  }

  private static var messages: [Int32] { forwarded.indices.map { firstMessage + Int32($0) } }

  /// Tells the program's process, which waits for it, which signals its group got before it existed.
  private static func sendEarlySignals(to socket: Int32) {
    var early = pending
    _ = write(socket, &early, MemoryLayout.size(ofValue: early))
  }

  private static func takeEarlySignals(from socket: Int32) {
    var early: UInt32 = 0
    guard read(socket, &early, MemoryLayout.size(ofValue: early)) > 0 else { return }
    let own = pending
    for (index, signal) in forwarded.enumerated() where early & ~own & (1 << UInt32(index)) != 0 {
      kill(getpid(), signal)
    }
  }

  /// The signals to be forwarded that this process holds back, as bits.
  private static var pending: UInt32 {
    let signals = SignalSet.pending
    return forwarded.indices.reduce(0) { $0 | (signals.contains(forwarded[$1]) ? 1 << UInt32($1) : 0) }
  }

  /// Stays after the program has ended, and passes signals on to its group. Ends when a signal has asked processes to end
  /// and none is left, and returns that signal.
  private static func serve(_ group: pid_t) -> Int32 {
    let waited = SignalSet(forwarded + messages + [SIGCHLD])
    let ending = [SIGHUP, SIGINT, SIGQUIT, SIGTERM]
    var last: Int32?
    while true {
      if let number = waited.wait(), number != SIGCHLD {
        let signal = messages.contains(number) ? forwarded[Int(number - firstMessage)] : number
        let isGone = kill(-group, signal) != 0
        if ending.contains(signal) {
          if isGone { return signal }
          last = signal
        }
      }
      var ended = waitpid(-1, nil, WNOHANG)
      while ended > 0 { ended = waitpid(-1, nil, WNOHANG) }
      if let last, kill(-group, 0) != 0 { return last }
    }
  }

  /// Waits for a process, reaps every other child that ends, and hands signals to a body. Returns the status of wait(2).
  private static func wait(for process: pid_t, _ signals: [Int32], _ body: (Int32) -> Void) -> Int32 {
    let waited = SignalSet(signals + [SIGCHLD])
    while true {
      var status: Int32 = 0
      var ended = waitpid(-1, &status, WNOHANG)
      while ended > 0 {
        if ended == process { return status }
        ended = waitpid(-1, &status, WNOHANG)
      }
      if let signal = waited.wait(), signal != SIGCHLD { body(signal) }
    }
  }
}

extension ProcessMonitor.Kind {
  fileprivate var isService: Bool { name != nil }

  fileprivate var name: String? {
    if case .service(let name, _, _) = self { name } else { nil }
  }

  fileprivate var boots: Bool {
    if case .service(_, _, true) = self { true } else { false }
  }

  fileprivate var filters: [SystemCallFilter]? {
    if case .service(_, let filters, _) = self { filters } else { nil }
  }
}
