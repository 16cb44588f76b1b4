import Glibc
import LinuxSystem
import SystemPackage

/// The container's first program, with its arguments and variables (spec/runtime.md "The environment").
///
/// It has to be made inside, because it looks at the container's own files.
struct ProgramStart {
  private static let path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
  private static let runscript = "/.singularity.d/runscript"
  private static let scripts = "/.singularity.d/env"
  /// Values reach the shell in variables with this prefix, because every user can read a command line.
  private static let carrier = "SIFTOOL_VALUE_"
  /// The host's variables that `--cleanenv` keeps.
  private static let kept = ["TERM", "COLORTERM", "LANG"]
  /// Variables of the host that have no meaning inside, or a different one.
  private static let dropped = ["PATH", "HOME", "BASH_ENV", "ENV", "GLIBC_TUNABLES", "GCONV_PATH"]
  /// The prefix of all variables that the dynamic loader obeys: they are about libraries of the host.
  private static let loader = "LD_"
  /// The prefixes of variables that set the container's. The later prefix wins.
  private static let prefixes = ["SINGULARITYENV_", "APPTAINERENV_"]

  private var arguments: [[UInt8]] = []
  private var environment: [[UInt8]] = []
  private let limits: ProgramLimits
  private let launcher: LauncherFile
  private let descriptors: [Int32]?

  /// Finds out which program to start, and writes the launcher.
  init(
    _ options: ContainerOptions, image: FilePath, home: FilePath, _ limits: ProgramLimits,
    _ launcher: LauncherFile
  ) throws(RuntimeError) {
    self.limits = limits
    self.launcher = launcher
    descriptors = options.descriptors
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
      // Without this check, the shell would report the program itself as missing.
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

  /// The host's variables that the container gets.
  private static func ofHost(_ options: ContainerOptions) -> [ProgramVariables.Variable] {
    ProgramVariables.ofProcess().filter { name, _ in
      options.cleansEnvironment
        ? kept.contains(name) || name.hasPrefix("LC_")
        : !dropped.contains(name) && !name.hasPrefix(loader)
          && !prefixes.contains(where: { name.hasPrefix($0) })
    }
  }

  /// The variables for the container that the host's variables set.
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

  /// Has the image's shell run its scripts first, and then set the requested variables.
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
      // If the program exists, the kernel means a file that the program needs.
      if reason == .noSuchFileOrDirectory,
        let error = candidates.lazy.compactMap({ MissingLoader(of: $0)?.error }).first
      {
        return error
      }
      if reason == .execFormatError, let error = candidates.lazy.compactMap(ForeignProgram.error(of:)).first {
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
        "starting a program needs a file of \(image.bytes.count) bytes, which this process may not write (`ulimit -f`)",
        system: error)
    }
  }

  /// Becomes the program, under its limits, by way of the launcher. Returns only if that fails.
  func execute() -> RuntimeError {
    do { try limits.begin() } catch { return error }
    if let descriptors { Forking.closeOnExecute(allBut: descriptors) }
    Forking.resetSignals()
    return RuntimeError(launcher.execute())
  }
}

/// The requested changes to PATH, which an image's own scripts set, too.
private struct SearchPath {
  /// The names of the variables that request them.
  static let names = ["PREPEND_PATH", "APPEND_PATH", "PATH"]

  /// The part before the image's own PATH, with a colon if something follows.
  let before: [UInt8]
  /// The part after the image's own PATH, with a colon before it.
  let after: [UInt8]
  /// Whether the image's own PATH is left out.
  let replaces: Bool

  init(_ variables: [ProgramVariables.Variable]) {
    // As in the other runtimes, an empty value counts as not given, and PATH replaces everything.
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
