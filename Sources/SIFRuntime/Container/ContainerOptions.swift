public import Accelerators
import Bytes
public import ExecutionControl
public import LinuxSystem
public import SystemPackage

/// How to start a program of an image (spec/runtime.md "Starting a program").
public struct ContainerOptions: Sendable {
  /// The program to start.
  public enum Action: Sendable, Equatable {
    /// A program of the image, found in its PATH, and its arguments.
    case exec([[UInt8]])
    /// The image's runscript, with arguments.
    case run([[UInt8]])
    /// An interactive shell, with arguments.
    case shell([[UInt8]])
    /// The image's test, with arguments.
    case test([[UInt8]])
    /// The image's startscript, with arguments.
    case start([[UInt8]])
    /// The image's init, `/sbin/init`, as the first process.
    case boot
    /// Nothing: the container is for the programs of guests.
    case hold

    /// The word for it.
    var name: String {
      switch self {
      case .exec: "exec"
      case .run: "run"
      case .shell: "shell"
      case .test: "test"
      case .start, .boot, .hold: "start"
      }
    }

    /// The arguments as they were given: those of `exec` begin with the program.
    var arguments: [[UInt8]] {
      switch self {
      case .exec(let arguments), .run(let arguments), .shell(let arguments), .test(let arguments),
        .start(let arguments):
        arguments
      case .boot, .hold: []
      }
    }
  }

  /// The program to start.
  public var action: Action
  /// The files and directories of the host that the container sees.
  public var binds: [Bind] = []
  /// A program of the host that sets up a driver in the container's root; nil for none.
  public var driverProgram: DriverProgram?
  /// Whether the container gets an empty home, /tmp and /var/tmp of its own, and a minimal /dev.
  public var isContained = false
  /// Files that are made for the container, at places that it has or that other mounts make.
  var ownFiles: [OwnFile] = []
  /// Whether to leave out the home directory of the host.
  public var hidesHome = false
  /// Another home than the user's; nil for the user's.
  public var home: HomeChoice?
  /// A directory of the host for what ``isContained`` and ``scratchDirectories`` would have in memory.
  public var workDirectory: FilePath?
  /// More directories that can be written, in memory or in ``workDirectory``.
  public private(set) var scratchDirectories: [FilePath] = []
  /// The default mounts that are left out.
  public var omittedMounts = OmittedMounts()
  /// The working directory inside; nil for the host's, if it exists in the container.
  public var workingDirectory: FilePath?
  /// The parts of the host's drivers that the program gets. Places for them that the container cannot have are left out
  /// with a note.
  public var drivers = DriverFiles()
  /// The app of the image that is meant; nil for the image itself.
  public var app: String?
  /// Variables that override all others, as names and values.
  public var environment: [(name: String, value: [UInt8])] = []
  /// Variables that override even those. Parameters in their values, such as `$HOME`, are replaced.
  public var expandedEnvironment: [(name: String, value: [UInt8])] = []
  /// Whether values are evaluated: those above, and those of the host's variables that ask for others.
  public var evaluatesVariables = true
  /// The names of variables of the host that are left out.
  public var hiddenVariables: [String] = []
  /// Whether to leave out the host's variables.
  public var cleansEnvironment = false
  /// The namespaces besides the mount namespace.
  public var namespaces: Namespaces = []
  /// The network of the container's own; nil for the host's, or a loopback interface if ``namespaces`` asks for one.
  public var network: NetworkRequest?
  /// The addresses of the name servers; empty for the host's.
  public var nameServers: [String] = []
  /// The name server of the container's own network; nil for the host's.
  var networkServer: String?
  /// The host name inside.
  public var hostName: String?
  /// Whether to create a user namespace even as root.
  public var usesUserNamespace = false
  /// Whether the user is root inside.
  public var isFakeRoot = false
  /// Capabilities to keep besides the default ones, if this process has them.
  public var addedCapabilities: Capabilities = []
  /// Default capabilities to drop.
  public var droppedCapabilities: Capabilities = []
  /// The capabilities of root; nil for those of the site's configuration.
  public var rootCapabilities: SiteSettings.RootCapabilities?
  /// Whether set-id programs of the image change the user. Only root can ask for that.
  public var allowsSetID = false
  /// The user and groups that the program runs as in place of root.
  public var programUser: ProcessUser?
  /// The confinement by a security module of the kernel.
  public var label: SecurityLabel?
  /// Whether to be root of one user even if there are ranges of others.
  public var ignoresRanges = false
  /// Whether to refuse a start that needs a user namespace.
  public var ignoresUserNamespaces = false
  /// Whether calls that need other users fail for root of one user, as the kernel says.
  public var showsSingleUser = false
  /// Whether such calls succeed without doing anything: root is the only user.
  var pretendsUsers = false
  /// Whether the program has the caller's session keyring, and may use the keys of the user.
  public var keepsKeyring = false
  /// The system calls that the program may make; nil for all.
  public var seccomp: SeccompProfile?
  /// Limits on resources of the machine; nil for those of this process.
  public var limits: ResourceLimits?
  /// The terminal that `/dev/console` of a minimal /dev is.
  var terminal: CallersTerminal?
  /// The only control group that the program can see.
  var controlGroup: FilePath?
  /// The numbers of the caller's descriptors, of which the program gets those that are still open; nil for all that are
  /// not closed by execve(2).
  public var descriptors: [Int32]?
  /// Whether to mount the partition through FUSE even if the kernel could mount it.
  public var usesFuse = false
  /// Whether to unpack a squashfs into a temporary directory even if it could be mounted.
  public var unpacks = false
  /// Whether a squashfs that cannot be mounted is an error, instead of being unpacked.
  public var neverUnpacks = false
  /// The directory for unpacked images; nil for TMPDIR.
  public var temporaryDirectory: FilePath?
  /// Whether to use an underlay even if the kernel has overlays: to show the places that the image lacks by
  /// binding everything around them.
  public var usesUnderlay = false
  /// The administrators' settings for every container.
  public var site = SiteSettings()
  /// What makes the container a service; nil for one that ends with its program.
  public var service: ContainerService?
  /// The name of the instance that the program runs in; nil for none.
  public var instanceName: String?
  /// Returns the text for standard error, and the exit status, if the program cannot be started. It is called
  /// beforehand for every failure: by the time of the failure, the launcher has replaced this program.
  ///
  /// By default the status is that of shells: 127 if the program does not exist, 126 if it cannot be executed.
  public var report: @Sendable (RuntimeError) -> (message: [UInt8], status: UInt8) = {
    (Array("\(VisibleText.line("\($0)"))\n".utf8), $0.code == .notFound ? 127 : 126)
  }
  /// Receives notes about things that differ from what was requested, but are not errors.
  public var onNote: @Sendable (String) -> Void = { _ in }

  /// The shell that ``Action/shell(_:)`` starts, a path in the container or a name in PATH; nil for the image's.
  public var shell: FilePath?
  /// Whether the program's umask is 0022 instead of the caller's.
  public var usesDefaultMask = false
  /// How long a script of the image may take that sets variables.
  public var scriptPatience = ScriptPatience()

  /// Changes the options into those of a container that boots the image's init.
  public mutating func bootsAs(_ name: String) {
    action = .boot
    isContained = true
    if network == nil { namespaces.insert(.network) }
    namespaces.insert(.hostName)
    // The kernel takes no longer one.
    if hostName == nil { hostName = String(name.prefix(64)) }
  }

  /// Makes options that only say what to start.
  public init(_ action: Action) { self.action = action }

  /// Adds scratch directories, whose places in the container are separated by commas.
  public mutating func addScratch(_ text: [UInt8]) throws(RuntimeError) {
    for part in text.split(separator: 0x2C) {
      let place = try Bind.place(FilePath(bytes: Array(part)), of: "a scratch directory")
      if !scratchDirectories.contains(place) { scratchDirectories.append(place) }
    }
  }
}
