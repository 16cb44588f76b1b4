import CLinux
import Glibc
import LinuxSystem
import Squash
public import SystemPackage

/// A program of an image, started in namespaces of its own (spec/runtime.md "Starting a program").
public struct Container {
  private let volume: ImageVolume
  private let image: FilePath
  private let options: ContainerOptions
  private let identity: Identity
  /// Whether the namespace of users comes too: always without privilege.
  private let needsUserNamespace: Bool

  /// A program of an image.
  ///
  /// - Parameter image: the image's path, for the program's variables.
  public init(_ volume: ImageVolume, image: FilePath, _ options: ContainerOptions) {
    self.volume = volume
    self.image = image
    var options = options
    identity = Identity()
    needsUserNamespace = geteuid() != 0 || options.isFakeRoot || options.usesUserNamespace
    options.usesUserNamespace = needsUserNamespace
    self.options = options
  }

  /// Becomes the program; or, in a namespace of processes, waits for it.
  ///
  /// This process must have one thread.
  ///
  /// - Returns: the program's exit status, or 128 and the number of the signal that ended it.
  /// - Throws: ``RuntimeError`` where the program was not started.
  public func run() throws -> Int32 {
    if !options.isFakeRoot { try identity.checkHome() }
    let capabilities = try keptCapabilities()
    var inside = ProgramLimits()
    inside.filters = [try SystemCallFilter.terminal()]
    if let profile = options.seccomp {
      inside.filters += [try profile.compile(capabilities: capabilities, onNote: options.onNote)]
    }
    let overlay = try openOverlay()
    var workingDirectory: FilePath?
    if let path = getcwd(nil, 0) {
      workingDirectory = FilePath(platformString: path)
      free(path)
    }
    // Made before anything else is: this process may have to change its own place for it.
    var group: LimitedGroup?
    var path: FilePath?
    if let limits = options.limits {
      let made = try LimitedGroup(limits)
      inside.entrance = made.entrance.rawValue
      path = made.path
      group = consume made
    }
    // The server stays outside: in the container's namespace of mounts, it would keep it alive.
    let server = try startServer()
    try enterNamespaces(keeping: capabilities)
    let limits = inside
    let place = path
    guard options.namespaces.contains(.process) || place != nil else {
      throw try prepare(workingDirectory, overlay, server, capabilities, place, limits).execute()
    }
    var shared = Optional.some(server)
    let status = try ProcessMonitor.run {
      guard let server = shared.take() else { throw RuntimeError(.system, "the server is gone") }
      return try prepare(workingDirectory, overlay, server, capabilities, place, limits)
    }
    if let message = group.take()?.end() { options.onNote(message) }
    return status
  }

  private func openOverlay() throws(RuntimeError) -> FilePath? {
    guard case .directory(let path) = options.overlay else { return nil }
    var status = stat()
    try translating { () throws(SystemError) in
      try SystemError.check("examine", path) { path.withPlatformString { stat($0, &status) } }
    }
    guard status.st_mode & S_IFMT == S_IFDIR else {
      throw RuntimeError(
        .unsupportedFileSystem,
        "\(path.string) is no directory: an overlay in a file is an ext3 file system, which is never mounted")
    }
    return try ImageMounts.absolute(path)
  }

  // MARK: The server

  /// Starts the process that answers for the image, should it be mounted through FUSE: it waits for the device.
  private func startServer() throws(RuntimeError) -> OwnedDescriptor {
    var theirs: OwnedDescriptor?
    let mine = try translating { () throws(SystemError) in try OwnedDescriptor.socketPair(&theirs) }
    let socket = theirs?.rawValue ?? -1
    var fuse = FuseOptions()
    if needsUserNamespace, !hasRanges {
      // The one user and group that the namespace has.
      fuse.user = options.isFakeRoot ? 0 : identity.user
      fuse.group = options.isFakeRoot ? 0 : identity.group
    }
    let squash = volume.squash
    let settings = fuse
    try translating { () throws(SystemError) in
      try Forking.detached(keeping: [socket, volume.descriptorNumber]) {
        let channel = OwnedDescriptor(adopting: socket, path: "socket")
        guard let device = try? channel.receive(path: "/dev/fuse") else { return 0 }
        do { try channel.close() } catch { return 1 }
        return (try? FuseSession(squash, device, settings).run()) == nil ? 1 : 0
      }
    }
    theirs = nil
    return mine
  }

  // MARK: Namespaces

  private var hasRanges: Bool { options.isFakeRoot && mappingHelpers != nil }

  /// What maps ranges of users and groups for this user.
  private var mappingHelpers: [(program: FilePath, arguments: [String])]? {
    guard let users = identity.range(in: "/etc/subuid"), let groups = identity.range(in: "/etc/subgid"),
      let userHelper = FuseMount.find("newuidmap"), let groupHelper = FuseMount.find("newgidmap")
    else { return nil }
    func arguments(_ own: UInt32, _ range: (start: UInt32, count: UInt32)) -> [String] {
      ["0", "\(own)", "1", "1", "\(range.start)", "\(range.count)"]
    }
    return [(userHelper, arguments(identity.user, users)), (groupHelper, arguments(identity.group, groups))]
  }

  private func enterNamespaces(keeping capabilities: Capabilities) throws(RuntimeError) {
    var wanted: Namespaces = options.namespaces.union(.mount)
    if needsUserNamespace { wanted.insert(.user) }
    if options.hostName != nil { wanted.insert(.hostName) }
    let helpers = options.isFakeRoot ? mappingHelpers : nil
    if options.isFakeRoot, helpers == nil {
      options.onNote(
        "no range of users in /etc/subuid and /etc/subgid for \(identity.name), or no newuidmap (package uidmap): "
          + "root is the only user inside")
    }
    let mapper = try helpers.map { (helpers) throws(RuntimeError) in try MappingProcess(helpers) }
    do { try wanted.enter() } catch {
      guard needsUserNamespace else { throw RuntimeError(error) }
      throw RuntimeError(
        .unavailable,
        "starting a program without privilege needs a user namespace, and the system allows none "
          + "(\(error.errno.description)); `siftool extract` and `siftool mount` do without", system: error)
    }
    // The files that take the maps are the user's only in a process that is open to others.
    let wasPrivate = ProcessPrivacy.isPrivate
    ProcessPrivacy.set(isPrivate: false)
    defer { ProcessPrivacy.set(isPrivate: wasPrivate) }
    if let mapper {
      try mapper.map()
    } else if needsUserNamespace {
      let (user, group) = options.isFakeRoot ? (0, 0) : (identity.user, identity.group)
      try translating { () throws(SystemError) in
        try Namespaces.mapSelf(user: (user, identity.user), group: (group, identity.group))
      }
    }
    if needsUserNamespace, Capabilities(named: "SYS_ADMIN").map(capabilities.contains) != true {
      // Where this program itself runs in a container, the settings may be closed.
      try? Namespaces.forbidMoreUsers()
    }
    try translating { () throws(SystemError) in
      try Mounting.makePrivate()
      if let name = options.hostName { try Namespaces.setHostName(name) }
      if options.namespaces.contains(.network) { try Namespaces.bringUpLoopback() }
    }
  }

  // MARK: Inside

  /// Builds the root, enters it, and gives away what the program is not to have.
  private func prepare(
    _ workingDirectory: FilePath?, _ overlay: FilePath?, _ server: consuming OwnedDescriptor,
    _ capabilities: Capabilities, _ group: FilePath?, _ limits: ProgramLimits
  ) throws -> ProgramStart {
    var options = options
    options.controlGroup = group
    let plan = try MountPlan(options, identity, workingDirectory: workingDirectory)
    let file = try OpenImage(volume, image)
    let upper = try overlay.map { (path) throws(SystemError) in try PlannedMount.HostTree(path) }
    let root = try RootFileSystem(options)
    let launcher = try root.makeLauncher()
    if let upper { try root.place(overlay: upper.copy) }
    try root.enter(plan, identity, file) { target in try mount(on: target, server) }
    try enter(workingDirectory, home: plan.home)
    try capabilities.keepAlone()
    return try ProgramStart(options, image: image, home: plan.home, limits, launcher)
  }

  /// What the program keeps. In a user namespace of its own it can have everything; outside, what this process has.
  private func keptCapabilities() throws(RuntimeError) -> Capabilities {
    let byDefault: Capabilities = options.isFakeRoot ? .ownContainer : []
    let wanted = byDefault.union(options.addedCapabilities).subtracting(options.droppedCapabilities)
    guard !needsUserNamespace else { return wanted }
    let own = try translating { () throws(SystemError) in try Capabilities.effective() }
    guard options.addedCapabilities == .all || own.isSuperset(of: wanted) else {
      throw RuntimeError(
        .unavailable,
        "this process has no capability \(wanted.subtracting(own).description) that it could keep")
    }
    return wanted.intersection(own)
  }

  private func enter(_ outside: FilePath?, home: FilePath) throws(RuntimeError) {
    if let path = options.workingDirectory {
      try translating { () throws(SystemError) in
        try SystemError.check("enter", path) { path.withPlatformString { chdir($0) } }
      }
      return
    }
    for path in [outside, home, "/"].compactMap({ $0 }) where path.withPlatformString({ chdir($0) }) == 0 {
      return
    }
  }

  private func mount(on target: FilePath, _ server: borrowing OwnedDescriptor) throws {
    if !needsUserNamespace, !options.usesFuse {
      do {
        return try KernelMount.mount(volume, on: target).keep()
      } catch {
        options.onNote("the kernel does not mount it (\(error)): mounting through FUSE")
      }
    }
    let device = try FuseMount.mount(image, on: target)
    try server.send(device)
  }
}
