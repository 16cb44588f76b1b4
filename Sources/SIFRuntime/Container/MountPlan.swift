import CLinux
import Glibc
import LinuxSystem
import SystemPackage

/// What is mounted at one place of a container.
struct PlannedMount {
  enum Content {
    /// A file or directory of the host.
    case bind(HostTree, isReadOnly: Bool, hasDevices: Bool)
    /// An empty directory in memory, with its permission bits.
    case memory(mode: String)
    /// The processes of the container's own namespace.
    case processes
    /// The devices of the container's own namespaces as the kernel sees them; the host's, where it does not allow that.
    case system(HostTree)
    /// The least of /dev.
    case devices
    /// A file that was made for the container.
    case file([UInt8])
  }

  /// A copy of what the host has mounted at a path: what this program mounts later is not in it.
  final class HostTree {
    let copy: OwnedDescriptor
    let isDirectory: Bool
    /// The path on the host, free of links; nil where it has none.
    let path: FilePath?

    init(_ path: FilePath) throws(SystemError) {
      copy = try Mounting.copy(of: path)
      isDirectory = try copy.status().st_mode & S_IFMT == S_IFDIR
      self.path = try? ImageMounts.resolve(path)
    }
  }

  let target: FilePath
  let content: Content
  /// Whether it is one of those by default: where the host or the image is in the way, it is left out.
  let isOptional: Bool

  var isDirectory: Bool {
    switch content {
    case .bind(let source, _, _): source.isDirectory
    case .file: false
    case .memory, .processes, .system, .devices: true
    }
  }
}

/// Everything that is mounted over a container's root, in order: what comes later lies on top.
struct MountPlan {
  private(set) var mounts: [PlannedMount] = []
  /// The home directory inside.
  let home: FilePath

  /// Directories of systems: as a working directory, they are the image's.
  private static let systemDirectories: [FilePath] = [
    "/", "/bin", "/boot", "/etc", "/lib", "/lib64", "/mnt", "/opt", "/run", "/sbin", "/srv", "/usr", "/var",
  ]

  /// Copies everything of the host that the container is to see, in the new mount namespace.
  init(_ options: ContainerOptions, _ identity: Identity, workingDirectory: FilePath?) throws(RuntimeError) {
    let isRootInside = options.isFakeRoot
    home = isRootInside ? "/root" : identity.home
    if options.namespaces.contains(.process) {
      add("/proc", .processes)
    } else {
      try bind("/proc", isOptional: false)
    }
    if options.namespaces.contains(.network) {
      let host = try translating { () throws(SystemError) in try PlannedMount.HostTree("/sys") }
      add("/sys", .system(host))
    } else {
      try bind("/sys", isOptional: true, isReadOnly: true)
    }
    if let group = options.controlGroup {
      // In place of the host's: nothing can be changed there, and those of others are out of sight.
      let tree = try translating { () throws(SystemError) in try PlannedMount.HostTree(group) }
      add("/sys/fs/cgroup", .bind(tree, isReadOnly: true, hasDevices: false))
    }
    if options.isContained {
      add("/dev", .devices)
    } else {
      try bind("/dev", isOptional: false, hasDevices: true)
    }
    for file in ["/etc/resolv.conf", "/etc/hosts", "/etc/localtime"] as [FilePath] {
      // Whose owner the user is could be written.
      try bind(file, isOptional: true, isReadOnly: true)
    }
    for directory in ["/tmp", "/var/tmp"] as [FilePath] {
      if options.isContained {
        add(directory, .memory(mode: "1777"))
      } else {
        try bind(directory, isOptional: true)
      }
    }
    if options.isContained {
      // A home directory that is the root is the image's.
      if home != "/" { add(home, .memory(mode: "700")) }
    } else if !options.hidesHome, identity.home != "/" {
      try bind(identity.home, at: home, isOptional: true)
    }
    if !options.isContained, let workingDirectory, !Self.systemDirectories.contains(workingDirectory),
      !(options.hidesHome && identity.isHome(near: workingDirectory)),
      !mounts.contains(where: { workingDirectory.isBeneath($0.target) && $0.isDirectory })
    {
      try bind(workingDirectory, isOptional: true)
    }
    for one in options.binds {
      // The user's own word about a place is the last one.
      mounts.removeAll { $0.target == one.target }
      do {
        let source = try PlannedMount.HostTree(one.source)
        let content = PlannedMount.Content.bind(source, isReadOnly: one.isReadOnly, hasDevices: false)
        mounts.append(PlannedMount(target: one.target, content: content, isOptional: false))
      } catch {
        throw RuntimeError(
          .system, "cannot bind \(one.source.string): \(error.errno.description)", system: error)
      }
    }
  }

  /// Puts a file of this program's making at a place.
  mutating func add(file target: FilePath, _ bytes: [UInt8]) {
    guard !mounts.contains(where: { target == $0.target }) else { return }
    mounts.append(PlannedMount(target: target, content: .file(bytes), isOptional: true))
  }

  private mutating func add(_ target: FilePath, _ content: PlannedMount.Content) {
    mounts.append(PlannedMount(target: target, content: content, isOptional: false))
  }

  private mutating func bind(
    _ source: FilePath, at target: FilePath? = nil, isOptional: Bool, hasDevices: Bool = false,
    isReadOnly: Bool = false
  ) throws(RuntimeError) {
    do {
      let content = PlannedMount.Content.bind(
        try PlannedMount.HostTree(source), isReadOnly: isReadOnly, hasDevices: hasDevices)
      mounts.append(PlannedMount(target: target ?? source, content: content, isOptional: isOptional))
    } catch {
      if !isOptional { throw RuntimeError(error) }
    }
  }

  /// Whether a place lies beneath one that something else is mounted on: what is there is not the image's.
  func isCovered(_ mount: PlannedMount) -> Bool {
    mounts.contains { $0.target != mount.target && mount.target.isBeneath($0.target) }
  }
}
