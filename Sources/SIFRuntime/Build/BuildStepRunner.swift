import Accelerators
import CLinux
public import ExecutionControl
import Glibc
public import ImageBuild
import LinuxSystem
import SystemPackage

/// Runs the steps of builds: scripts in a tree that is being built, and programs of the host that make one (spec/build.md
/// "Steps").
///
/// This process is root, or root of a user namespace, and has a mount namespace of its own. It must have one thread whenever a
/// step begins.
public final class BuildStepRunner: StepRunner {
  private let site: SiteSettings
  private let onNote: @Sendable (String) -> Void

  /// Makes a runner.
  ///
  /// - Parameters:
  ///   - site: the administrators' settings.
  ///   - onNote: receives what differs from what was requested, without being an error.
  public init(site: SiteSettings = SiteSettings(), onNote: @escaping @Sendable (String) -> Void = { _ in }) {
    self.site = site
    self.onNote = onNote
  }

  /// Runs a step to its end.
  public func run(_ step: BuildStep, output: @escaping @Sendable ([UInt8]) -> Void) throws -> Int32 {
    let status: Int32
    switch step.kind {
    case .host, .hostProgram: status = try HostStep(step).run(output)
    case .post, .test, .program: status = try runInside(step, output)
    }
    if status != 0, let place = Self.fullPlace(step.tree.path) {
      output(Array("siftool: no space is left in \(place), where the tree of the build is (--tmpdir)\n".utf8))
    }
    return status
  }

  /// The place of a tree whose file system is full; nil if it is not.
  static func fullPlace(_ tree: FilePath) -> String? {
    var system = statvfs()
    guard tree.withPlatformString({ statvfs($0, &system) }) == 0 else { return nil }
    let bytes = UInt64(system.f_bavail) &* UInt64(system.f_frsize)
    let lacksFiles = system.f_files > 0 && system.f_favail == 0
    return bytes < 1 << 16 || lacksFiles ? tree.string : nil
  }

  // MARK: In the tree

  private func runInside(_ step: BuildStep, _ output: @escaping @Sendable ([UInt8]) -> Void) throws -> Int32 {
    let places = try TreePlaces(step.tree.path)
    defer { places.remove() }
    let (root, options) = try inside(step, places)
    func run(_ options: ContainerOptions, _ output: (@Sendable ([UInt8]) -> Void)?) throws -> Int32 {
      try StepProcess(attributes: step.tree.attributes, output: output).run {
        try Container(root, image: step.tree.path, options).run()
      }
    }
    let status = try run(options, output)
    if status != 0, step.kind != .test, step.settings.opensShellOnFailure, isatty(STDIN_FILENO) == 1 {
      onNote("\(step.name) ended with exit code \(status); this shell is in the tree as the step has left it")
      var options = options
      options.action = .shell([])
      _ = try run(options, nil)
    }
    return status
  }

  /// The root of a step's container, and what it gets.
  private func inside(_ step: BuildStep, _ places: TreePlaces) throws -> (ContainerRoot, ContainerOptions) {
    let settings = step.settings
    let isTest = step.kind == .test
    var options = ContainerOptions(isTest ? .test([]) : .exec(step.words))
    if step.kind == .post { options.action = .exec(try StepScript.command(step.words, Self.script.string)) }
    options.site = site
    // /tmp, /var/tmp and /dev are the step's own.
    options.isContained = true
    options.hidesHome = true
    options.cleansEnvironment = !isTest
    options.workingDirectory = "/"
    options.rootCapabilities = .full
    if !UserMap.current().isLimited { options.droppedCapabilities = Self.ofMachine }
    options.omittedMounts.kinds = [.binds, .workingDirectory]
    options.omittedMounts.places = ["/etc/resolv.conf", "/etc/hosts", "/etc/localtime"]
    options.namespaces = [.process]
    if !settings.hasNetwork { options.namespaces.insert(.network) }
    options.environment = ["SINGULARITY_LABELS", "APPTAINER_LABELS"].filter { _ in !isTest }
      .map { ($0, Array("/.build.labels".utf8)) }
    try addDrivers(to: &options, settings)
    options.onNote = onNote
    for text in settings.binds { options.binds += try Bind.parse(Array(text.utf8)) }
    for text in settings.mounts { options.binds += try Bind.parse(mounts: Array(text.utf8)) }
    for file in ["/etc/resolv.conf", "/etc/hosts"] as [FilePath] {
      guard let place = places.file(file, of: step.tree.path), let bytes = Self.content(of: file) else {
        continue
      }
      options.ownFiles.append(OwnFile(target: place, bytes: bytes + [0x0A], isWritable: true))
    }
    var root = ContainerRoot(.directory(try SourceDirectory(opening: step.tree.path)))
    if isTest {
      root.writes = settings.hasWritableTest ? .memory : .none
      return (root, options)
    }
    root.writes = .base
    for bind in options.binds {
      var status = stat()
      let isDirectory =
        bind.source.withPlatformString { stat($0, &status) } == 0 && status.st_mode & S_IFMT == S_IFDIR
      try places.provide(bind.target, isDirectory: isDirectory)
    }
    for kernel in ["/proc", "/sys", "/dev", "/tmp", "/var/tmp"] as [FilePath] {
      try places.provide(kernel, isDirectory: true)
    }
    func add(_ file: OwnFile) throws {
      try places.provide(file.target, isDirectory: false)
      options.ownFiles.append(file)
    }
    if UserMap.current().isSingle, places.hasDirectory("/etc/apt/apt.conf.d") {
      try add(
        OwnFile(target: "/etc/apt/apt.conf.d/zz-siftool", bytes: Array("APT::Sandbox::User \"root\";\n".utf8))
      )
    }
    guard step.kind == .post else { return (root, options) }
    try add(OwnFile(target: Self.script, bytes: step.script, mode: 0o755))
    if !settings.secrets.isEmpty {
      try places.provide("/run/secrets", isDirectory: true)
      try options.addScratch(Array("/run/secrets".utf8))
    }
    for (id, path) in settings.secrets {
      options.ownFiles.append(try Self.secret(id, path))
    }
    return (root, options)
  }

  private func addDrivers(to options: inout ContainerOptions, _ settings: StepSettings) throws {
    guard settings.showsNvidia || settings.showsRocm else { return }
    var request = DriverRequest()
    if settings.showsNvidia { request.vendors.insert(.nvidia) }
    if settings.showsRocm { request.vendors.insert(.rocm) }
    options.drivers = try request.resolve(onNote: onNote)
    options.environment += options.drivers.variables.map { ($0.name, Array($0.value.utf8)) }
  }

  /// The place of a script in the tree, as in the runtimes.
  private static let script: FilePath = "/.post.script"

  /// The capabilities that are about the machine, and not about the tree.
  private static let ofMachine: Capabilities = [
    "SYS_TIME", "SYS_MODULE", "SYS_BOOT", "SYS_RAWIO", "SYSLOG", "WAKE_ALARM", "MAC_ADMIN", "MAC_OVERRIDE",
  ].compactMap { Capabilities(named: $0) }.reduce(into: []) { $0.formUnion($1) }

  private static func content(of path: FilePath) -> [UInt8]? {
    try? OwnedDescriptor(opening: path, flags: O_RDONLY | O_NONBLOCK | O_NOCTTY).readToEnd(limit: 1 << 20)
  }

  private static let longestSecret = 1 << 20

  private static func secret(_ id: String, _ path: FilePath) throws(RuntimeError) -> OwnFile {
    guard let name = FilePath.Component(id), name.kind == .regular, id == name.string else {
      throw RuntimeError(
        .invalidArgument, "\"\(id)\" cannot be the name of a secret: it is the name of a file")
    }
    let bytes = try translating { () throws(SystemError) in
      try OwnedDescriptor(opening: path, flags: O_RDONLY | O_NOCTTY).readToEnd(limit: longestSecret + 1)
    }
    guard bytes.count <= longestSecret else {
      throw RuntimeError(.invalidArgument, "the secret \(path.string) is longer than 1 MiB")
    }
    return OwnFile(target: FilePath("/run/secrets").appending(name), bytes: bytes, mode: 0o400)
  }
}
