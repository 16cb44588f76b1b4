import Accelerators
import CLinux
import ExecutionControl
import Glibc
import LinuxSystem
import SystemPackage

/// A file that is made for one container, in memory.
struct OwnFile: Sendable {
  let target: FilePath
  let bytes: [UInt8]
  var isWritable = false
  var mode: mode_t = 0o644
}

/// One mount of a container.
struct PlannedMount {
  enum Content {
    /// A file or directory of the host.
    case bind(HostTree)
    /// An empty directory in memory, with its permission bits.
    case memory(mode: String)
    /// A directory of the host in place of one in memory.
    case work(HostTree)
    /// A link to a file that another mount of the plan shows, or else the file itself.
    case link(FilePath, HostTree)
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
    /// The same, with a choice of its rights.
    case ownFile(OwnFile)
  }

  /// A copy of what the host has mounted at a path, without what this program mounts later. It is restricted
  /// to what the container may have as soon as it is made, so that the copy never gives anybody more.
  final class HostTree {
    /// The file or directory itself.
    let status: stat
    var isDirectory: Bool { status.st_mode & S_IFMT == S_IFDIR }
    /// The path on the host, with links resolved; nil if it has none.
    let path: FilePath?
    private var copy: OwnedDescriptor?

    /// Copies a tree, and removes the rights that the container may not have.
    ///
    /// What the host mounts in the tree later, such as a file system that it mounts at the first use, appears in the
    /// copy, too, as the host has mounted it. Therefore it does not in a read-only copy.
    ///
    /// - Throws: ``SystemError``; `ENOSYS` if the kernel cannot copy trees (before 5.2), or cannot restrict them
    ///   (before 5.12).
    init(_ path: FilePath, _ flags: MountFlags) throws(SystemError) {
      let copy = try Mounting.copy(of: path)
      try Mounting.restrict(copy, flags, alone: flags.contains(.readOnly))
      status = try copy.status()
      self.path = try? ImageMounts.resolve(path)
      self.copy = .some(copy)
    }

    /// Copies what is mounted at an open file or directory, which has no path on the host.
    init(of place: borrowing OwnedDescriptor, _ flags: MountFlags) throws(SystemError) {
      let copy = try Mounting.copy(of: place.pathOfDescriptor)
      try Mounting.restrict(copy, flags)
      status = try copy.status()
      path = nil
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

  /// Why it is mounted. It decides what happens if that is impossible.
  enum Purpose {
    /// An interface of the kernel, which every program needs.
    case kernel
    /// A directory in memory for this container.
    case own
    /// A default mount, which is left out if the host or the image does not allow it.
    case usual
    /// A default mount of the caller's own files, which is never laid over the image's programs.
    case ofCaller
    /// A part of a driver of the host, which is left out with a note if that is impossible.
    case driver
    /// Requested by the caller.
    case requested
  }

  let target: FilePath
  let content: Content
  let purpose: Purpose

  var isOptional: Bool { purpose == .usual || purpose == .ofCaller || purpose == .driver }

  /// Whether it is a directory of the container's own, in which places for other mounts can be made.
  var isOwn: Bool {
    switch content {
    case .memory, .work: true
    default: false
    }
  }

  /// The tree of the host that it shows.
  var shownTree: HostTree? {
    switch content {
    case .bind(let tree), .work(let tree), .link(_, let tree): tree
    default: nil
    }
  }

  var isDirectory: Bool {
    switch content {
    case .bind(let source): source.isDirectory
    case .file, .ownFile, .link: false
    case .memory, .work, .processes, .system, .devices, .files: true
    }
  }

  /// The copies of trees of the host that this mount has.
  var hostTrees: [HostTree] {
    switch content {
    case .bind(let tree), .system(let tree), .work(let tree), .link(_, let tree): [tree]
    case .devices(let devices): devices.map(\.tree)
    case .files(let files): files.map(\.tree)
    case .memory, .processes, .file, .ownFile: []
    }
  }
}

/// Everything that is mounted over a container's root. ``MountPlaces`` puts it in order.
struct MountPlan {
  private(set) var mounts: [PlannedMount] = []
  /// The home directory inside.
  let home: FilePath
  /// Why the caller's working directory cannot be shown; nil if it is, or does not have to be.
  private(set) var directoryFailure: SystemError?

  /// Copies everything of the host that the container may see, in the new mount namespace.
  init(
    _ options: ContainerOptions, _ identity: Identity, _ directory: CallersDirectory
  ) throws(RuntimeError) {
    home = identity.home(options)
    try addKernel(options)
    let site = options.site
    let omitted = options.omittedMounts
    for file in ["/etc/resolv.conf", "/etc/hosts", "/etc/localtime"] as [FilePath]
    where !omitted.leavesOut(file) && (site.showsNameServers || file != "/etc/resolv.conf") {
      if let made = NetworkFiles.content(of: file, options) {
        add(file: file, made)
      } else if file == "/etc/resolv.conf" {
        try addNameServers()
      } else {
        // Bind these read-only: a user who owns them could otherwise write to them.
        try bind(file, .usual, [.readOnly, .noSetID, .noDevices])
      }
    }
    if let name = options.hostName { add(file: "/etc/hostname", Array("\(name)\n".utf8)) }
    let work = try options.workDirectory.map { (path) throws(RuntimeError) in try WorkDirectory(path) }
    for (place, name) in [("/tmp", "tmp"), ("/var/tmp", "var_tmp")] as [(FilePath, FilePath.Component)]
    where site.showsTemporary {
      if options.isContained {
        try addOwn(place, work, [name], mode: 0o1777, .own)
      } else {
        try bind(place, .usual)
      }
    }
    try addHome(options, identity, work)
    try add(options.drivers, isContained: options.isContained, options.onNote)
    try add(site, omitted, options.onNote)
    if !options.isContained, site.allowsUserBinds, !omitted.kinds.contains(.workingDirectory) {
      add(directory, options, identity)
    }
    for place in options.scratchDirectories {
      try addOwn(place, work, ["scratch"] + place.components, mode: work == nil ? 0o755 : 0o750, .requested)
    }
    for file in options.ownFiles { add(file.target, .ownFile(file), .requested) }
    // What images have is added when they are mounted.
    for one in options.binds where one.part == nil {
      do {
        var flags: MountFlags = [.noSetID, .noDevices]
        if one.isReadOnly { flags.insert(.readOnly) }
        let source = try PlannedMount.HostTree(one.source, flags)
        add(one.target, .bind(source), .requested)
      } catch {
        if let old = Self.tooOld(error) { throw old }
        throw RuntimeError(
          .system, "cannot bind \(one.source.string): \(error.errno.description)", system: error)
      }
    }
  }

  /// The site's own binds. What does not exist on this host is left out with a note.
  private mutating func add(
    _ site: SiteSettings, _ omitted: OmittedMounts, _ onNote: (String) -> Void
  ) throws(RuntimeError) {
    var binds: [Bind] = []
    for text in site.binds { binds += try Bind.parse(Array(text.utf8)) }
    for bind in binds where !omitted.leavesOut(bind.target) {
      var flags: MountFlags = [.noSetID, .noDevices]
      if bind.isReadOnly { flags.insert(.readOnly) }
      do throws(SystemError) {
        add(bind.target, .bind(try PlannedMount.HostTree(bind.source, flags)), .usual)
      } catch {
        if let old = Self.tooOld(error) { throw old }
        onNote("the site's bind \(bind.source.string) is left out: \(error.errno.description)")
      }
    }
  }

  /// The interfaces of the kernel.
  private mutating func addKernel(_ options: ContainerOptions) throws(RuntimeError) {
    let restricted: MountFlags = [.readOnly, .noSetID, .noDevices]
    if !options.site.showsProcesses {
      // The administrators want none.
    } else if options.namespaces.contains(.process) {
      add("/proc", .processes, .kernel)
    } else {
      try bind("/proc", .kernel)
    }
    if !options.site.showsSystem {
      // Neither this.
    } else if options.namespaces.contains(.network) {
      add("/sys", .system(try Self.tree("/sys", restricted)), .kernel)
    } else {
      try bind("/sys", .usual, restricted)
    }
    if options.site.showsSystem, let group = options.controlGroup {
      // This replaces the host's: the program cannot change it, and does not see the groups of others.
      add("/sys/fs/cgroup", .bind(try Self.tree(group, restricted)), .kernel)
    }
    if options.omittedMounts.kinds.contains(.devices) {
      // The caller wants none.
    } else if options.isContained || options.site.devices == .minimal {
      // A read-only bind of a device can still be written to. It keeps root, who owns the device, from changing its
      // permissions.
      let devices = try options.drivers.devices.map { (device) throws(RuntimeError) in
        (target: device.target, tree: try Self.tree(device.source, [.readOnly, .noSetID]))
      }
      add("/dev", .devices(devices), .kernel)
    } else if options.site.devices == .host {
      try bind("/dev", .kernel, .noSetID)
    }
  }

  /// A directory of the container's own: in the work directory, if there is one, or in memory.
  private mutating func addOwn(
    _ place: FilePath, _ work: WorkDirectory?, _ parts: [FilePath.Component], mode: mode_t,
    _ purpose: PlannedMount.Purpose
  ) throws(RuntimeError) {
    if let tree = try work?.tree(parts, mode: mode) {
      add(place, .work(tree), purpose)
    } else {
      add(place, .memory(mode: String(mode, radix: 8)), purpose)
    }
  }

  /// The home directory. One that is / is the root of the image.
  private mutating func addHome(
    _ options: ContainerOptions, _ identity: Identity, _ work: WorkDirectory?
  ) throws(RuntimeError) {
    guard !options.hidesHome, options.site.showsHome, home != "/" else { return }
    if let choice = options.home {
      let tree: PlannedMount.HostTree
      do { tree = try PlannedMount.HostTree(choice.source, [.noSetID, .noDevices]) } catch {
        if let old = Self.tooOld(error) { throw old }
        throw RuntimeError(
          .system, "\(choice.source.string) cannot be the home: \(error.errno.description)", system: error)
      }
      guard tree.isDirectory else {
        throw RuntimeError(
          .invalidArgument, "\(choice.source.string) cannot be the home: it is not a directory")
      }
      add(home, .bind(tree), .requested)
    } else if options.isContained {
      try addOwn(home, work, ["home"], mode: 0o700, .ofCaller)
    } else if identity.home != "/" {
      try bind(identity.home, at: home, .ofCaller)
    }
  }

  /// The file that names the servers for host names. Programs that keep it in /run replace it there, so that a container
  /// has to see the directory.
  private mutating func addNameServers() throws(RuntimeError) {
    let file: FilePath = "/etc/resolv.conf"
    let flags: MountFlags = [.readOnly, .noSetID, .noDevices]
    let target = (try? ImageMounts.resolve(file)) ?? file
    let directory = target.removingLastComponent()
    guard directory.isBeneath("/run"), directory != "/run",
      let tree = try? PlannedMount.HostTree(file, flags), !tree.isDirectory,
      let servers = try? PlannedMount.HostTree(directory, flags)
    else { return try bind(file, .usual, flags) }
    add(directory, .bind(servers), .usual)
    add(file, .link(target, tree), .usual)
  }

  /// Adds what binds show of images.
  mutating func add(image tree: PlannedMount.HostTree, at target: FilePath) {
    add(target, .bind(tree), .requested)
  }

  /// The directory of the drivers' libraries, where images of the runtimes look for them.
  static let librariesOfDrivers: FilePath = "/.singularity.d/libs"

  private mutating func add(
    _ drivers: DriverFiles, isContained: Bool, _ onNote: (String) -> Void
  ) throws(RuntimeError) {
    let flags: MountFlags = [.readOnly, .noSetID, .noDevices]
    if !drivers.libraries.isEmpty {
      let files = try drivers.libraries.map { (library) throws(RuntimeError) in
        (name: library.name, tree: try Self.tree(library.source, flags))
      }
      add(Self.librariesOfDrivers, .files(files), .driver)
    }
    for file in drivers.files {
      let tree = try Self.tree(file.source, file.isReadOnly ? flags : [.noSetID, .noDevices])
      add(file.target, .bind(tree), .driver)
    }
    // The host's /dev has all others.
    for device in drivers.devices where !isContained && device.source != device.target {
      onNote(
        "\(device.source.string) of the host can be \(device.target.string) only in a container with a /dev of its own"
      )
    }
  }

  /// The caller's working directory, by the kernel's name and by the shell's.
  private mutating func add(
    _ directory: CallersDirectory, _ options: ContainerOptions, _ identity: Identity
  ) {
    guard let physical = directory.physical, !ImagePrograms.contain(physical),
      !(options.hidesHome && identity.isHome(in: physical))
    else { return }
    for path in [physical] + (directory.logical.map { [$0] } ?? [])
    where !mounts.contains(where: { path.isBeneath($0.target) && $0.isDirectory }) {
      do {
        add(path, .bind(try PlannedMount.HostTree(physical, [.noSetID, .noDevices])), .ofCaller)
      } catch {
        directoryFailure = error
      }
    }
  }

  /// Puts a file that this program made at a place.
  mutating func add(file target: FilePath, _ bytes: [UInt8]) { add(target, .file(bytes), .usual) }

  private mutating func add(
    _ target: FilePath, _ content: PlannedMount.Content, _ purpose: PlannedMount.Purpose
  ) {
    mounts.append(PlannedMount(target: target, content: content, purpose: purpose))
  }

  private mutating func bind(
    _ source: FilePath, at target: FilePath? = nil, _ purpose: PlannedMount.Purpose,
    _ flags: MountFlags = [.noSetID, .noDevices]
  ) throws(RuntimeError) {
    do { add(target ?? source, .bind(try PlannedMount.HostTree(source, flags)), purpose) } catch {
      // A tree that the kernel cannot copy exists, so it must not be left out silently.
      if let old = Self.tooOld(error) { throw old }
      if purpose == .kernel { throw RuntimeError(error) }
    }
  }

  private static func tree(
    _ path: FilePath, _ flags: MountFlags
  ) throws(RuntimeError) -> PlannedMount.HostTree {
    do { return try PlannedMount.HostTree(path, flags) } catch { throw tooOld(error) ?? RuntimeError(error) }
  }

  /// The reason if the kernel does not know a call.
  private static func tooOld(_ error: SystemError) -> RuntimeError? {
    guard error.errno == .noFunction else { return nil }
    return RuntimeError(
      .unavailable,
      "starting a program needs Linux 5.12, which can show directories without the rights to their devices",
      system: error)
  }

  /// Closes the copies that were not mounted, for example because the image has something else in their place.
  func closeTrees() {
    for mount in mounts { for tree in mount.hostTrees { tree.close() } }
  }
}
