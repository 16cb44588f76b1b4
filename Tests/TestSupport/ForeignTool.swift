import Glibc

/// The result of a foreign program.
public struct ToolAnswer: Sendable {
  /// Its exit status; 128 plus the signal's number if a signal ended it.
  public let status: Int32
  /// Its standard output.
  public let output: [UInt8]
  /// Its standard error.
  public let errors: String
  /// ``output`` as text.
  public var text: String { String(decoding: output, as: UTF8.self) }
}

/// The reason why a foreign program did not run at all.
public struct ToolError: Error, CustomStringConvertible {
  /// The failed step.
  public let description: String
}

/// A program that was started, but not yet waited for.
public struct RunningTool: Sendable {
  /// Its process id.
  public let process: pid_t
  fileprivate let output: Int32
  fileprivate let errors: Int32

  /// Sends it a signal.
  public func signal(_ number: Int32) { kill(process, number) }

  /// Waits for its end. Call it only once.
  public func wait() throws -> ToolAnswer {
    defer {
      close(output)
      close(errors)
    }
    var status: Int32 = 0
    while waitpid(process, &status, 0) < 0 {
      guard errno == EINTR else { throw ToolError(description: "cannot wait for process \(process)") }
    }
    let signal = status & 0x7F
    return ToolAnswer(
      status: signal == 0 ? status >> 8 & 0xFF : 128 + signal, output: try Tool.contents(output),
      errors: String(decoding: try Tool.contents(errors), as: UTF8.self))
  }
}

/// Runs the programs that results are compared with, and our own.
public enum Tool {
  /// Runs a program and waits for it.
  ///
  /// - Parameters:
  ///   - arguments: the program, found along `PATH`, and its arguments.
  ///   - input: its standard input.
  ///   - environment: variables besides `PATH`, `HOME` and `LC_ALL=C`.
  ///   - directory: its working directory; nil for this process's.
  public static func run(
    _ arguments: [String], input: [UInt8] = [], environment: [String: String] = [:],
    in directory: String? = nil
  ) throws -> ToolAnswer {
    try start(arguments, input: input, environment: environment, in: directory).wait()
  }

  /// Starts a program.
  public static func start(
    _ arguments: [String], input: [UInt8] = [], environment: [String: String] = [:],
    in directory: String? = nil
  ) throws -> RunningTool {
    // Files instead of pipes: they do not fill up while nobody reads.
    let files = try [input, [], []].map(temporaryFile)
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    for (index, file) in files.enumerated() {
      posix_spawn_file_actions_adddup2(&actions, file, Int32(index))
    }
    // The threads that tests run on block signals, and nohup(1) ignores one; the program would inherit both.
    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    var signals = sigset_t()
    sigemptyset(&signals)
    posix_spawnattr_setsigmask(&attributes, &signals)
    for number in [SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGPIPE, SIGUSR1, SIGUSR2, SIGCHLD] {
      sigaddset(&signals, number)
    }
    posix_spawnattr_setsigdefault(&attributes, &signals)
    posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF))
    let arguments = directory.map { ["env", "-C", $0] + arguments } ?? arguments
    var variables = [
      "LC_ALL": "C", "PATH": variable("PATH") ?? "/usr/bin:/bin", "HOME": variable("HOME") ?? "/",
    ]
    variables.merge(environment) { $1 }
    var process = pid_t()
    let result = withStrings(arguments) { argv in
      withStrings(variables.map { "\($0)=\($1)" }) { environment in
        argv[0].map { posix_spawnp(&process, $0, &actions, &attributes, argv, environment) } ?? ENOENT
      }
    }
    close(files[0])
    guard result == 0 else {
      close(files[1])
      close(files[2])
      throw ToolError(
        description: "cannot run \(arguments.first ?? ""): \(String(cString: strerror(result)))")
    }
    return RunningTool(process: process, output: files[1], errors: files[2])
  }

  /// Runs a program that has to succeed.
  @discardableResult
  public static func check(
    _ arguments: [String], input: [UInt8] = [], environment: [String: String] = [:],
    in directory: String? = nil
  ) throws -> ToolAnswer {
    let answer = try run(arguments, input: input, environment: environment, in: directory)
    guard answer.status == 0 else {
      throw ToolError(
        description: "\(arguments.joined(separator: " ")): status \(answer.status)\n\(answer.errors)")
    }
    return answer
  }

  /// Runs a program and measures the most memory that it holds at once, in bytes.
  ///
  /// It runs under time(1), which is small: a program that this process starts itself is charged with this
  /// process's memory.
  public static func measure(_ arguments: [String]) throws -> (answer: ToolAnswer, peakMemory: Int) {
    let directory = try Scratch()
    let answer = try run(["time", "-q", "-f", "%M", "-o", directory.file("memory")] + arguments)
    let kilobytes = String(decoding: try directory.read("memory"), as: UTF8.self)
    guard let count = Int(kilobytes.filter(\.isNumber)) else {
      throw ToolError(description: "time: \(kilobytes)")
    }
    return (answer, count * 1024)
  }

  /// The bytes of a file.
  public static func read(_ path: String) throws -> [UInt8] {
    let file = open(path, O_RDONLY | O_CLOEXEC)
    guard file >= 0 else { throw ToolError(description: "cannot open \(path)") }
    defer { close(file) }
    return try contents(file)
  }

  /// Writes a file that only this user can read.
  public static func write(_ path: String, _ bytes: [UInt8]) throws {
    let file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
    guard file >= 0 else { throw ToolError(description: "cannot write \(path)") }
    defer { close(file) }
    try fill(file, bytes)
  }

  private static func temporaryFile(_ bytes: [UInt8]) throws -> Int32 {
    var template = Array("/tmp/sif-tool-XXXXXX".utf8CString)
    let file = mkstemp(&template)
    guard file >= 0 else { throw ToolError(description: "mkstemp failed") }
    // Programs that other tests start meanwhile must not inherit it.
    _ = fcntl(file, F_SETFD, FD_CLOEXEC)
    unlink(template)
    try fill(file, bytes)
    lseek(file, 0, SEEK_SET)
    return file
  }

  private static func fill(_ file: Int32, _ bytes: [UInt8]) throws {
    var rest = bytes[...]
    while !rest.isEmpty {
      let count = rest.withUnsafeBytes { Glibc.write(file, $0.baseAddress, $0.count) }
      guard count > 0 else { throw ToolError(description: "write failed") }
      rest = rest.dropFirst(count)
    }
  }

  fileprivate static func contents(_ file: Int32) throws -> [UInt8] {
    var status = stat()
    guard fstat(file, &status) == 0 else { throw ToolError(description: "fstat failed") }
    let size = Int(status.st_size)
    return [UInt8](unsafeUninitializedCapacity: size) { buffer, count in
      count = max(0, pread(file, buffer.baseAddress, size, 0))
    }
  }

  private static func variable(_ name: String) -> String? { getenv(name).map { String(cString: $0) } }

  private static func withStrings<Result>(
    _ strings: [String], _ body: ([UnsafeMutablePointer<CChar>?]) -> Result
  ) -> Result {
    let pointers = strings.map { strdup($0) }
    defer { for pointer in pointers { free(pointer) } }
    return body(pointers + [nil])
  }
}
