import Accelerators
import CLinux
import Glibc
import LinuxSystem
import SystemPackage

/// Builds the root of a container in a mount namespace of its own (spec/runtime.md "The root of a container").
///
/// Everything is in a file system in memory that covers a directory of the host and that nobody else sees: `image` is
/// the image with the layers over it, `skeleton` has the places that it lacks, and `root` is both of them together with
/// what can be written, if necessary.
struct RootFileSystem {
  let stage: FilePath
  let options: ContainerOptions
  let layers: LayerMounter
  let parts: ContainerRoot

  var image: FilePath { stage.appending("image") }
  var skeleton: FilePath { stage.appending("skeleton") }
  var merged: FilePath { stage.appending("root") }
  /// Empty stand-ins for what the program must not see.
  var emptyFile: FilePath { stage.appending("nothing") }
  var emptyDirectory: FilePath { stage.appending("empty") }

  /// Covers a directory of the host. Everything that is needed from the host has been opened before.
  init(
    _ options: ContainerOptions, _ parts: ContainerRoot, _ layers: LayerMounter
  ) throws(RuntimeError) {
    self.options = options
    self.parts = parts
    self.layers = layers
    stage = try Stage.cover()
    for directory in [image, skeleton, merged, emptyDirectory] { try make(directory) }
    let file = emptyFile
    _ = try translating(
      try OwnedDescriptor(opening: file, flags: O_WRONLY | O_CREAT | O_EXCL, mode: 0o444))
  }

  func make(_ directory: FilePath, mode: mode_t = 0o755) throws(RuntimeError) {
    try translating { () throws(SystemError) in
      try SystemError.check("create", directory) { directory.withPlatformString { mkdir($0, mode) } }
    }
  }

  /// Makes the launcher's file in a place that only this process can reach.
  func makeLauncher() throws(RuntimeError) -> LauncherFile {
    let path = stage.appending("launcher")
    return try translating(try LauncherFile(at: path))
  }

  /// Mounts the image, mounts everything else over it, and makes the result this process's root.
  ///
  /// - Parameters:
  ///   - files: the files that the container must not change.
  ///   - onRoot: called with the root before anything is mounted over it.
  func enter(
    _ plan: MountPlan, _ identity: Identity, _ files: [OpenImage], onRoot: (FilePath) throws -> Void
  ) throws {
    let lowers = try mountLayers()
    var plan = plan
    let top = try naming(image)
    // Root of a directory that can be written keeps its own lists.
    if !isBaseWritten || identity.user != 0 && !options.isFakeRoot { addLists(to: &plan, identity, top) }
    if options.pretendsUsers { addAptOption(to: &plan, top) }

    try addImages(to: &plan)
    let own = try translating(try top.status())
    // The skeleton lies over the image, so its root has to look like the image's.
    Self.copyAttributes(own, to: skeleton)
    let image = image
    var all = try MountPlaces.settle(plan.mounts, options.onNote) { (mount) throws(RuntimeError) in
      try ImagePlace(of: mount, in: top, at: image)
    }
    if canHaveLinks { MountPlaces.makeLinks(&all) }
    let covers = MountPlaces.Covers(all)
    var placed: [PlacedMount] = []
    var hasSkeleton = false
    var withoutPlace: [String] = []
    for mount in all {
      if let place = mount.place, !covers.cover(mount) {
        switch try provide(mount, at: place, top) {
        case .present: break
        case .made: hasSkeleton = true
        case .missing:
          guard mount.planned.purpose != .requested else {
            throw RuntimeError(
              .invalidArgument,
              "the image has no \(mount.planned.target.string), and with --writable no place is made in it")
          }
          withoutPlace.append(mount.planned.target.string)
          continue
        case .impossible(let reason):
          guard mount.planned.isOptional else { throw RuntimeError(.invalidArgument, reason) }
          if mount.planned.purpose == .driver {
            options.onNote("\(mount.planned.target.string) is left out: \(reason)")
          }
          continue
        }
      }
      placed.append(mount)
    }
    if !withoutPlace.isEmpty {
      options.onNote(
        "not mounted, because the image that is written lacks the places: \(withoutPlace.joined(separator: ", "))"
      )
    }
    let root = try merge(lowers, hasSkeleton, own)
    try onRoot(root)
    let place = try naming(root)
    let covering = MountPlaces.Covers(placed)
    for mount in placed {
      try lay(mount, place, placed, covering)
      // Protect each mount before the next one, so that a user's bind over one of these files stays visible.
      if identity.isStartedByRoot {
        try translating(try protectMachine(at: mount.planned.target, beneath: place))
      }
    }
    for file in files { try translating(try file.protect(placed, beneath: place)) }
    plan.closeTrees()
    do throws(AcceleratorError) {
      try options.driverProgram?.run(root, inUserNamespace: options.usesUserNamespace)
    } catch { throw RuntimeError(.unavailable, error.message) }
    try translating(try Mounting.pivotRoot(to: root))
  }

  /// The site's limit for a directory in memory, as an option of the mount.
  private var memoryLimit: String { options.site.memoryMiB.map { ",size=\($0)m" } ?? "" }

  private func naming(_ path: FilePath) throws(RuntimeError) -> OwnedDescriptor {
    try translating(try OwnedDescriptor.naming(path))
  }

  /// The lists of users and groups: the image's, with entries for the user.
  private func addLists(
    to plan: inout MountPlan, _ identity: Identity, _ top: borrowing OwnedDescriptor
  ) {
    if options.site.writesPasswd {
      plan.add(
        file: "/etc/passwd",
        identity.passwd(read("/etc/passwd", top), isFakeRoot: options.isFakeRoot, home: plan.home) { shell in
          // The image may have the shell by a link that only its own root explains.
          let file = try? top.openInRoot(shell, flags: linux_o_path)
          return (try? file?.status()).map { $0.st_mode & S_IFMT == S_IFREG && $0.st_mode & 0o111 != 0 }
            ?? false
        })
    }
    if options.site.writesGroup {
      plan.add(file: "/etc/group", identity.group(read("/etc/group", top), isFakeRoot: options.isFakeRoot))
    }
  }

  /// Reads a list of users or groups from the image. Returns an empty list if there is none, or, with a note,
  /// if it cannot be used.
  private func read(_ path: FilePath, _ top: borrowing OwnedDescriptor) -> [UInt8] {
    let reason: String
    do throws(SystemError) {
      let file = try top.openInRoot(path, flags: O_RDONLY | O_NONBLOCK | O_NOCTTY)
      let status = try file.status()
      if status.st_mode & S_IFMT != S_IFREG {
        reason = "is not a regular file"
      } else if status.st_size > Self.longestList {
        reason = "is longer than 1 MiB"
      } else {
        return try file.readToEnd(limit: Self.longestList)
      }
    } catch {
      if error.errno == .noSuchFileOrDirectory || error.errno == .notDirectory { return [] }
      reason = "cannot be read: \(error.errno.description)"
    }
    options.onNote(
      "\(path.string) of the image \(reason); in the container it has nothing but your own entries")
    return []
  }

  private static let longestList = 1 << 20

  // MARK: Places that the image lacks

  private enum Provision {
    case present
    case made
    /// There is no place, and none can be made.
    case missing
    case impossible(String)
  }

  /// Makes sure that a mount has a file or directory to lie on.
  private func provide(
    _ mount: PlacedMount, at place: ImagePlace, _ top: borrowing OwnedDescriptor
  ) throws(RuntimeError) -> Provision {
    let isDirectory = mount.planned.isDirectory
    if let target = mount.link { return try build(place.existing, place.missing, .link(target), top) }
    if place.missing.isEmpty {
      return place.isDirectory == isDirectory
        ? .present
        : .impossible(
          "\(mount.path.string) is \(place.isDirectory ? "a directory" : "not a directory") in the image, but what is bound is "
            + (isDirectory ? "one" : "not"))
    }
    guard place.isDirectory else {
      return .impossible(
        "\(place.found.string) is not a directory in the image: nothing can be bound beneath it")
    }
    if isBaseWritten { return .missing }
    return try build(place.existing, place.missing, isDirectory ? .directory : .file, top)
  }

  /// What a place in the skeleton is.
  private enum PlaceKind {
    case directory
    case file
    case link(FilePath)
  }

  /// Makes a place in the skeleton.
  ///
  /// - Parameters:
  ///   - existing: the directory of the image, with links resolved.
  ///   - missing: the rest of the path beneath it.
  private func build(
    _ existing: [FilePath.Component], _ missing: [FilePath.Component], _ kind: PlaceKind,
    _ top: borrowing OwnedDescriptor
  ) throws(RuntimeError) -> Provision {
    var path = skeleton
    for (index, name) in (existing + missing).enumerated() {
      path.append(name)
      let isLast = index == existing.count + missing.count - 1
      switch kind {
      case .file where isLast:
        _ = try translating(
          try OwnedDescriptor(opening: path, flags: O_WRONLY | O_CREAT | O_NOFOLLOW, mode: 0o644))
        return .made
      case .link(let target) where isLast:
        try translating { () throws(SystemError) in
          try SystemError.check("create", path) {
            path.withPlatformString { path in target.withPlatformString { symlink($0, path) } }
          }
        }
        return .made
      default: break
      }
      guard path.withPlatformString({ mkdir($0, 0o755) }) == 0 else {
        guard errno == EEXIST else {
          throw RuntimeError(SystemError(errno: Errno(rawValue: errno), operation: "create", path: path))
        }
        continue
      }
      // The new directory covers the image's, so it gets the same attributes.
      if index < existing.count,
        let original = try? top.openInRoot(
          FilePath(root: "/", existing[...index]), flags: linux_o_path), let status = try? original.status()
      {
        Self.copyAttributes(status, to: path)
      }
    }
    return .made
  }

  /// Gives a directory in memory the owner, if this namespace has it, and the permissions of another one.
  private static func copyAttributes(_ status: stat, to path: FilePath) {
    path.withPlatformString {
      _ = chown($0, status.st_uid, status.st_gid)
      _ = chmod($0, status.st_mode & 0o7777)
    }
  }

  // MARK: Mounts

  /// Mounts one thing at its place.
  private func lay(
    _ placed: PlacedMount, _ root: borrowing OwnedDescriptor, _ all: [PlacedMount],
    _ covers: MountPlaces.Covers
  ) throws(RuntimeError) {
    guard placed.link == nil else { return }
    let mount = placed.planned
    // A file lies in place of a link, unless what is bound above it has one there.
    let isExact = !mount.isDirectory && placed.place != nil && !covers.cover(placed)
    let place: OwnedDescriptor
    do {
      place = try root.openInRoot(placed.path, flags: linux_o_path | (isExact ? O_NOFOLLOW : 0))
    } catch {
      guard error.errno == .noSuchFileOrDirectory, try makeBeneath(placed, root, all) else {
        if mount.isOptional { return }
        throw RuntimeError(
          .invalidArgument,
          "cannot bind to \(mount.target.string): \(error.errno.description) in what is bound above it",
          system: error)
      }
      return try lay(placed, root, all, covers)
    }
    if isExact, isLink(place) {
      guard !mount.isOptional else { return }
      throw RuntimeError(
        .invalidArgument, "\(mount.target.string) is a link in the overlay: nothing can be bound to it")
    }
    if try isRoot(place, root) {
      // A mount here would hide the whole image.
      guard mount.isOptional else { throw RuntimeError(.invalidArgument, MountPlaces.isRoot(mount.target)) }
      return options.onNote(MountPlaces.isRoot(mount.target))
    }
    let target = place.pathOfDescriptor
    do throws(SystemError) {
      switch mount.content {
      case .bind(let source): try source.attach(to: target)
      case .work(let source), .link(_, let source): try source.attach(to: target)
      case .memory(let mode):
        try Mounting.mount(
          "tmpfs", "tmpfs", on: target, [.noSetID, .noDevices], data: "mode=\(mode)\(memoryLimit)")
      case .processes:
        try Mounting.mount("proc", "proc", on: target, [.noSetID, .noDevices])
      case .system(let host):
        do { try Mounting.mount("sysfs", "sysfs", on: target, [.readOnly, .noSetID, .noDevices]) } catch {
          try host.attach(to: target)
        }
      case .devices(let devices):
        try Mounting.mount("tmpfs", "devices", on: target, .noSetID, data: "mode=755")
        let directory = try root.openInRoot(placed.path, flags: O_RDONLY | O_DIRECTORY)
        try MinimalDevices.make(
          in: directory, terminal: options.terminal,
          hasTerminals: !options.omittedMounts.kinds.contains(.terminals))
        for (path, tree) in devices { try MinimalDevices.add(tree, at: path, in: directory) }
      case .files(let files):
        let flags: MountFlags = [.noSetID, .noDevices]
        try Mounting.mount("tmpfs", "libraries", on: target, flags, data: "mode=755")
        let directory = try root.openInRoot(placed.path, flags: O_RDONLY | O_DIRECTORY)
        for (name, tree) in files {
          let place = try directory.openBeneath(
            Array(name.utf8), flags: O_WRONLY | O_CREAT | O_EXCL, mode: 0o444)
          try tree.attach(to: place.pathOfDescriptor)
        }
        try Mounting.makeReadOnly(directory.pathOfDescriptor, flags)
      case .file(let bytes): try lay(OwnFile(target: mount.target, bytes: bytes), at: target)
      case .ownFile(let file): try lay(file, at: target)
      }
    } catch {
      throw RuntimeError(
        .system, "cannot set up \(mount.target.string) in the container: \(error.errno.description)",
        system: error)
    }
  }

  /// Makes a file in the stage, and lays it at a place.
  private func lay(_ own: OwnFile, at target: FilePath) throws(SystemError) {
    let name = own.target.components.map(\.string).joined(separator: "-")
    let file = stage.appending("file-\(name)")
    let made = try OwnedDescriptor(opening: file, flags: O_WRONLY | O_CREAT | O_EXCL, mode: own.mode)
    try SystemError.writeAll(own.bytes.span.bytes, to: made.rawValue)
    let copy = try Mounting.copy(of: file)
    try Mounting.restrict(copy, own.isWritable ? [.noSetID, .noDevices] : [.readOnly, .noSetID, .noDevices])
    try Mounting.attach(copy, to: target)
  }

  private func isLink(_ place: borrowing OwnedDescriptor) -> Bool {
    (try? place.status()).map { $0.st_mode & S_IFMT == S_IFLNK } ?? false
  }

  private func isRoot(
    _ place: borrowing OwnedDescriptor, _ root: borrowing OwnedDescriptor
  ) throws(RuntimeError) -> Bool {
    do { return try place.currentPath() == root.currentPath() } catch { throw RuntimeError(error) }
  }

  /// Makes a place in one of our own directories in memory. Returns false if the directory is not ours.
  private func makeBeneath(
    _ placed: PlacedMount, _ root: borrowing OwnedDescriptor, _ all: [PlacedMount]
  ) throws(RuntimeError) -> Bool {
    let mount = placed.planned
    // The mount right above it: what is bound there belongs to the host.
    let above = all.last {
      $0.planned.isDirectory && $0.path != placed.path && placed.path.isBeneath($0.path)
    }
    guard let own = above, own.planned.isOwn else { return false }
    guard var directory = try? root.openInRoot(own.path, flags: O_RDONLY | O_DIRECTORY) else { return false }
    let names = Array(placed.path.components.dropFirst(own.path.components.count))
    for (index, name) in names.enumerated() {
      let bytes = FilePath(root: nil, [name]).bytes
      let isLast = index == names.count - 1
      if isLast, !mount.isDirectory {
        guard
          (try? directory.openBeneath(bytes, flags: O_WRONLY | O_CREAT | O_EXCL, mode: 0o644)) != nil
        else { return false }
      } else if (try? directory.makeDirectory(bytes, mode: 0o755)) == nil {
        guard (try? directory.status(of: bytes)) != nil else { return false }
      }
      guard !isLast else { return true }
      guard let next = try? directory.openDirectory(bytes) else { return false }
      directory = next
    }
    return true
  }
}
