import Bytes
public import LinuxSystem
public import SystemPackage

/// How a program in an image is started (spec/runtime.md "Starting a program").
public struct ContainerOptions: Sendable {
  /// What the container can write besides what is bound.
  public enum Overlay: Sendable, Equatable {
    /// Nothing.
    case none
    /// Everything, in memory, forgotten at the end.
    case memory
    /// Everything, in a directory of the host.
    case directory(FilePath)
  }

  /// What to start.
  public enum Action: Sendable, Equatable {
    /// A program of the image, found along its PATH, and its arguments.
    case exec([[UInt8]])
    /// The image's runscript with arguments.
    case run([[UInt8]])
    /// An interactive shell with arguments.
    case shell([[UInt8]])
  }

  /// What to start.
  public var action: Action
  /// Files and directories of the host.
  public var binds: [Bind] = []
  /// Whether home, /tmp and /var/tmp are empty ones of its own, and /dev holds the least.
  public var isContained = false
  /// Whether the home directory of the host stays outside.
  public var hidesHome = false
  /// The working directory inside; nil for that of the host where the container has it.
  public var workingDirectory: FilePath?
  /// Variables that are set last, as names and values.
  public var environment: [(name: String, value: [UInt8])] = []
  /// Whether the host's variables stay outside.
  public var cleansEnvironment = false
  /// Namespaces besides that of mounts.
  public var namespaces: Namespaces = []
  /// The host's name inside.
  public var hostName: String?
  /// Whether root makes a user namespace, too.
  public var usesUserNamespace = false
  /// Whether the user is root inside.
  public var isFakeRoot = false
  /// What the container can write.
  public var overlay = Overlay.none
  /// Capabilities to keep beyond those by default, where this process has them.
  public var addedCapabilities: Capabilities = []
  /// Capabilities to drop of those by default.
  public var droppedCapabilities: Capabilities = []
  /// Whether the program has the caller's session keyring, and may use the keys of the user.
  public var keepsKeyring = false
  /// The system calls that the program may make; nil for all.
  public var seccomp: SeccompProfile?
  /// What the program may use of the machine; nil for whatever this process may.
  public var limits: ResourceLimits?
  /// The control group that the program gets to see, and no other.
  var controlGroup: FilePath?
  /// Whether the partition is mounted through FUSE also where the kernel could.
  public var usesFuse = false
  /// Whether places that the image lacks are shown by binding everything around them, also where the kernel makes
  /// overlays.
  public var usesUnderlay = false
  /// What is written to standard error where the program cannot be started, and the exit status then: asked beforehand,
  /// because by that time this process is another one.
  public var report: @Sendable (RuntimeError) -> (message: [UInt8], status: UInt8) = {
    (Array("\(VisibleText.line("\($0)"))\n".utf8), 1)
  }
  /// Told what is not as it was asked for, though not an error.
  public var onNote: @Sendable (String) -> Void = { _ in }

  /// Options with nothing but what to start.
  public init(_ action: Action) { self.action = action }
}
