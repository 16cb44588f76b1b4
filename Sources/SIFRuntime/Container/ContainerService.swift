public import LinuxSystem
public import SystemPackage

/// What makes a container a service: it has processes of its own, stays when its program has ended, and tells others
/// that it is there.
public struct ContainerService: Sendable {
  /// The name of the container's first process.
  public let processName: String
  /// Called outside when the program has started.
  public let onStart: @Sendable (RunningContainer) -> Void
  /// Called outside when the container has ended.
  public let onEnd: @Sendable () -> Void

  /// Makes a service.
  public init(
    processName: String, onStart: @escaping @Sendable (RunningContainer) -> Void,
    onEnd: @escaping @Sendable () -> Void
  ) {
    self.processName = processName
    self.onStart = onStart
    self.onEnd = onEnd
  }
}

/// What another process has to know of a container to start a program in it.
public struct RunningContainer: Sendable, Equatable {
  /// The first process, by its number outside.
  public var process: Int32
  /// The image, for the program's variables.
  public var image: FilePath
  /// The home directory inside.
  public var home: FilePath
  /// Whether the user is root inside.
  public var isFakeRoot: Bool
  /// The control group; nil for the caller's.
  public var group: FilePath?
  /// Whether the control group has limits: otherwise the kernel only counts in it.
  public var isLimited: Bool
  /// The filters of system calls that every program gets.
  public var filters: [SystemCallFilter]

  /// Makes it from its parts.
  public init(
    process: Int32, image: FilePath, home: FilePath, isFakeRoot: Bool, group: FilePath?, isLimited: Bool,
    filters: [SystemCallFilter]
  ) {
    self.process = process
    self.image = image
    self.home = home
    self.isFakeRoot = isFakeRoot
    self.group = group
    self.isLimited = isLimited
    self.filters = filters
  }
}
