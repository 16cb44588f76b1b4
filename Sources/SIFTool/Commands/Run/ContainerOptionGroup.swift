import ArgumentParser
import CommandKit
import Glibc
import LinuxSystem
import SIFRuntime
import SystemPackage

/// What `exec`, `run` and `shell` have in common.
struct ContainerOptionGroup: ParsableArguments {
  @OptionGroup var volume: VolumeOptions
  @OptionGroup(title: "Files") var files: FileOptions
  @OptionGroup(title: "Variables") var variables: VariableOptions
  @OptionGroup(title: "Isolation") var isolation: IsolationOptions
  @OptionGroup(title: "Limits") var limits: LimitOptions

  /// Starts a program of an image; never returns where it was started.
  func start(_ image: PathArgument, _ action: ContainerOptions.Action) throws {
    let volume = try volume.open(image)
    let container = Container(volume, image: try ImageMounts.absolute(image.path), try options(action))
    try container.run()
  }

  private func options(_ action: ContainerOptions.Action) throws -> ContainerOptions {
    var options = ContainerOptions(action)
    let reporter = Reporter()
    try files.set(&options)
    try variables.set(&options)
    isolation.set(&options)
    options.seccomp = try limits.seccomp()
    options.limits = try limits.resources()
    options.report = {
      let failure = ToolFailure($0)
      return (
        Console.bytes(ofLine: FrontEnd.current.line(.failure, failure.message)),
        UInt8(clamping: failure.status.rawValue)
      )
    }
    options.onNote = { reporter.note($0) }
    return options
  }
}

/// What of the host is shown inside, and what can be written.
struct FileOptions: ParsableArguments {
  @Option(
    name: [.customShort("B"), .long],
    help: ArgumentHelp(
      "Show a file or directory of the host inside (repeatable).",
      discussion: "A backslash before a colon or comma of a path takes away its meaning.",
      valueName: "source[:target[:ro]]"))
  var bind: [BytesArgument] = []
  @Flag(help: "Leave the home directory outside.") var noHome = false
  @Option(help: ArgumentHelp("The working directory inside.", valueName: "dir")) var pwd: PathArgument?
  @Flag(help: "Let everything be written, in memory, and forget it at the end.") var writableTmpfs = false
  @Option(help: ArgumentHelp("Let everything be written, into a directory of the host.", valueName: "dir"))
  var overlay: PathArgument?
  @Flag(
    help: "Make the mount points that the image lacks without an overlay, also where the kernel has them.")
  var underlay = false
  @Flag(help: "Mount the image through FUSE also where the kernel could.") var fuse = false

  func validate() throws {
    guard !writableTmpfs || overlay == nil else {
      throw ValidationError("--writable-tmpfs and --overlay exclude each other")
    }
    guard !underlay || !writableTmpfs && overlay == nil else {
      throw ValidationError(
        "--underlay has nothing that could be written: it excludes --writable-tmpfs and --overlay")
    }
  }

  func set(_ options: inout ContainerOptions) throws {
    options.binds = try bind.flatMap { try Bind.parse($0.bytes) }
    options.hidesHome = noHome
    options.workingDirectory = pwd?.path
    if writableTmpfs { options.overlay = .memory }
    if let overlay { options.overlay = .directory(overlay.path) }
    options.usesUnderlay = underlay
    options.usesFuse = fuse
  }
}

/// The variables inside.
struct VariableOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Set variables inside, several with commas between (repeatable).",
      discussion: "Of several, one with a comma in its value is in double quotes as a whole.",
      valueName: "name=value"))
  var env: [BytesArgument] = []
  @Option(help: ArgumentHelp("Set the variables of a file, with a shell's quotes.", valueName: "file"))
  var envFile: PathArgument?
  @Flag(name: [.customShort("e"), .long], help: "Leave the host's variables outside.") var cleanenv = false

  func set(_ options: inout ContainerOptions) throws {
    options.environment = try variables()
    options.cleansEnvironment = cleanenv
  }

  private func variables() throws -> [ProgramVariables.Variable] {
    var variables: [ProgramVariables.Variable] = []
    if let envFile {
      let file = try OwnedDescriptor(opening: envFile.path, flags: O_RDONLY | O_NOCTTY)
      variables = try VariableFile.parse(
        try file.readToEnd(limit: 1 << 20), named: envFile.path.string, host: ProgramVariables.ofProcess())
    }
    // Those of the command line come last, and win.
    return try variables + env.flatMap { try ProgramVariables.parse(list: $0.bytes) }
  }
}

/// What the program has of its own, and what it may do.
struct IsolationOptions: ParsableArguments {
  @Flag(name: [.customShort("c"), .long], help: "Empty /tmp, /var/tmp and home, and the least of /dev.")
  var contain = false
  @Flag(
    name: [.customShort("C"), .long],
    help: "--contain, and processes, message queues and variables of its own.")
  var containall = false
  @Flag(name: [.customShort("p"), .long], help: "A namespace of processes of its own.") var pid = false
  @Flag(name: [.customShort("i"), .long], help: "Message queues and shared memory of its own.") var ipc =
    false
  @Flag(
    name: [.customShort("n"), .long], help: "A network of its own, with nothing but a loopback interface.")
  var net = false
  @Flag(help: "A host name of its own.") var uts = false
  @Option(help: ArgumentHelp("The host's name inside.", valueName: "name")) var hostname: String?
  @Flag(name: [.customShort("u"), .long], help: "A user namespace also as root.") var userns = false
  @Flag(
    name: [.customShort("f"), .long],
    help: "Be root inside, over the numbers that /etc/subuid and /etc/subgid give you.")
  var fakeroot = false
  @Flag(help: "Leave the caller's keys in the kernel within reach, as Kerberos may need.") var keepKeyring =
    false
  @Option(help: ArgumentHelp("Keep capabilities, separated by commas.", valueName: "names"))
  var addCaps: CapabilitiesArgument?
  @Option(help: ArgumentHelp("Drop capabilities of those by default, or all.", valueName: "names"))
  var dropCaps: CapabilitiesArgument?

  func validate() throws {
    if let hostname, hostname.isEmpty || hostname.utf8.count > 64 {
      throw ValidationError("a host name has 1 to 64 bytes")
    }
  }

  func set(_ options: inout ContainerOptions) {
    options.isContained = contain || containall
    if containall { options.cleansEnvironment = true }
    if pid || containall { options.namespaces.insert(.process) }
    if ipc || containall { options.namespaces.insert(.messages) }
    if net { options.namespaces.insert(.network) }
    if uts { options.namespaces.insert(.hostName) }
    options.hostName = hostname
    options.usesUserNamespace = userns
    options.isFakeRoot = fakeroot
    options.keepsKeyring = keepKeyring
    options.addedCapabilities = addCaps?.set ?? []
    options.droppedCapabilities = dropCaps?.set ?? []
  }
}

/// Names of capabilities, separated by commas; `all` is every one.
struct CapabilitiesArgument: ExpressibleByArgument {
  let set: Capabilities

  init?(argument: String) {
    var set: Capabilities = []
    for name in argument.split(separator: ",") {
      guard let one = name.lowercased() == "all" ? .all : Capabilities(named: String(name)) else {
        return nil
      }
      set.formUnion(one)
    }
    guard !set.isEmpty else { return nil }
    self.set = set
  }
}
