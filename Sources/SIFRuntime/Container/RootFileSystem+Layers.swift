import CLinux
import Glibc
import LinuxSystem
import SystemPackage

/// The layers of a root: what is mounted for each, and how they become one file system.
extension RootFileSystem {
  private var flags: MountFlags { layers.flags }
  private var overlayPlace: FilePath { stage.appending("overlay") }

  /// Whether the image itself can be written. Then no places are made in it.
  var isBaseWritten: Bool { if case .base = parts.writes { true } else { false } }

  /// Whether places can be links: only if no file that was written earlier can lie over them.
  var canHaveLinks: Bool {
    switch parts.writes {
    case .none, .memory: true
    case .directory, .ext, .base: false
    }
  }

  /// Mounts the images whose files are bound, and plans the binds.
  func addImages(to plan: inout MountPlan) throws {
    let first = parts.all.count - parts.bound.count
    for (index, bound) in parts.bound.enumerated() {
      let place = stage.appending("bound-\(index)")
      try make(place)
      try layers.mount(first + index, on: place)
      let top = try translating(try OwnedDescriptor.naming(place))
      for bind in options.binds where bind.image == bound.name {
        guard let part = bind.part else { continue }
        do throws(SystemError) {
          let file = try top.openInRoot(part.path, flags: linux_o_path)
          plan.add(image: try .init(of: file, [.noSetID, .noDevices, .readOnly]), at: bind.target)
        } catch {
          throw RuntimeError(
            .invalidArgument,
            "cannot bind \(part.path.string) of \(bind.source.string): \(error.errno.description)",
            system: error)
        }
      }
    }
  }

  /// Mounts the image and the layers over it. ``image`` shows all of them together.
  ///
  /// - Returns: the directories to merge with others, the topmost first.
  func mountLayers() throws -> [FilePath] {
    guard !parts.layers.isEmpty else {
      try layers.mount(0, on: image)
      return [image]
    }
    var lowers: [FilePath] = []
    var hasMarks = false
    for index in 0...parts.layers.count {
      let place = stage.appending("layer-\(index)")
      try make(place)
      if index > 0, case .ext(let volume) = parts.layers[index - 1] {
        try mountUpper(index, of: volume, on: place)
        hasMarks = try hasMarks || translating(try LayerMarks.mayBe(in: place))
      } else {
        try layers.mount(index, on: place)
      }
      lowers.insert(place, at: 0)
    }
    if hasMarks, FuseMount.find("fuse-overlayfs") != nil {
      try layers.merge(lowers, upper: nil, on: image)
      return [image]
    }
    if hasMarks {
      options.onNote(
        "the program fuse-overlayfs is not installed (package fuse-overlayfs): what was removed in an ext3 overlay may "
          + "be there again")
    }
    do { try kernelOverlay(lowers, upper: nil, on: image) } catch {
      try mergeInstead(of: error, lowers, upper: nil, on: image)
      return [image]
    }
    return lowers
  }

  /// Mounts the directory `upper` of a file system. A link in its place is not followed.
  private func mountUpper(_ index: Int, of volume: ExtVolume, on target: FilePath) throws {
    let whole = stage.appending("whole-\(index)")
    try make(whole)
    try layers.mount(index, on: whole)
    do throws(SystemError) {
      let upper = try OwnedDescriptor(opening: whole, flags: O_RDONLY | O_DIRECTORY).openDirectory(
        Array("upper".utf8))
      try Mounting.attach(try Mounting.copy(of: upper.pathOfDescriptor), to: target)
    } catch { throw Self.cannotUse(volume.storage.path, part: "its directory upper", error) }
  }

  /// Makes the root: the image alone, an overlay of the image and the rest, or an underlay.
  func merge(_ lowers: [FilePath], _ hasSkeleton: Bool, _ top: stat) throws(RuntimeError) -> FilePath {
    let hasSkeleton = hasSkeleton || parts.needsOwnRoot
    if !parts.writes.isLayer, hasSkeleton, options.usesUnderlay { return try underlay() }
    let lowers = hasSkeleton ? [skeleton] + lowers : lowers
    switch parts.writes {
    case .base: return image
    case .none:
      guard hasSkeleton else { return image }
      // An overlay needs two lower layers or an upper one.
      do throws(SystemError) { try kernelOverlay(lowers, upper: nil, on: merged) } catch {
        return try underlay()
      }
    case .memory, .directory:
      if case .memory = parts.writes { try make(overlayPlace) }
      let upper = try makeUpper(top)
      do throws(SystemError) { try kernelOverlay(lowers, upper: upper, on: merged) } catch {
        try mergeInstead(of: error, lowers, upper: overlayPlace, on: merged)
      }
    case .ext:
      try make(overlayPlace)
      do { try layers.mount(parts.layers.count + 1, on: overlayPlace) } catch {
        throw RuntimeError(any: error)
      }
      let upper = try makeUpper(top)
      // fuse-overlayfs empties this directory, so it must not be a link.
      if let status = try translating(try upper.work.status(of: Array("work".utf8))),
        status.st_mode & S_IFMT != S_IFDIR
      {
        throw Self.cannotUse(
          parts.nameOfOverlay ?? "", part: "its work/work",
          SystemError(errno: .notDirectory, operation: "open"))
      }
      // The kernel's overlay does not write to FUSE.
      try layers.merge(lowers, upper: overlayPlace, on: merged)
    }
    return merged
  }

  /// The directories that the kernel writes to, open, so that no link leads it elsewhere.
  private final class Upper {
    let upper: OwnedDescriptor
    let work: OwnedDescriptor

    init(_ place: borrowing OwnedDescriptor) throws(SystemError) {
      upper = try place.openDirectory(Array("upper".utf8))
      work = try place.openDirectory(Array("work".utf8))
    }
  }

  private func kernelOverlay(
    _ lowers: [FilePath], upper: Upper?, on target: FilePath
  ) throws(SystemError) {
    var data = "lowerdir=\(lowers.map(\.string).joined(separator: ":"))"
    var flags = flags
    if let directories = upper {
      data += ",upperdir=\(directories.upper.pathOfDescriptor),workdir=\(directories.work.pathOfDescriptor)"
    } else {
      flags.insert(.readOnly)
    }
    if options.usesUserNamespace { data += ",userxattr" }
    try Mounting.mount("overlay", "siftool", on: target, flags, data: data)
  }

  /// Has `fuse-overlayfs` do what the kernel's overlay could not.
  private func mergeInstead(
    of failure: any Error, _ lowers: [FilePath], upper: FilePath?, on target: FilePath
  ) throws(RuntimeError) {
    let system = failure as? SystemError
    let reason = system?.errno.description ?? "\(failure)"
    do throws(RuntimeError) {
      // A directory that others can change is not for a program of root's, which follows links in it.
      guard upper == nil || options.usesUserNamespace else {
        throw FileSystemProgram.isMissing("fuse-overlayfs")
      }
      try layers.merge(lowers, upper: upper, on: target)
      options.onNote("the kernel makes no overlay here (\(reason)): fuse-overlayfs makes it")
    } catch {
      let why = error.lacking == .fileSystemProgram ? "" : ", and \(error.message)"
      throw RuntimeError(
        .unavailable, "the kernel makes no overlay here (\(reason))\(why)", system: system, lacking: .overlay)
    }
  }

  /// Combines the places and the image without an overlay.
  private func underlay() throws(RuntimeError) -> FilePath {
    do { try Underlay.make(of: image, with: skeleton, on: merged) } catch {
      throw RuntimeError(
        .unavailable,
        "cannot make the mount points that the image lacks by binding what is around them: \(error.description)",
        system: error)
    }
    return merged
  }

  /// Makes the directories of a writable layer. The upper one becomes the container's root.
  private func makeUpper(_ top: stat) throws(RuntimeError) -> Upper {
    do throws(SystemError) {
      let place = try OwnedDescriptor(opening: overlayPlace, flags: O_RDONLY | O_DIRECTORY)
      for (name, mode) in [("upper", top.st_mode & 0o7777), ("work", 0o755)] {
        do { try place.makeDirectory(Array(name.utf8), mode: mode) } catch  where error.errno == .fileExists {
        }
      }
      return try Upper(place)
    } catch {
      guard let name = parts.nameOfOverlay else { throw RuntimeError(error) }
      throw Self.cannotUse(name, error)
    }
  }

  /// Binds the directory of `--overlay` to its place.
  func place(overlay directory: PlannedMount.HostTree, of path: FilePath) throws(RuntimeError) {
    try make(overlayPlace)
    do { try directory.attach(to: overlayPlace) } catch { throw Self.cannotUse(path, error) }
  }

  /// Names the path that the user knows, not the directory's path in here.
  static func cannotUse(_ path: FilePath, part: String? = nil, _ error: SystemError) -> RuntimeError {
    RuntimeError(
      .system,
      "\(path.string) cannot be used as an overlay: \(part.map { "\($0): " } ?? "")\(error.errno.description)",
      system: error)
  }
}

extension ContainerRoot {
  /// The path of the layer that takes the writes, as the user knows it.
  fileprivate var nameOfOverlay: FilePath? {
    switch writes {
    case .directory(let path): path
    case .ext(let volume): volume.storage.path
    case .none, .memory, .base: nil
    }
  }
}
