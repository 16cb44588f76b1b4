import CLinux
import Glibc
import ImageBuild
import LinuxSystem
import SystemPackage

/// A step that runs with the host's root: `%pre`, `%setup`, and programs that make the tree (spec/build.md "Steps").
struct HostStep {
  private let step: BuildStep

  init(_ step: BuildStep) { self.step = step }

  private var makesTree: Bool { step.kind == .hostProgram }

  func run(_ output: @escaping @Sendable ([UInt8]) -> Void) throws -> Int32 {
    let process = StepProcess(
      attributes: step.tree.attributes, mask: makesTree ? 0o022 : 0o002, output: output)
    // A file in memory leaves nothing behind.
    let script = try translating { () throws(SystemError) in
      let file = try OwnedDescriptor.memory(named: "script")
      try SystemError.writeAll(step.script.span.bytes, to: file.rawValue)
      return file
    }
    let words =
      makesTree ? step.words : try StepScript.command(step.words, "/dev/fd/\(Self.scriptNumber)")
    guard let name = words.first else {
      throw RuntimeError(.invalidArgument, "\(step.name) names no program")
    }
    let program = HostProgram(program: name, arguments: words, environment: environment)
    let number = script.rawValue
    return try process.run {
      if !makesTree {
        try translating { () throws(SystemError) in
          try SystemError.check("keep the script open") { dup2(number, Self.scriptNumber) }
        }
      }
      var wanted: Namespaces = [.process]
      if !step.settings.hasNetwork { wanted.insert(.network) }
      try translating(try wanted.enter())
      let status = try ProcessMonitor.run(.program, onFork: {}) {
        try translating(try prepare())
        return program
      }
      Forking.end(as: status)
    }
  }

  /// The script's descriptor in the program.
  private static let scriptNumber: Int32 = 9

  private var environment: [[UInt8]] {
    var variables = ProgramVariables.ofProcess()
    func set(_ name: String, _ value: [UInt8]) {
      variables.removeAll { $0.name == name }
      variables.append((name, value))
    }
    for prefix in ["SINGULARITY", "APPTAINER"] {
      set("\(prefix)_ROOTFS", step.tree.path.bytes)
      set("\(prefix)_ENVIRONMENT", Array("/.singularity.d/env/91-environment.sh".utf8))
    }
    if makesTree {
      variables.removeAll { $0.name == "TMPDIR" }
      let path = variables.last { $0.name == "PATH" }?.value ?? []
      set(
        "PATH",
        path + (path.isEmpty ? [] : [0x3A]) + Array("/usr/local/sbin:/usr/sbin:/sbin:/usr/bin:/bin".utf8))
    }
    return variables.map { Array("\($0.name)=".utf8) + $0.value }
  }

  // MARK: Mounts

  private func prepare() throws(SystemError) {
    let tree = step.tree.path
    try Namespaces.mount.enter()
    try Mounting.makePrivate()
    if makesTree {
      let copy = try Mounting.copy(of: tree)
      try Mounting.restrict(try OwnedDescriptor.naming("/"), .readOnly)
      for directory in ["/tmp", "/var/tmp"] as [FilePath] where Self.isDirectory(directory) {
        try Mounting.mount("tmpfs", "tmpfs", on: directory, [.noSetID, .noDevices], data: "mode=1777")
      }
      try Self.make(tree)
      try Mounting.attach(copy, to: tree)
      try makeDevices(tree)
      // The caller's directory may be covered.
      chdir("/")
    }
    // The processes of the step are in a namespace of their own. The kernel may refuse this in another container.
    try? Mounting.mount("proc", "proc", on: "/proc", [.noSetID, .noDevices])
  }

  /// Lays the devices that every program needs over the tree's /dev: the kernel lets nobody open those that are made in a user
  /// namespace.
  private func makeDevices(_ tree: FilePath) throws(SystemError) {
    guard UserMap.current().isLimited else { return }
    let root = try OwnedDescriptor(opening: tree, flags: O_RDONLY | O_DIRECTORY)
    let name = Array("dev".utf8)
    if try root.status(of: name) == nil { try root.makeDirectory(name, mode: 0o755) }
    guard let place = try? root.openDirectory(name) else { return }
    try Mounting.mount("tmpfs", "devices", on: place.pathOfDescriptor, .noSetID, data: "mode=755")
    let devices = try root.openDirectory(name)
    try MinimalDevices.make(in: devices, terminal: nil, hasTerminals: true)
    // `ln -sf` of debootstrap would follow these, which it makes itself.
    for link in ["fd", "stdin", "stdout", "stderr"] { try devices.remove(Array(link.utf8)) }
  }

  private static func isDirectory(_ path: FilePath) -> Bool {
    var status = stat()
    return path.withPlatformString { lstat($0, &status) } == 0 && status.st_mode & S_IFMT == S_IFDIR
  }

  /// Makes a directory and its parents, where they are not there.
  private static func make(_ path: FilePath) throws(SystemError) {
    var current: FilePath = "/"
    for part in path.components {
      current.append(part)
      guard current.withPlatformString({ mkdir($0, 0o755) }) != 0, !isDirectory(current) else { continue }
      throw SystemError(errno: Errno(rawValue: linux_errno()), operation: "create", path: current)
    }
  }
}

/// A program of the host.
private struct HostProgram: PreparedProgram {
  let program: [UInt8]
  let arguments: [[UInt8]]
  let environment: [[UInt8]]

  func execute() -> RuntimeError {
    let failure = Forking.execute(program, arguments, environment)
    return RuntimeError(
      failure.errno == .noSuchFileOrDirectory ? .notFound : .notExecutable, failure.description,
      system: failure)
  }
}
