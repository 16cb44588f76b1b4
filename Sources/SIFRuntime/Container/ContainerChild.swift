import Glibc
import LinuxSystem
public import SystemPackage

/// How a program ended (wait(2)).
public enum ProgramEnd: Sendable, Equatable {
  /// It exited with this status; 0 is success.
  case status(Int)
  /// This signal ended it.
  case signal(Int)

  init(_ status: Int32) {
    let signal = status & 0x7F
    self = signal == 0 ? .status(Int(status >> 8 & 0xFF)) : .signal(Int(signal))
  }
}

/// Programs that run beside this process, which goes on.
extension Container {
  /// Runs the program as a child of this process, and waits for its end.
  ///
  /// This process must have one thread, since a copy of it becomes the program. `onNote` of the options is called in that
  /// copy.
  ///
  /// - Parameters:
  ///   - input: the program's standard input; nil for this process's.
  ///   - output: the program's standard output; nil for this process's.
  ///   - errors: the program's standard error; nil for this process's.
  /// - Returns: how the program ended. If the container started, but the program does not exist or cannot be executed, the
  ///   end and the message on standard error are those of ``ContainerOptions/report``.
  /// - Throws: ``RuntimeError`` if the container was not started.
  public func runAndWait(
    input: FileDescriptor? = nil, output: FileDescriptor? = nil, errors: FileDescriptor? = nil
  ) throws(RuntimeError) -> ProgramEnd {
    try finish(try start([input?.rawValue, output?.rawValue, errors?.rawValue]))
  }

  /// Runs the program as ``runAndWait(input:output:errors:)`` does, and reads what it writes to standard output.
  ///
  /// - Parameter limit: the most bytes to read; a program that writes more gets SIGPIPE.
  /// - Returns: the bytes, and how the program ended.
  /// - Throws: ``RuntimeError`` if the container was not started, or if the output cannot be read.
  public func output(limit: Int = 64 << 20) throws(RuntimeError) -> (bytes: [UInt8], end: ProgramEnd) {
    var writing: OwnedDescriptor?
    var reading: OwnedDescriptor? = try translating(try OwnedDescriptor.pipe(&writing))
    let child = try start([nil, writing?.rawValue, nil])
    writing = nil
    let bytes: [UInt8]
    do throws(SystemError) { bytes = try reading?.readToEnd(limit: limit) ?? [] } catch {
      reading = nil
      _ = try? finish(child)
      throw RuntimeError(error)
    }
    reading = nil
    return (bytes, try finish(child))
  }

  private func start(_ streams: [Int32?]) throws(RuntimeError) -> Helper {
    try Self.checkThreads()
    return try translating { () throws(SystemError) in
      try Helper(.child) { channel in
        let failure: RuntimeError
        do {
          try Self.connect(streams)
          try run()
        } catch {
          failure = RuntimeError(any: error)
        }
        _ = failure.bytes.withUnsafeBytes { write(channel.rawValue, $0.baseAddress, $0.count) }
        return 1
      }
    }
  }

  /// Waits for the child. Its end of the socket closes when it becomes the program.
  private func finish(_ child: Helper) throws(RuntimeError) -> ProgramEnd {
    let failure = try translating { () throws(SystemError) in
      try child.channel?.readToEnd(limit: 1 << 16) ?? []
    }
    var status: Int32 = 0
    if let process = child.process {
      try translating { () throws(SystemError) in
        try SystemError.check("wait for a process") { waitpid(process, &status, 0) }
      }
    }
    if let failure = RuntimeError(bytes: failure) { throw failure }
    return ProgramEnd(status)
  }

  /// Makes these descriptors the standard streams.
  static func connect(_ streams: [Int32?]) throws(SystemError) {
    // Copies first: one of them may itself be a standard stream, and would be overwritten.
    var copies: [Int32?] = []
    for stream in streams {
      copies.append(
        try stream.map { (stream) throws(SystemError) in
          try SystemError.check("copy a descriptor") { fcntl(stream, F_DUPFD_CLOEXEC, 3) }
        })
    }
    for (number, copy) in copies.enumerated() {
      guard let copy else { continue }
      try SystemError.check("copy a descriptor") { dup2(copy, Int32(number)) }
    }
  }

  /// Writes out what this process has printed but still holds, and refuses to go on with several threads: the kernel lets
  /// only a process with one thread enter a user namespace.
  static func checkThreads() throws(RuntimeError) {
    fflush(nil)
    let tasks = try? OwnedDescriptor(opening: "/proc/self/task", flags: O_RDONLY | O_DIRECTORY).names()
    guard let tasks, tasks.count > 1 else { return }
    throw RuntimeError(
      .unavailable,
      "this process has \(tasks.count) threads, and only a process with one can start a container: start it before the others"
    )
  }
}
