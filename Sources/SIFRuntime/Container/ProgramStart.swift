import Glibc
import LinuxSystem
import SystemPackage

/// The container's first program, with its arguments and variables (spec/runtime.md "The program").
///
/// It has to be made inside, because it looks at the container's own files.
struct ProgramStart: PreparedProgram {
  private var arguments: [[UInt8]] = []
  private let variables: ImageEnvironment
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
    variables = ImageEnvironment(options, image: image, home: home, limits)
    if let status = variables.exit {
      try write(endingWith: status)
      return
    }
    let choice = ProgramChoice(options, variables)
    switch options.action {
    case .exec(let program): arguments = program
    case .run(let rest): arguments = try choice.runscript(rest)
    case .test(let rest):
      guard let test = choice.test(rest) else {
        try write(endingWith: 0)
        return
      }
      arguments = test
    case .shell(let rest): arguments = try choice.shell(rest)
    case .start(let rest):
      guard let script = choice.startscript(rest) else {
        try write(endingWith: 0)
        return
      }
      arguments = script
    case .boot: arguments = [Array("/sbin/init".utf8)]
    case .hold:
      try write(endingWith: 0)
      return
    }
    try write(options)
  }

  /// Writes a launcher that starts nothing, but ends with a status.
  private func write(endingWith status: UInt8) throws(RuntimeError) {
    let plan = LauncherPlan(
      filters: limits.filters, candidates: [], arguments: [], environment: [], report: { _ in ([], status) }
    ) { _ in RuntimeError(.system, "") }
    try write(plan)
  }

  private mutating func write(_ options: ContainerOptions) throws(RuntimeError) {
    let program = arguments[0]
    let name = FilePath(bytes: program).string
    let isSearched = !program.contains(0x2F)
    var candidates = [Self.absolute(program)]
    if isSearched {
      let path = variables.value(of: "PATH") ?? []
      candidates = path.split(separator: 0x3A).map { Self.absolute(Array($0) + [0x2F] + program) }
    }
    // The kernel does not start a script whose first line names no interpreter; shells give it to sh.
    let sh = Array("/bin/sh".utf8)
    if let script = candidates.first(where: MissingLoader.canExecute), MissingLoader.isText(script),
      MissingLoader.canExecute(sh)
    {
      arguments = [sh, script] + arguments.dropFirst()
      candidates = [arguments[0]]
    }
    let plan = LauncherPlan(
      filters: limits.filters, label: limits.label, candidates: candidates, arguments: arguments,
      environment: variables.environment,
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
      if isMissing, isSearched {
        return RuntimeError(
          .notFound, "\(name) is not in the image's PATH", program: .notInPath(name))
      }
      return RuntimeError(
        isMissing ? .notFound : .notExecutable,
        "cannot run \(name): \(reason?.description ?? "an unknown error")")
    }
    try write(plan)
  }

  /// A path that still leads there when a script asks for its own name elsewhere.
  private static func absolute(_ path: [UInt8]) -> [UInt8] {
    guard path.first != 0x2F, let directory = getcwd(nil, 0) else { return path }
    defer { free(directory) }
    let start = FilePath(platformString: directory).bytes
    guard start.first == 0x2F, start.count + path.count < PATH_MAX - 1 else { return path }
    let rest = path.starts(with: [0x2E, 0x2F]) ? path.dropFirst(2).drop { $0 == 0x2F } : path[...]
    return start + (start.last == 0x2F ? [] : [0x2F]) + rest
  }

  private func write(_ plan: LauncherPlan) throws(RuntimeError) {
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
