import CLinux
import Glibc
import SystemPackage

/// A started program, with pipes to its standard streams. It has one owner: if the value's life ends before
/// the program does, the program is killed.
public struct ChildProcess: ~Copyable {
  /// The results of a program that has ended.
  public struct Outcome: Sendable {
    /// Its exit status; 128 plus the signal's number if a signal ended it.
    public let status: Int32
    /// Its standard output.
    public let output: [UInt8]
    /// Its standard error, cut off at the limit.
    public let errors: [UInt8]
  }

  private let process: pid_t
  private let name: FilePath
  private var input: OwnedDescriptor?
  private let output: OwnedDescriptor
  private let errors: OwnedDescriptor
  private var hasEnded = false

  /// Starts a program, found in `PATH`, with this process's environment and working directory.
  ///
  /// - Parameters:
  ///   - program: its name or path.
  ///   - arguments: its arguments without its name.
  /// - Throws: ``SystemError``, such as `ENOENT` if the program does not exist.
  public init(running program: String, _ arguments: [String]) throws(SystemError) {
    name = FilePath(program)
    let first = try Pipe.open()
    let second = try Pipe.open()
    let third = try Pipe.open()
    process = try Self.spawn(
      [program] + arguments, [first.reading.rawValue, second.writing.rawValue, third.writing.rawValue])
    input = .some(first.writing)
    output = second.reading
    errors = third.reading
  }

  deinit {
    guard !hasEnded else { return }
    kill(process, SIGKILL)
    _ = waitpid(process, nil, 0)
  }

  /// The two ends of a pipe, which other programs do not inherit.
  private struct Pipe: ~Copyable {
    let reading: OwnedDescriptor
    let writing: OwnedDescriptor

    static func open() throws(SystemError) -> Pipe {
      var ends: [Int32] = [-1, -1]
      try SystemError.check("make a pipe") {
        ends.withUnsafeMutableBufferPointer { linux_pipe($0.baseAddress) }
      }
      let first = OwnedDescriptor(adopting: ends[0], path: "pipe")
      let second = OwnedDescriptor(adopting: ends[1], path: "pipe")
      let reading = try moved(first)
      let writing = try moved(second)
      return Pipe(reading: reading, writing: writing)
    }

    /// Moves an end away from the numbers of closed standard streams: in the child, one copy could replace another.
    private static func moved(_ end: consuming OwnedDescriptor) throws(SystemError) -> OwnedDescriptor {
      guard end.rawValue <= STDERR_FILENO else { return end }
      let copy = try SystemError.check("make a pipe") {
        linux_duplicate_above(end.rawValue, STDERR_FILENO + 1)
      }
      return OwnedDescriptor(adopting: copy, path: "pipe")
    }
  }

  private static func spawn(_ arguments: [String], _ streams: [Int32]) throws(SystemError) -> pid_t {
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    for (number, stream) in streams.enumerated() {
      posix_spawn_file_actions_adddup2(&actions, stream, Int32(number))
    }
    // This process may ignore SIGPIPE, but programs expect to be ended by it.
    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    _ = SignalSet([SIGPIPE]).withPointer { posix_spawnattr_setsigdefault(&attributes, $0) }
    posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGDEF))
    var pointers = arguments.map { strdup($0) }
    defer { for pointer in pointers { free(pointer) } }
    pointers.append(nil)
    var process = pid_t()
    let status = posix_spawnp(&process, arguments[0], &actions, &attributes, pointers, environ)
    guard status == 0 else {
      throw SystemError(errno: Errno(rawValue: status), operation: "run", path: FilePath(arguments[0]))
    }
    return process
  }

  /// Writes the program's input, reads its output and errors, and waits for its end, all at the same time, so
  /// that none of them blocks another.
  ///
  /// It is not an error if the program leaves input unread; for that, the process has to ignore SIGPIPE.
  ///
  /// - Parameter limit: the most bytes that it may write to its standard output.
  /// - Throws: ``SystemError``; `EFBIG` if it writes more than the limit.
  public consuming func communicate(_ bytes: [UInt8], limit: Int) throws(SystemError) -> Outcome {
    var rest = bytes[...]
    var results: [[UInt8]] = [[], []]
    var isOpen = [true, true]
    if rest.isEmpty { input = nil }
    if let end = input?.rawValue { _ = fcntl(end, F_SETFL, O_NONBLOCK) }
    while isOpen.contains(true) || input != nil {
      var waits = [
        pollfd(fd: isOpen[0] ? output.rawValue : -1, events: Int16(POLLIN), revents: 0),
        pollfd(fd: isOpen[1] ? errors.rawValue : -1, events: Int16(POLLIN), revents: 0),
        pollfd(fd: input?.rawValue ?? -1, events: Int16(POLLOUT), revents: 0),
      ]
      try SystemError.check("wait for", name) { poll(&waits, nfds_t(waits.count), -1) }
      for index in 0..<2 where waits[index].revents != 0 {
        let block = try Self.read(waits[index].fd, name)
        isOpen[index] = !block.isEmpty
        if results[index].count + block.count <= limit {
          results[index] += block
        } else if index == 0 {
          throw SystemError(errno: .fileTooLarge, operation: "take the output of", path: name)
        }
      }
      if waits[2].revents != 0, try !Self.write(&rest, to: waits[2].fd, name) { input = nil }
    }
    var status: Int32 = 0
    try SystemError.check("wait for", name) { waitpid(process, &status, 0) }
    hasEnded = true
    let signal = status & 0x7F
    return Outcome(
      status: signal == 0 ? status >> 8 & 0xFF : 128 + signal, output: results[0], errors: results[1])
  }

  private static func read(_ descriptor: Int32, _ name: FilePath) throws(SystemError) -> [UInt8] {
    var block = [UInt8](repeating: 0, count: 1 << 16)
    let count = try SystemError.check("read from", name) {
      block.withUnsafeMutableBytes { Glibc.read(descriptor, $0.baseAddress, $0.count) }
    }
    return Array(block.prefix(count))
  }

  /// Writes as much as the pipe takes. Returns whether there is more to write and the other end is still open.
  private static func write(
    _ rest: inout ArraySlice<UInt8>, to descriptor: Int32, _ name: FilePath
  ) throws(SystemError) -> Bool {
    do throws(SystemError) {
      let count = try SystemError.check("write to", name) {
        rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
      }
      rest = rest.dropFirst(count)
      return !rest.isEmpty
    } catch {
      if error.errno == .resourceTemporarilyUnavailable { return true }
      // The program has read as much as it wanted. Its status tells the result.
      if error.errno == .brokenPipe { return false }
      throw error
    }
  }
}
