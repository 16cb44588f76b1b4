import CLinux
import Glibc
import LinuxSystem
import ShellScript
import SystemPackage

/// A shell of the image, for scripts that need one (spec/runtime.md "The environment").
///
/// It runs under the program's own limits, in a process that may not look into this one, and has a minute, or
/// as long as was asked for.
struct ImageShell {
  /// How a script ended.
  enum End {
    case done
    case exit(UInt8)
    /// The shell has ended at a wrong line. What was set before counts.
    case stopped
    case failed(String)
  }

  private let path: String
  private let isBash: Bool
  private let patience: ScriptPatience
  /// Variables that a shell makes itself, or would not let be set.
  private static let own: Set<String> = [
    "_", "PWD", "OLDPWD", "SHLVL", "PPID", "UID", "EUID", "GROUPS", "IFS", "OPTIND", "SHELLOPTS", "BASHOPTS",
    "RANDOM",
    "LINENO", "SECONDS",
  ]
  /// The signals that this process waits for.
  private static let ending = [SIGHUP, SIGINT, SIGQUIT, SIGTERM]

  /// The image's bash, or else its other shell; nil if it has none.
  init?(_ patience: ScriptPatience) {
    guard let found = ["/bin/bash", "/bin/sh"].first(where: { ContainerFiles.allows(FilePath($0), X_OK) })
    else {
      return nil
    }
    path = found
    self.patience = patience
    isBash = found.hasSuffix("bash")
  }

  /// Has a script read, and takes its variables over.
  func read(_ script: String, _ reader: inout ScriptReader, _ limits: ProgramLimits) -> End {
    let passed = reader.variables.filter { name, variable in
      variable.value != nil && ProgramVariables.isName(name) && !Self.own.contains(name)
        && !name.hasPrefix("BASH_") && !name.hasPrefix(Self.prefix)
    }
    let program = Array(path.utf8)
    let plan = LauncherPlan(
      filters: limits.filters, candidates: [program],
      arguments: [program, Array("-c".utf8), Array(Self.text(of: script, passed, isBash).utf8), reader.name]
        + reader.arguments,
      environment: passed.map { Array("\($0.key)=".utf8) + ($0.value.value ?? []) },
      report: { (Array("\($0)\n".utf8), 127) }
    ) { reason in
      RuntimeError(.notExecutable, "cannot run \(path): \(reason?.description ?? "an unknown error")")
    }
    do {
      let launcher = try LauncherFile(inMemory: LauncherImage(plan))
      let report = try OwnedDescriptor.memory(named: "variables")
      let status = try run(launcher, report.rawValue, limits)
      lseek(report.rawValue, 0, SEEK_SET)
      return take(try report.readToEnd(limit: ContainerFiles.longest), status, passed, &reader)
    } catch {
      return .failed("it cannot be given to \(path) (\(error))")
    }
  }

  private static let prefix = "siftool_"

  /// What the shell is told to do. Its standard input is the file in memory into which it writes the variables.
  private static func text(
    of script: String, _ passed: [String: ScriptReader.Variable], _ isBash: Bool
  ) -> String {
    let inner = passed.filter { !$0.value.isExported }.keys.sorted()
    var text = inner.map { "siftool_value=$\($0); unset \($0); \($0)=$siftool_value\n" }.joined()
    text += "unset siftool_value\n"
    // Arrays are not passed to programs, and bash would list them among the variables that are.
    let arrays =
      "unset IFS; for siftool_name in $(compgen -A arrayvar); do export -n \"$siftool_name\"; done 2>/dev/null; "
    let list = (isBash ? arrays : "") + "export -p >&0"
    let quoted = script.replacing("'", with: "'\\''")
    return text + """
      trap 'echo "exit=$?" >&0; \(list)' 0
      . '\(quoted)'
      trap - 0
      echo done >&0; \(list)
      """
  }

  /// Takes over what the shell has listed.
  private func take(
    _ report: [UInt8], _ status: Int32?, _ passed: [String: ScriptReader.Variable],
    _ reader: inout ScriptReader
  ) -> End {
    guard let status else { return .failed("it was ended after \(patience.text)") }
    let first = String(decoding: report.prefix { $0 != 0x0A }, as: UTF8.self)
    guard first == "done" || first.hasPrefix("exit=") else {
      return .failed("its shell ended with status \(status)")
    }
    var listed = ScriptReader(files: NoFiles())
    let end = listed.run(Array(report.drop { $0 != 0x0A }), named: "")
    guard end == .done else {
      return .failed("its shell listed the variables in a form that is not understood")
    }
    for (name, variable) in listed.variables where !Self.own.contains(name) && variable.value != nil {
      reader.variables[name] = ScriptReader.Variable(variable.value)
    }
    for name in passed.keys where passed[name]?.isExported == true && listed.variables[name]?.value == nil {
      reader.variables[name] = nil
    }
    guard first != "done" else { return .done }
    // Shells other than bash end with this status at a wrong line, also in a file that they include.
    if !isBash, first == "exit=2" { return .stopped }
    return .exit(UInt8(first.dropFirst(5)) ?? 1)
  }

  private struct NoFiles: ScriptFiles {
    func content(of path: [UInt8]) -> [UInt8]? { nil }
    func holds(_ question: FileQuestion, of path: [UInt8]) -> Bool { false }
  }

  // MARK: The process

  /// Runs the shell and waits for its end. Returns its exit status; nil if it took too long.
  private func run(
    _ launcher: LauncherFile, _ report: Int32, _ limits: ProgramLimits
  ) throws -> Int32? {
    // The shell has the same user. It must not look into this process, which has seen the host; nor must what it may
    // leave running. The program that this process becomes is open again.
    ProcessPrivacy.set(isPrivate: true)
    let waited = SignalSet(ProcessMonitor.withMessages(Self.ending) + [SIGCHLD])
    let old = waited.hold()
    defer { old.holdOnly() }
    let shell = try Forking.child {
      // A group of its own, so that everything in it can be ended; the terminal stays the caller's.
      setpgid(0, 0)
      linux_prctl(PR_SET_PDEATHSIG, UInt(SIGKILL), 0)
      for number in [SIGTTIN, SIGTTOU] { signal(number, SIG_IGN) }
      Forking.resetSignals()
      guard dup2(report, STDIN_FILENO) == STDIN_FILENO, (try? limits.begin()) != nil else { return 126 }
      Forking.closeOnExecute(allBut: [])
      SignalSet().holdOnly()
      _ = launcher.execute()
      return 126
    }
    setpgid(shell, shell)
    return wait(for: shell, waited)
  }

  private func wait(for shell: pid_t, _ waited: SignalSet) -> Int32? {
    let end = Self.milliseconds + patience.milliseconds
    var status: Int32 = 0
    while true {
      let ended = waitpid(shell, &status, WNOHANG)
      if ended == shell { return Forking.exitStatus(status) }
      if ended < 0, linux_errno() != EINTR { return 0 }
      let left = end - Self.milliseconds
      guard left > 0 else {
        Self.end(shell)
        return nil
      }
      guard let number = waited.wait(milliseconds: min(left, 200)).map(ProcessMonitor.signal),
        Self.ending.contains(number)
      else {
        continue
      }
      Self.end(shell)
      // As if the signal had come without a script in the way. The first process of a namespace does not end by it.
      SignalSet([number]).letThrough()
      raise(number)
      _exit(128 + number)
    }
  }

  private static var milliseconds: Int {
    var now = timespec()
    clock_gettime(CLOCK_MONOTONIC, &now)
    return now.tv_sec * 1000 + now.tv_nsec / 1_000_000
  }

  private static func end(_ shell: pid_t) {
    kill(-shell, SIGKILL)
    kill(shell, SIGKILL)
    waitpid(shell, nil, 0)
  }
}
