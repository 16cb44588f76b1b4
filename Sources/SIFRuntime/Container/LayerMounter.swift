import LinuxSystem
import SystemPackage

/// Mounts the layers of a container's root. What serves them is started before the container's namespaces are made.
final class LayerMounter {
  private let root: ContainerRoot
  private let image: FilePath
  private let usesKernel: Bool
  private let isFakeRoot: Bool
  /// What nothing in the layers may do.
  let flags: MountFlags
  private let onNote: (String) -> Void
  private var servers: [Int: ImageServer] = [:]
  private var trees: [Int: PlannedMount.HostTree] = [:]
  private let programs: LayerPrograms?

  /// Starts the servers.
  ///
  /// - Parameters:
  ///   - image: the name that the list of mounts shows.
  ///   - usesKernel: whether the kernel may mount a squashfs.
  init(
    _ root: ContainerRoot, image: FilePath, _ options: ContainerOptions, _ fuse: FuseOptions, usesKernel: Bool
  ) throws(RuntimeError) {
    self.root = root
    self.image = image
    self.usesKernel = usesKernel
    isFakeRoot = options.isFakeRoot
    flags = options.allowsSetID ? [.noDevices] : [.noSetID, .noDevices]
    onNote = options.onNote
    let all = root.all
    for (index, layer) in all.enumerated() {
      if case .squashfs(let volume) = layer { servers[index] = try ImageServer(volume, fuse) }
    }
    let needsMerge = root.writes.isLayer || !root.layers.isEmpty
    if !root.extVolumes.isEmpty || needsMerge && FuseMount.find("fuse-overlayfs") != nil {
      programs = try LayerPrograms(
        root.extVolumes, joinsUsers: options.usesUserNamespace, isFakeRoot: options.isFakeRoot)
    } else {
      programs = nil
    }
  }

  /// Gives up this process's ends of all sockets.
  func letGo() {
    for server in servers.values { server.letGo() }
    programs?.letGo()
  }

  /// Waits until the servers run, or have ended because they had nothing to serve.
  func settle() {
    for server in servers.values { server.settle() }
    programs?.letGo()
  }

  /// Copies the directories of the host, in the container's mount namespace, before any of them is covered.
  func copyTrees() throws(RuntimeError) {
    for (index, layer) in root.all.enumerated() {
      guard case .directory(let directory) = layer else { continue }
      var flags = flags
      if case .base = root.writes, index == 0 {} else { flags.insert(.readOnly) }
      trees[index] = try directory.tree(flags)
    }
    try programs?.enter()
  }

  /// Mounts a layer of ``ContainerRoot/all``.
  func mount(_ index: Int, on target: FilePath) throws {
    switch root.all[index] {
    case .squashfs(let volume):
      if usesKernel, !volume.needsFuse {
        do { return try KernelMount.mount(volume, on: target, flags).keep() } catch {
          onNote("the kernel cannot mount it (\(error)): mounting through FUSE")
        }
      }
      try servers[index]?.serve(try FuseMount.mount(image, on: target, flags))
    case .directory:
      try translating { () throws(SystemError) in try trees[index]?.attach(to: target) }
    case .ext(let volume):
      guard let programs else { throw FileSystemProgram.isMissing("fuse2fs") }
      let number = root.all[..<index].count { if case .ext = $0 { true } else { false } }
      let mount: OwnedDescriptor
      do { mount = try programs.mount(number) } catch {
        throw RuntimeError(
          error.code, "\(volume.storage.path.string): \(error.message)", system: error.system,
          lacking: error.lacking)
      }
      var flags = flags
      if !volume.isWritable { flags.insert(.readOnly) }
      try Self.attach(mount, flags, to: target)
    }
  }

  /// Merges layers with `fuse-overlayfs`, if it is there.
  ///
  /// - Parameters:
  ///   - lowers: the directories, the topmost first.
  ///   - upper: the directory with `upper` and `work`.
  func merge(_ lowers: [FilePath], upper: FilePath?, on target: FilePath) throws(RuntimeError) {
    guard let programs, FuseMount.find("fuse-overlayfs") != nil else {
      throw FileSystemProgram.isMissing("fuse-overlayfs")
    }
    let mount: OwnedDescriptor
    do { mount = try programs.merge(lowers, upper: upper) } catch {
      guard isFakeRoot, case .ext = root.writes else { throw error }
      throw RuntimeError(error.code, error.message, system: error.system, lacking: .overlayOfRoot)
    }
    var flags = flags
    if upper == nil { flags.insert(.readOnly) }
    try Self.attach(mount, flags, to: target)
  }

  private static func attach(
    _ mount: borrowing OwnedDescriptor, _ flags: MountFlags, to target: FilePath
  ) throws(RuntimeError) {
    do throws(SystemError) {
      try Mounting.restrict(mount, flags)
      try Mounting.attach(mount, to: target)
    } catch { throw RuntimeError(error) }
  }
}
