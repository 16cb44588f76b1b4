import Glibc
import LinuxSystem
import SystemPackage

/// What the container's first program is, with its arguments and variables (spec/runtime.md "The environment").
///
/// To be made inside: it looks at the container's own files.
struct ProgramStart {
  private static let path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
  private static let runscript = "/.singularity.d/runscript"
  private static let scripts = "/.singularity.d/env"
  /// Values reach the shell in variables of these names: a command line is for everybody to see.
  private static let carrier = "SIFTOOL_VALUE_"
  /// What `--cleanenv` leaves of the host's variables.
  private static let kept = ["TERM", "COLORTERM", "LANG"]
  /// Variables of the host that mean nothing inside, or something else.
  private static let dropped = ["PATH", "HOME", "BASH_ENV", "ENV", "GLIBC_TUNABLES", "GCONV_PATH"]
  /// Everything that the dynamic loader obeys has this prefix: it is about libraries of the host.
  private static let loader = "LD_"
  /// Variables with these prefixes name others that are for the container; the later wins.
  private static let prefixes = ["SINGULARITYENV_", "APPTAINERENV_"]

  private var arguments: [[UInt8]] = []
  private var environment: [[UInt8]] = []
  private let limits: ProgramLimits
  private let launcher: LauncherFile
  private let isContained: Bool

  /// Finds out what the program is, and writes the launcher.
  init(
    _ options: ContainerOptions, image: FilePath, home: FilePath, _ limits: ProgramLimits,
    _ launcher: LauncherFile
  ) throws(RuntimeError) {
    self.limits = limits
    self.launcher = launcher
    isContained = options.isContained
    switch options.action {
    case .exec(let program): arguments = program
    case .run(let rest):
      guard access(Self.runscript, F_OK) == 0 else {
        throw RuntimeError(
          .notFound, "the image has no runscript, \(Self.runscript): start a program with exec")
      }
      arguments = [Array(Self.runscript.utf8)] + rest
    case .shell(let rest):
      let shells: [String] = ["/bin/bash", "/bin/sh"]
      guard let shell = shells.first(where: { access($0, X_OK) == 0 }) else {
        throw RuntimeError(.notFound, "the image has no shell, neither /bin/bash nor /bin/sh")
      }
      arguments = [Array(shell.utf8)] + (shell == "/bin/bash" ? [Array("--norc".utf8)] : []) + rest
    }
    var variables = Self.ofHost(options)
    variables.append(("HOME", home.bytes))
    variables.append(("PATH", Array(Self.path.utf8)))
    for name in ["SIFTOOL", "SINGULARITY", "APPTAINER"] {
      variables.append(("\(name)_CONTAINER", image.bytes))
      variables.append(("\(name)_NAME", FilePath(root: nil, image.components.suffix(1)).bytes))
    }
    if case .shell = options.action { variables.append(("PS1", Array("siftool> ".utf8))) }
    let asked = Self.forContainer() + options.environment
    let search = SearchPath(asked)
    let last = asked.filter { !SearchPath.names.contains($0.name) }
    if hasScripts {
      // The shell would say that the program itself is missing.
      if let error = arguments.first.flatMap({ MissingLoader(of: $0)?.error }) { throw error }
      throughShell(last, search)
      for (index, value) in (last.map(\.value) + [search.before, search.after]).enumerated() {
        variables.append(("\(Self.carrier)\(index)", value))
      }
    } else {
      variables.append(
        ("PATH", search.before + (search.replaces ? [] : Array(Self.path.utf8)) + search.after))
      variables += last
    }
    var positions: [String: Int] = [:]
    for (name, value) in variables {
      let text = Array("\(name)=".utf8) + value
      if let position = positions[name] {
        environment[position] = text
      } else {
        positions[name] = environment.count
        environment.append(text)
      }
    }
    try write(options)
  }

  /// The host's variables, as far as they are for the container.
  private static func ofHost(_ options: ContainerOptions) -> [ProgramVariables.Variable] {
    ProgramVariables.ofProcess().filter { name, _ in
      options.cleansEnvironment
        ? kept.contains(name) || name.hasPrefix("LC_")
        : !dropped.contains(name) && !name.hasPrefix(loader)
          && !prefixes.contains(where: { name.hasPrefix($0) })
    }
  }

  /// What the host's variables say about the container's.
  private static func forContainer() -> [ProgramVariables.Variable] {
    let all = ProgramVariables.ofProcess()
    return prefixes.flatMap { prefix in
      all.filter { $0.name.hasPrefix(prefix) }.map { (String($0.name.dropFirst(prefix.count)), $0.value) }
    }.filter { ProgramVariables.isName($0.0) }
  }

  /// Whether the image has scripts that set variables, and a shell to run them.
  private var hasScripts: Bool {
    guard access("/bin/sh", X_OK) == 0,
      let directory = try? OwnedDescriptor.withoutMagicLinks(
        FilePath(Self.scripts), flags: O_RDONLY | O_DIRECTORY | O_NONBLOCK),
      let names = try? directory.names()
    else { return false }
    return names.contains { $0.suffix(3).elementsEqual(".sh".utf8) }
  }

  /// Has the image's shell run its scripts first, and set what was asked for last.
  private mutating func throughShell(_ last: [ProgramVariables.Variable], _ search: SearchPath) {
    var script =
      "for siftool_script in \(Self.scripts)/*.sh; do [ -f \"$siftool_script\" ] && . \"$siftool_script\"; done\n"
    script += "unset siftool_script\n"
    for (index, variable) in last.enumerated() {
      script += "export \(variable.name)=\"$\(Self.carrier)\(index)\"; unset \(Self.carrier)\(index)\n"
    }
    let (before, after) = ("\(Self.carrier)\(last.count)", "\(Self.carrier)\(last.count + 1)")
    script +=
      "export PATH=\"$\(before)\(search.replaces ? "" : "$PATH")$\(after)\"; unset \(before) \(after)\n"
    script += "exec \"$@\"\n"
    arguments = ["/bin/sh", "-c", script, "siftool"].map { Array($0.utf8) } + arguments
  }

  private func write(_ options: ContainerOptions) throws(RuntimeError) {
    let program = arguments[0]
    let name = FilePath(bytes: program).string
    let isSearched = !program.contains(0x2F)
    var candidates = [program]
    if isSearched {
      let path = environment.last { $0.starts(with: Array("PATH=".utf8)) }?.dropFirst(5) ?? []
      candidates = path.split(separator: 0x3A).map { Array($0) + [0x2F] + program }
    }
    let plan = LauncherPlan(
      filters: limits.filters, candidates: candidates, arguments: arguments, environment: environment,
      report: options.report
    ) { reason in
      // What is there and still missing to the kernel names something else that is.
      if reason == .noSuchFileOrDirectory,
        let error = candidates.lazy.compactMap({ MissingLoader(of: $0)?.error }).first
      {
        return error
      }
      let isMissing = reason.map { [0, ENOENT, ENOTDIR].contains($0.rawValue) } ?? false
      if isMissing, isSearched { return RuntimeError(.notFound, "\(name) is not in the image's PATH") }
      return RuntimeError(
        isMissing ? .notFound : .notExecutable,
        "cannot run \(name): \(reason?.description ?? "an unknown error")")
    }
    let image = try LauncherImage(plan)
    do { try launcher.write(image) } catch {
      guard error.errno == .fileTooLarge else { throw RuntimeError(error) }
      throw RuntimeError(
        .unavailable,
        "this process may write no files of \(image.bytes.count) bytes (`ulimit -f`), which starting a program takes",
        system: error)
    }
  }

  /// Becomes the program, under its limits, by way of the launcher. Returns only by failing.
  func execute() -> RuntimeError {
    do { try limits.begin() } catch { return error }
    if isContained {
      do { try Forking.keepStandardStreamsAlone() } catch { return RuntimeError(error) }
    }
    Forking.resetSignals()
    return RuntimeError(launcher.execute())
  }
}

/// What was asked about PATH, which an image's own scripts set, too.
private struct SearchPath {
  /// The names of the variables that say it.
  static let names = ["PREPEND_PATH", "APPEND_PATH", "PATH"]

  /// What comes first, with a colon where something follows.
  let before: [UInt8]
  /// What comes last, with a colon before it.
  let after: [UInt8]
  /// Whether nothing of the image's own comes between.
  let replaces: Bool

  init(_ variables: [ProgramVariables.Variable]) {
    // As with the runtimes, what is empty was not asked for, and what replaces everything is everything.
    func asked(_ name: String) -> [UInt8]? {
      let value = variables.last { $0.name == name }?.value
      return value?.isEmpty == false ? value : nil
    }
    if let whole = asked("PATH") {
      (before, after, replaces) = (whole, [], true)
    } else {
      before = asked("PREPEND_PATH").map { $0 + [0x3A] } ?? []
      after = asked("APPEND_PATH").map { [0x3A] + $0 } ?? []
      replaces = false
    }
  }
}
