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
  /// Variables with these prefixes name others that are for the container.
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
    }
    if case .shell = options.action { variables.append(("PS1", Array("siftool> ".utf8))) }
    let last = Self.forContainer() + options.environment
    if hasScripts {
      throughShell(last)
      for (index, variable) in last.enumerated() {
        variables.append(("\(Self.carrier)\(index)", variable.value))
      }
    } else {
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
  private static func ofHost(_ options: ContainerOptions) -> [(name: String, value: [UInt8])] {
    all().filter { name, _ in
      options.cleansEnvironment
        ? kept.contains(name) || name.hasPrefix("LC_")
        : !dropped.contains(name) && !name.hasPrefix(loader)
          && !prefixes.contains(where: { name.hasPrefix($0) })
    }
  }

  /// What the host's variables say about the container's.
  private static func forContainer() -> [(name: String, value: [UInt8])] {
    all().compactMap { name, value in
      prefixes.first { name.hasPrefix($0) }.map { (String(name.dropFirst($0.count)), value) }
    }.filter { ProgramVariables.isName($0.0) }
  }

  private static func all() -> [(name: String, value: [UInt8])] {
    var variables: [(String, [UInt8])] = []
    var next = environ
    while let text = next.pointee {
      let bytes = UnsafeRawBufferPointer(start: text, count: strlen(text)).map { $0 }
      if let equals = bytes.firstIndex(of: 0x3D), equals > 0 {
        variables.append((String(decoding: bytes[..<equals], as: UTF8.self), Array(bytes[(equals + 1)...])))
      }
      next += 1
    }
    return variables
  }

  /// Whether the image has scripts that set variables, and a shell to run them.
  private var hasScripts: Bool {
    guard access("/bin/sh", X_OK) == 0,
      let directory = try? OwnedDescriptor(
        opening: FilePath(Self.scripts), flags: O_RDONLY | O_DIRECTORY | O_NONBLOCK),
      let names = try? directory.names()
    else { return false }
    return names.contains { $0.suffix(3).elementsEqual(".sh".utf8) }
  }

  /// Has the image's shell run its scripts first, and set what was asked for last.
  private mutating func throughShell(_ last: [(name: String, value: [UInt8])]) {
    var script =
      "for siftool_script in \(Self.scripts)/*.sh; do [ -f \"$siftool_script\" ] && . \"$siftool_script\"; done\n"
    script += "unset siftool_script\n"
    for (index, variable) in last.enumerated() {
      script += "export \(variable.name)=\"$\(Self.carrier)\(index)\"; unset \(Self.carrier)\(index)\n"
    }
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
      let isMissing = reason.map { [0, ENOENT, ENOTDIR].contains($0.rawValue) } ?? false
      if isMissing, isSearched { return RuntimeError(.notFound, "\(name) is not in the image's PATH") }
      return RuntimeError(
        isMissing ? .notFound : .notExecutable,
        "cannot run \(name): \(reason?.description ?? "an unknown error")")
    }
    let image = try LauncherImage(plan)
    try translating { () throws(SystemError) in try launcher.write(image) }
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

/// Variables of a program.
public enum ProgramVariables {
  /// Whether a shell takes a text for the name of a variable.
  public static func isName(_ name: String) -> Bool {
    guard let first = name.utf8.first, !(0x30...0x39).contains(first) else { return false }
    return name.utf8.allSatisfy {
      (0x30...0x39).contains($0) || (0x41...0x5A).contains($0) || (0x61...0x7A).contains($0) || $0 == 0x5F
    }
  }
}
