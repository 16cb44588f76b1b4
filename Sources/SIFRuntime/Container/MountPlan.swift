import Accelerators
import CLinux
import Glibc
import LinuxSystem
import SystemPackage

/// One mount of a container.
struct PlannedMount {
  enum Content {
    /// A file or directory of the host.
    case bind(HostTree)
    /// An empty directory in memory, with its permission bits.
    case memory(mode: String)
    /// A new /proc with the processes of the container's own namespace.
    case processes
    /// A new /sys for the container's own namespaces; the host's, if the kernel does not allow that.
    case system(HostTree)
    /// A minimal /dev, with more devices at paths of their own.
    case devices([(target: FilePath, tree: HostTree)])
    /// A directory with files of the host by their names, and nothing else.
    case files([(name: String, tree: HostTree)])
    /// A file that is made for the container.
    case file([UInt8])
  }

  /// A copy of what the host has mounted at a path, without what this program mounts later. It is restricted
  /// to what the container may have as soon as it is made, so that the copy never gives anybody more.
  final class HostTree {
    let isDirectory: Bool
    /// The path on the host, with links resolved; nil if it has none.
    let path: FilePath?
    private var copy: OwnedDescriptor?

    /// Copies a tree, and removes the rights that the container may not have.
    ///
    /// - Throws: ``SystemError``; `ENOSYS` if the kernel cannot copy trees (before 5.2), or cannot make them
    ///   read-only (before 5.12).
    init(_ path: FilePath, _ flags: MountFlags) throws(SystemError) {
      let copy = try Mounting.copy(of: path)
      do { try Mounting.restrict(copy, flags) } catch {
        // On kernels before 5.12 the flags cannot be set. Go on without them, since set-id bits have no
        // effect on the program anyway; but read-only was promised.
        guard error.errno == .noFunction, !flags.contains(.readOnly) else { throw error }
      }
      isDirectory = try copy.status().st_mode & S_IFMT == S_IFDIR
      self.path = try? ImageMounts.resolve(path)
      self.copy = .some(copy)
    }

    /// Attaches the copy to the tree, once. Its descriptor is closed afterwards.
    func attach(to target: FilePath) throws(SystemError) {
      guard let copy = copy.take() else { return }
      try Mounting.attach(copy, to: target)
    }

    /// Closes a copy that was not attached.
    func close() { copy = nil }
  }

  let target: FilePath
  let content: Content
  /// Whether it is one of the default mounts, which are left out if the host or the image does not allow them.
  let isOptional: Bool
  /// Whether the user hears of it when it is left out.
  var isWanted = false

  var isDirectory: Bool {
    switch content {
    case .bind(let source): source.isDirectory
    case .file: false
    case .memory, .processes, .system, .devices, .files: true
    }
  }

  /// The copies of trees of the host that this mount has.
  var hostTrees: [HostTree] {
    switch content {
    case .bind(let tree), .system(let tree): [tree]
    case .devices(let devices): devices.map(\.tree)
    case .files(let files): files.map(\.tree)
    case .memory, .processes, .file: []
    }
  }
}

/// Everything that is mounted over a container's root, in order: what comes later lies on top.
struct MountPlan {
  private(set) var mounts: [PlannedMount] = []
  /// The home directory inside.
  let home: FilePath

  /// System directories: the container's working directory is the image's version of them.
  private static let systemDirectories: [FilePath] = [
    "/", "/bin", "/boot", "/etc", "/lib", "/lib64", "/mnt", "/opt", "/run", "/sbin", "/srv", "/usr", "/var",
  ]

  /// Copies everything of the host that the container may see, in the new mount namespace.
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
      // This replaces the host's: the program cannot change it, and does not see the groups of others.
      let tree = try translating(
        try PlannedMount.HostTree(group, [.readOnly, .noSetID, .noDevices]))
      add("/sys/fs/cgroup", .bind(tree))
    }
    if options.isContained {
      add("/dev", .devices(try Self.trees(of: options.drivers.devices)))
    } else {
      try bind("/dev", isOptional: false, hasDevices: true)
    }
    for file in ["/etc/resolv.conf", "/etc/hosts", "/etc/localtime"] as [FilePath] {
      // Bind these read-only: a user who owns them could otherwise write to them.
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
      // A home directory of / is the root of the image.
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
    try add(options.drivers, isContained: options.isContained, options.onNote)
    for one in options.binds {
      // The user's binds replace the default mount at the same place.
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

  /// The directory of the drivers' libraries, where images of the runtimes look for them.
  static let librariesOfDrivers: FilePath = "/.singularity.d/libs"

  private mutating func add(
    _ drivers: DriverFiles, isContained: Bool, _ onNote: (String) -> Void
  ) throws(RuntimeError) {
    let flags: MountFlags = [.readOnly, .noSetID, .noDevices]
    if !drivers.libraries.isEmpty {
      let files = try drivers.libraries.map { (library) throws(RuntimeError) in
        (name: library.name, tree: try Self.tree(of: library.source, flags))
      }
      mounts.append(
        PlannedMount(
          target: Self.librariesOfDrivers, content: .files(files), isOptional: true, isWanted: true))
    }
    for file in drivers.files {
      let tree = try Self.tree(of: file.source, file.isReadOnly ? flags : [.noSetID, .noDevices])
      mounts.append(
        PlannedMount(target: file.target, content: .bind(tree), isOptional: true, isWanted: true))
    }
    // The host's /dev has all others.
    for device in drivers.devices where !isContained && device.source != device.target {
      onNote(
        "\(device.source.string) of the host can be \(device.target.string) only in a container with a /dev of its own"
      )
    }
  }

  private static func trees(
    of devices: [DriverFiles.File]
  ) throws(RuntimeError) -> [(target: FilePath, tree: PlannedMount.HostTree)] {
    // A read-only bind of a device can still be written to. It keeps root, who owns the device, from changing its
    // permissions.
    try devices.map { (device) throws(RuntimeError) in
      (device.target, try tree(of: device.source, [.readOnly, .noSetID]))
    }
  }

  private static func tree(of path: FilePath, _ flags: MountFlags) throws(RuntimeError)
    -> PlannedMount.HostTree
  {
    do { return try PlannedMount.HostTree(path, flags) } catch {
      throw RuntimeError(.system, "cannot bind \(path.string): \(error.errno.description)", system: error)
    }
  }

  /// Puts a file that this program made at a place.
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
      // A tree that the kernel cannot copy exists, so it must not be left out silently.
      if !isOptional || error.errno == .noFunction { throw RuntimeError(error) }
    }
  }

  /// Closes the copies that were not mounted, for example because the image has something else in their place.
  func closeTrees() {
    for mount in mounts { for tree in mount.hostTrees { tree.close() } }
  }

  /// Whether another mount covers the place, so that the image does not need to have it.
  func isCovered(_ mount: PlannedMount) -> Bool {
    mounts.contains { $0.target != mount.target && mount.target.isBeneath($0.target) }
  }
}
