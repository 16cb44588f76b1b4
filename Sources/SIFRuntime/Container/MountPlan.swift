import CLinux
import Glibc
import LinuxSystem
import SystemPackage

/// What is mounted at one place of a container.
struct PlannedMount {
  enum Content {
    /// A file or directory of the host.
    case bind(HostTree)
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

  /// A copy of what the host has mounted at a path: what this program mounts later is not in it. It gives no more than
  /// the container may have from the beginning, so that nobody who gets at the copy gets more.
  final class HostTree {
    let isDirectory: Bool
    /// The path on the host, free of links; nil where it has none.
    let path: FilePath?
    private var copy: OwnedDescriptor?

    /// Copies a tree, and takes away what the container may not have.
    ///
    /// - Throws: ``SystemError``; `ENOSYS` where the kernel knows no copies (before 5.2), or cannot make them read-only
    ///   (before 5.12).
    init(_ path: FilePath, _ flags: MountFlags) throws(SystemError) {
      let copy = try Mounting.copy(of: path)
      do { try Mounting.restrict(copy, flags) } catch {
        // Kernels before 5.12: no program gains anything by set-id bits in any case, but the rest is promised.
        guard error.errno == .noFunction, !flags.contains(.readOnly) else { throw error }
      }
      isDirectory = try copy.status().st_mode & S_IFMT == S_IFDIR
      self.path = try? ImageMounts.resolve(path)
      self.copy = .some(copy)
    }

    /// Puts the copy into the tree, once. Nobody has it open afterwards.
    func attach(to target: FilePath) throws(SystemError) {
      guard let copy = copy.take() else { return }
      try Mounting.attach(copy, to: target)
    }

    /// Closes a copy that was not put anywhere.
    func close() { copy = nil }
  }

  let target: FilePath
  let content: Content
  /// Whether it is one of those by default: where the host or the image is in the way, it is left out.
  let isOptional: Bool

  var isDirectory: Bool {
    switch content {
    case .bind(let source): source.isDirectory
    case .file: false
    case .memory, .processes, .system, .devices: true
    }
  }

  /// The copy of a tree of the host, where this mount has one.
  var hostTree: HostTree? {
    switch content {
    case .bind(let tree), .system(let tree): tree
    case .memory, .processes, .devices, .file: nil
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
      let host = try translating(
        try PlannedMount.HostTree("/sys", [.readOnly, .noSetID, .noDevices]))
      add("/sys", .system(host))
    } else {
      try bind("/sys", isOptional: true, isReadOnly: true)
    }
    if let group = options.controlGroup {
      // In place of the host's: nothing can be changed there, and those of others are out of sight.
      let tree = try translating(
        try PlannedMount.HostTree(group, [.readOnly, .noSetID, .noDevices]))
      add("/sys/fs/cgroup", .bind(tree))
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
        var flags: MountFlags = [.noSetID, .noDevices]
        if one.isReadOnly { flags.insert(.readOnly) }
        let source = try PlannedMount.HostTree(one.source, flags)
        mounts.append(PlannedMount(target: one.target, content: .bind(source), isOptional: false))
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
    var flags: MountFlags = hasDevices ? .noSetID : [.noSetID, .noDevices]
    if isReadOnly { flags.insert(.readOnly) }
    do {
      let tree = try PlannedMount.HostTree(source, flags)
      mounts.append(PlannedMount(target: target ?? source, content: .bind(tree), isOptional: isOptional))
    } catch {
      // What the kernel does not know is there, and is not to be missing without a word.
      if !isOptional || error.errno == .noFunction { throw RuntimeError(error) }
    }
  }

  /// Closes the copies of the host's trees that were not mounted: because the image has something else there, say.
  func closeTrees() {
    for mount in mounts { mount.hostTree?.close() }
  }

  /// Whether a place lies beneath one that something else is mounted on: what is there is not the image's.
  func isCovered(_ mount: PlannedMount) -> Bool {
    mounts.contains { $0.target != mount.target && mount.target.isBeneath($0.target) }
  }
}
