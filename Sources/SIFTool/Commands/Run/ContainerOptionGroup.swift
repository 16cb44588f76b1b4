import ArgumentParser
import Bytes
import CommandKit
import Glibc
import LinuxSystem
import SIFRuntime
import SystemPackage

/// The options that `exec`, `run` and `shell` share.
struct ContainerOptionGroup: ParsableArguments {
  @OptionGroup var volume: VolumeOptions
  @OptionGroup(title: "Files") var files: FileOptions
  @OptionGroup(title: "Places") var places: PlaceOptions
  @OptionGroup(title: "Variables") var variables: VariableOptions
  @OptionGroup(title: "Devices") var devices: DeviceOptions
  @OptionGroup(title: "Isolation") var isolation: IsolationOptions
  @OptionGroup(title: "Network") var network: NetworkOptions
  @OptionGroup var sharing: SharingOption
  @OptionGroup(title: "Privileges") var privileges: PrivilegeOptions
  @OptionGroup(title: "Limits") var limits: LimitOptions
  @OptionGroup(title: "As in the runtimes") var compatibility: CompatibilityOptions
  @OptionGroup var app: AppOption

  func validate() throws {
    if let fault = request.fault { throw ValidationError(fault) }
  }

  /// What they ask for.
  var request: ContainerRequest {
    ContainerRequest(
      volume: volume.request, files: files, places: places, variables: variables, devices: devices,
      isolation: isolation, network: network, sharing: sharing, privileges: privileges, limits: limits,
      compatibility: compatibility, app: app)
  }
}

/// A container for several programs.
struct SharingOption: SeparateGroup {
  @Flag(
    help: ArgumentHelp(
      "Share one container with the other programs that the same parent starts so.",
      discussion:
        "For the ranks of a parallel job, which then read each other's memory. The container ends with the last."
    ))
  var sharens = false

  static func has(_ property: String) -> Bool { CodingKeys(stringValue: property) != nil }
}

/// The files of the host that are visible inside, and the places where the program can write.
struct FileOptions: SeparateGroup {
  @Option(
    name: [.customShort("B"), .long],
    help: ArgumentHelp(
      "Make a file or directory of the host visible in the container (repeatable).",
      discussion: """
        The target is the same path by default; ro makes it read-only. With image-src=PATH or id=N the source is an \
        image, of which a path or a partition is shown. Put a backslash before a colon or comma that belongs to a path.
        """,
      valueName: "source[:target[:options]]"))
  var bind: [BytesArgument] = []
  @Flag(help: "Hide the home directory.") var noHome = false
  @Option(
    name: [.customLong("pwd"), .customLong("cwd")],
    help: ArgumentHelp("The program's working directory, a path in the container.", valueName: "dir"))
  var pwd: BytesArgument?
  @Flag(help: "Make every file writable; changes are kept in memory and lost at the end.") var writableTmpfs =
    false
  @Option(
    name: [.customShort("o"), .long],
    help: ArgumentHelp(
      "Lay a directory, a squashfs, an ext3 file or the overlays of an image over the image (repeatable).",
      discussion: """
        A later one lies over an earlier one, several are separated by commas, and one of them can be written: a \
        directory, which keeps changes in upper and work, or ext3. Put a backslash before a colon or comma that belongs \
        to a path.
        """,
      valueName: "path[:ro]"))
  var overlay: [BytesArgument] = []
  @Flag(
    name: [.customShort("w"), .long],
    help: "Write to the image itself: a directory, an ext3 file, or an image with an ext3 overlay in it.")
  var writable = false
  @Flag(
    help: "Make mount points that the image lacks with binds, even if the kernel has overlays.")
  var underlay = false
  @Flag(help: "Mount the image through FUSE even if the kernel could mount it.") var fuse = false
  @Flag(help: "Unpack the image into TMPDIR instead of mounting it, and remove the files at the end.")
  var unsquash =
    false

  func validate() throws {
    guard !writable || !writableTmpfs && overlay.isEmpty else {
      throw ValidationError("--writable excludes --writable-tmpfs and --overlay")
    }
    guard !underlay || !writableTmpfs && !writable && overlay.isEmpty else {
      throw ValidationError(
        "--underlay is read-only: it excludes --writable-tmpfs, --writable and --overlay")
    }
  }

  func set(_ request: inout RootRequest) throws {
    request.overlays = try ToolFailure.reading("--overlay") {
      try overlay.flatMap { try OverlayRequest.parse($0.bytes) }
    }
    request.isWritable = writable
    request.writesToMemory = writableTmpfs
  }

  func set(_ options: inout ContainerOptions) {
    options.hidesHome = noHome
    options.workingDirectory = pwd?.given.map { FilePath(bytes: $0) }
    options.usesUnderlay = underlay
    options.usesFuse = fuse
    options.unpacks = unsquash
  }

  static func has(_ property: String) -> Bool { CodingKeys(stringValue: property) != nil }
}

/// The variables inside.
struct VariableOptions: SeparateGroup {
  @Option(
    help: ArgumentHelp(
      "Set environment variables in the container, separated by commas (repeatable).",
      discussion: """
        Quote an assignment whose value contains a comma: '\"LIST=1,2\",NAME=x'. $NAME in a value is a variable of the \
        container.
        """,
      valueName: "name=value"))
  var env: [BytesArgument] = []
  @Option(
    help: ArgumentHelp(
      "Set the variables that a file assigns, with the quotes of a shell (repeatable).", valueName: "file"))
  var envFile: [PathArgument] = []
  @Flag(name: [.customShort("e"), .long], help: "Do not pass on the host's variables.") var cleanenv = false
  @Option(
    help: ArgumentHelp(
      "Do not pass on these variables of the host, separated by commas (repeatable).", valueName: "names"))
  var noEnv: [String] = []
  @Flag(help: "Take the values of variables as they are, and the arguments of images from Docker.")
  var noEval =
    false

  func set(_ options: inout ContainerOptions) throws {
    let asked = try ToolFailure.reading("--env") {
      try env.flatMap { try ProgramVariables.parse(list: $0.bytes) }
    }
    // Variables of the command line come last, so that they win.
    for file in envFile { options.environment += try variables(of: file) }
    options.expandedEnvironment = asked
    options.evaluatesVariables = !noEval
    options.cleansEnvironment = cleanenv
    options.hiddenVariables = noEnv.flatMap { $0.split(separator: ",").map(String.init) }
  }

  private func variables(of envFile: PathArgument) throws -> [ProgramVariables.Variable] {
    let file = try OwnedDescriptor(opening: envFile.path, flags: O_RDONLY | O_NOCTTY)
    let bytes = try file.readToEnd(limit: 1 << 20)
    return try ToolFailure.reading("--env-file") {
      try VariableFile.parse(bytes, named: envFile.path.printable, host: ProgramVariables.ofProcess())
    }
  }

  static func has(_ property: String) -> Bool { CodingKeys(stringValue: property) != nil }
}

/// How the program is separated from the host.
struct IsolationOptions: SeparateGroup {
  @Flag(name: [.customShort("c"), .long], help: "Use an empty /tmp, /var/tmp and home, and a minimal /dev.")
  var contain = false
  @Flag(
    name: [.customShort("C"), .long],
    help: "The same as --contain --pid --ipc --cleanenv.")
  var containall = false
  @Flag(name: [.customShort("p"), .long], help: "Use a separate process namespace.") var pid = false
  @Flag(name: [.customShort("i"), .long], help: "Use separate message queues and shared memory.") var ipc =
    false
  @Flag(
    name: [.customShort("n"), .long], help: "Use a separate network that has only a loopback interface.")
  var net = false
  @Flag(help: "Use a separate host name.") var uts = false
  @Option(help: ArgumentHelp("The host name in the container.", valueName: "name")) var hostname: String?
  @Flag(name: [.customShort("u"), .long], help: "Use a user namespace even as root.") var userns = false
  @Flag(help: "Keep access to the caller's kernel keyring, which Kerberos may need.") var keepKeyring =
    false

  func validate() throws {
    if let hostname, hostname.isEmpty || hostname.utf8.count > 64 {
      throw ValidationError("--hostname: a host name has 1 to 64 bytes")
    }
    guard hostname?.unicodeScalars.allSatisfy(\.isShown) ?? true || !ArgumentBytes.isText(hostname ?? "")
    else {
      throw ValidationError("--hostname: a host name has no control characters")
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
    options.keepsKeyring = keepKeyring
  }

  static func has(_ property: String) -> Bool { CodingKeys(stringValue: property) != nil }
}
