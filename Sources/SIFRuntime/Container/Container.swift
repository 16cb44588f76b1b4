import CLinux
import Glibc
import LinuxSystem
import Squash
public import SystemPackage

/// A program of an image, started in namespaces of its own (spec/runtime.md "Starting a program").
public struct Container {
  private let root: ContainerRoot
  private let image: FilePath
  private let options: ContainerOptions
  private let identity: Identity
  /// Whether to create a user namespace; always true without privilege.
  private let needsUserNamespace: Bool
  /// The ranges of users and groups that root has inside.
  private let mapping: RangeMapping?

  /// Makes a container for a program of a squashfs.
  ///
  /// - Parameter image: the image's path, for the program's variables.
  public init(_ volume: ImageVolume, image: FilePath, _ options: ContainerOptions) {
    self.init(ContainerRoot(.squashfs(volume)), image: image, options)
  }

  /// Makes a container for a program.
  ///
  /// - Parameter image: the image's path, for the program's variables.
  public init(_ root: ContainerRoot, image: FilePath, _ options: ContainerOptions) {
    self.root = root
    self.image = image
    var options = options
    identity = Identity(options.programUser)
    needsUserNamespace = geteuid() != 0 || options.isFakeRoot || options.usesUserNamespace
    options.usesUserNamespace = needsUserNamespace
    if options.service != nil { options.namespaces.insert(.process) }
    options.site = options.omittedMounts.applied(to: options.site)
    let forbidden: [(Bool, Namespaces, String)] = [
      (options.site.allowsMessages, .messages, "message queues and shared memory"),
      (options.site.allowsProcesses, .process, "processes"),
      (options.site.allowsHostName, .hostName, "a host name"),
    ]
    for (isAllowed, namespace, what) in forbidden where !isAllowed && options.namespaces.contains(namespace) {
      options.namespaces.remove(namespace)
      options.onNote(
        "the site's configuration allows no container to have \(what) of its own: it has the host's")
    }
    mapping =
      options.isFakeRoot && !options.ignoresRanges ? RangeMapping(identity, options.onNote) : nil
    options.pretendsUsers = options.isFakeRoot && mapping == nil && !options.showsSingleUser
    self.options = options
  }

  /// Becomes the program. In a namespace of processes, or with resource limits, waits for it instead.
  ///
  /// This process must have one thread.
  ///
  /// - Returns: never. If this process waits for the program, it then ends in the same way: with the
  ///   program's exit status or by its signal.
  /// - Throws: ``RuntimeError`` if the program was not started.
  public func run() throws -> Never {
    try Self.checkThreads()
    try checkSite()
    try Identity.check(home: identity.home(options))
    let privileges = try ProgramPrivileges(options, ownsUsers: needsUserNamespace)
    let capabilities = privileges.capabilities
    var limits = ProgramLimits()
    limits.filters = [
      try SystemCallFilter.forEveryProgram(
        ownsHost: !needsUserNamespace && !capabilities.contains(.administration),
        hidesKeys: !options.keepsKeyring)
    ]
    if options.pretendsUsers { limits.filters += [try SystemCallFilter.ofSingleUser()] }
    limits.label = options.label
    if let profile = options.seccomp {
      limits.filters += [try profile.compile(capabilities: capabilities, onNote: options.onNote)]
    }
    // As a subreaper, this process adopts its orphaned descendants instead of leaving them to the host's init.
    if isWatched { linux_prctl(PR_SET_CHILD_SUBREAPER, 1, 0) }
    let overlay = try openOverlay()
    let workingDirectory = CallersDirectory()
    // Everything made for the container has the permissions that are asked for, and the program the caller's umask.
    let mask = umask(0)
    defer { umask(mask) }
    let programMask: mode_t = options.usesDefaultMask ? 0o022 : mask
    // This comes first, because this process may have to move to another control group for it.
    var group: LimitedGroup?
    if let resources = options.limits {
      let made = try LimitedGroup(resources)
      limits.entrance = made.entrance.rawValue
      limits.group = made.path
      group = consume made
    }
    let (root, unpacked) = try unpack()
    // The servers stay outside: in the container's mount namespace they would keep that namespace alive.
    let layers = try LayerMounter(
      root, image: image, options, fuseOptions, usesKernel: !needsUserNamespace && !options.usesFuse)
    try enterNamespaces(keeping: capabilities)
    func start() throws -> ProgramStart {
      try prepare(root, workingDirectory, overlay, layers, unpacked, privileges, limits, programMask)
    }
    guard isWatched else { throw try start().execute() }
    let onFork = {
      layers.letGo()
      for image in unpacked { image.letGo() }
    }
    let status = try ProcessMonitor.run(
      options.service.map { .service($0.processName, limits.filters) } ?? .program, onFork: onFork,
      onStart: { process in
        options.service?.onStart(
          RunningContainer(
            process: process, image: image, home: identity.home(options), isFakeRoot: options.isFakeRoot,
            group: limits.group,
            filters: limits.filters))
      }, start)
    if let message = group.take()?.end() { options.onNote(message) }
    overlay?.letGo()
    // The remaining children end with the container, which has just ended.
    Forking.collectChildren(patience: 2)
    options.service?.onEnd()
    Forking.end(as: status)
  }

  private func openOverlay() throws(RuntimeError) -> LockedOverlay? {
    guard case .directory(let path) = root.writes else { return nil }
    return try LockedOverlay(
      try OverlayDirectory(path, outside: [try ImageMounts.resolve(image), identity.home]))
  }

  /// Unpacks every squashfs that nothing can mount here, or all of them if that is asked for.
  private func unpack() throws(RuntimeError) -> (ContainerRoot, [UnpackedImage]) {
    guard options.unpacks || !canMount && !options.neverUnpacks else { return (root, []) }
    var (root, unpacked) = (root, [UnpackedImage]())
    func unpack(_ layer: inout ContainerRoot.Layer) throws(RuntimeError) {
      guard case .squashfs(let volume) = layer else { return }
      let image = try UnpackedImage(
        volume, in: options.temporaryDirectory, isPrivileged: !needsUserNamespace, options.onNote)
      layer = .directory(image.directory)
      unpacked.append(image)
    }
    try unpack(&root.base)
    for index in root.layers.indices { try unpack(&root.layers[index]) }
    for index in root.bound.indices { try unpack(&root.bound[index].layer) }
    root.needsOwnRoot = !unpacked.isEmpty
    return (root, unpacked)
  }

  /// Whether a squashfs can be mounted: through FUSE, or by the kernel for root.
  private var canMount: Bool {
    if access("/dev/fuse", R_OK | W_OK) == 0 { return true }
    return !needsUserNamespace && !options.usesFuse && access("/dev/loop-control", R_OK | W_OK) == 0
  }

  /// Refuses what the administrators' settings do not allow.
  private func checkSite() throws(RuntimeError) {
    let site = options.site
    if needsUserNamespace, options.ignoresUserNamespaces {
      throw RuntimeError(
        .unavailable,
        "this start needs a user namespace: only root can do without, and then is not root inside by itself")
    }
    try options.label?.check(showsProcesses: site.showsProcesses)
    if needsUserNamespace, !site.allowsUsers {
      throw RuntimeError(
        .unavailable, "the site's configuration allows no user namespaces (\"allow user ns = no\")")
    }
    if options.service != nil, !site.allowsProcesses {
      throw RuntimeError(
        .unavailable,
        "a service needs processes of its own, which the site's configuration does not allow (\"allow pid ns = no\")"
      )
    }
    if options.hostName != nil, !site.allowsHostName {
      throw RuntimeError(
        .unavailable,
        "the site's configuration allows no container to have a host name of its own (\"allow uts ns = no\")")
    }
    guard site.allowsUserBinds else {
      if !options.binds.isEmpty { throw Self.allowsNo("binds") }
      if options.home != nil { throw Self.allowsNo("home of their own") }
      if options.workDirectory != nil { throw Self.allowsNo("work directory") }
      if !options.scratchDirectories.isEmpty { throw Self.allowsNo("scratch directories") }
      return
    }
  }

  private static func allowsNo(_ what: String) -> RuntimeError {
    RuntimeError(
      .invalidArgument, "the site's configuration allows users no \(what) (\"user bind control = no\")")
  }

  /// Whether one of our processes stays above the program.
  private var isWatched: Bool { options.namespaces.contains(.process) || options.limits != nil }

  // MARK: The server

  private var fuseOptions: FuseOptions {
    var fuse = FuseOptions()
    if needsUserNamespace, !hasRanges {
      // The only user and group in the namespace.
      fuse.user = options.isFakeRoot ? 0 : identity.user
      fuse.group = options.isFakeRoot ? 0 : identity.group
    }
    return fuse
  }

  // MARK: Namespaces

  private var hasRanges: Bool { mapping != nil }

  private func enterNamespaces(keeping capabilities: Capabilities) throws(RuntimeError) {
    var wanted = options.namespaces
    // A process that stays above the program stays out of its mounts, so that they disappear with the program.
    if !isWatched { wanted.insert(.mount) }
    if needsUserNamespace { wanted.insert(.user) }
    if options.hostName != nil { wanted.insert(.hostName) }
    let mapper = try mapping.map { (mapping) throws(RuntimeError) in try MappingProcess(mapping.helpers) }
    do { try wanted.enter() } catch { throw cannotEnter(error) }
    // The kernel lets this user write the ID maps only of a process that others may look into.
    let wasPrivate = ProcessPrivacy.isPrivate
    ProcessPrivacy.set(isPrivate: false)
    defer { ProcessPrivacy.set(isPrivate: wasPrivate) }
    if let mapper {
      try mapper.map()
    } else if needsUserNamespace {
      let (user, group) = options.isFakeRoot ? (0, 0) : (identity.user, identity.group)
      try translating(
        try Namespaces.mapSelf(user: (user, identity.user), group: (group, identity.group)))
    }
    if needsUserNamespace, !capabilities.contains(.administration) {
      // In another container the settings may be read-only.
      try? Namespaces.forbidMoreUsers()
    }
    try translating { () throws(SystemError) in
      if !isWatched { try Mounting.makePrivate() }
      if let name = options.hostName { try Namespaces.setHostName(name) }
      if options.namespaces.contains(.network) { try Namespaces.bringUpLoopback() }
    }
  }

  /// The reason why this process has no namespaces of its own.
  private func cannotEnter(_ error: SystemError) -> RuntimeError {
    if needsUserNamespace {
      return RuntimeError(
        .unavailable,
        "starting a program without privilege needs a user namespace, and \(Self.whoAllowsNone) "
          + "(\(error.errno.description))", system: error,
        lacking: Self.isInside ? .outerCapabilities : .userNamespace)
    }
    guard error.errno == .notPermitted else { return RuntimeError(error) }
    let isPossible =
      (try? Forking.wait(for: Forking.child { (try? Namespaces.user.enter()) == nil ? 1 : 0 })) == 0
    guard !isPossible else {
      return RuntimeError(
        .unavailable, "this root lacks CAP_SYS_ADMIN, which namespaces need", system: error,
        lacking: .privilegedNamespaces)
    }
    return RuntimeError(
      .unavailable,
      "this root lacks CAP_SYS_ADMIN, which namespaces need, and as for user namespaces, \(Self.whoAllowsNone)",
      system: error, lacking: Self.isInside ? .outerCapabilities : nil)
  }

  /// Whether this process is a program of a container of ours.
  static var isInside: Bool { getenv("SIFTOOL_CONTAINER") != nil }

  private static var whoAllowsNone: String {
    isInside ? "the container around this one allows none" : "the system allows none"
  }

  // MARK: Inside

  /// Builds the root, enters it, and gives up everything that the program must not have.
  private func prepare(
    _ root: ContainerRoot, _ workingDirectory: CallersDirectory, _ overlay: LockedOverlay?,
    _ layers: LayerMounter, _ unpacked: [UnpackedImage], _ privileges: ProgramPrivileges,
    _ limits: ProgramLimits, _ mask: mode_t
  ) throws -> ProgramStart {
    if isWatched {
      try translating { () throws(SystemError) in
        try Namespaces.mount.enter()
        try Mounting.makePrivate()
      }
    }
    var options = options
    options.controlGroup = limits.group
    if options.isContained { options.terminal = CallersTerminal() }
    // Every mount of the plan is an open file until it is laid.
    let descriptors = DescriptorLimit.raise()
    let plan = try MountPlan(options, identity, workingDirectory)
    try layers.copyTrees()
    let files = try openFiles(root)
    let upper = try overlay?.tree()
    let built = try RootFileSystem(options, root, layers)
    let launcher = try built.makeLauncher()
    if let user = options.programUser?.user { try translating(try launcher.give(to: user)) }
    if let upper, let overlay { try built.place(overlay: upper, of: overlay.path) }
    try built.enter(plan, identity, files) { (root) throws(RuntimeError) in
      try overlay?.keep(while: root)
      for image in unpacked { try image.keep(while: root) }
    }
    descriptors.restore()
    if !isWatched { layers.settle() }
    // From here on the image's own names are looked up. This process now holds no directory of the host, and
    // may do no more than the program.
    overlay?.letGo()
    try translating { () throws(SystemError) in
      try privileges.takeEffect()
      if !options.keepsKeyring { try SessionKeyring.replace() }
    }
    umask(mask)
    try WorkingDirectory.enter(options, workingDirectory, home: plan.home, plan.directoryFailure)
    return try ProgramStart(options, image: image, home: plan.home, limits, launcher)
  }

  /// The files that the root is made of.
  private func openFiles(_ root: ContainerRoot) throws(RuntimeError) -> [OpenImage] {
    var files: [OpenImage] = []
    for (index, layer) in root.all.enumerated() {
      switch layer {
      case .squashfs(let volume):
        files.append(try OpenImage(volume.storage, index == 0 ? image : volume.storage.path))
      case .ext(let volume): files.append(try OpenImage(volume.storage, volume.storage.path))
      case .directory: continue
      }
    }
    return files
  }
}
