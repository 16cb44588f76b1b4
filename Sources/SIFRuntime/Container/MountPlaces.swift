import CLinux
import Glibc
import LinuxSystem
import SystemPackage

/// What the image has at the place of a mount, with its links resolved.
struct ImagePlace {
  /// The longest part of the path that the image has.
  let existing: [FilePath.Component]
  /// The rest of the path.
  let missing: [FilePath.Component]
  /// Whether the last existing part is a directory.
  let isDirectory: Bool

  /// The whole path.
  var path: FilePath { FilePath(root: "/", existing + missing) }
  /// The part that the image has.
  var found: FilePath { FilePath(root: "/", existing) }

  /// Looks a mount's target up. All links are followed inside the image, but not the last one of a file: a file
  /// takes the place of the link, since the image knows the file that the link leads to by other names, too.
  ///
  /// - Parameters:
  ///   - top: the image's root directory.
  ///   - root: its path.
  init(
    of mount: PlannedMount, in top: borrowing OwnedDescriptor, at root: FilePath
  ) throws(RuntimeError) {
    let parts = Array(mount.target.components)
    let directories = mount.isDirectory ? parts : parts.dropLast()
    var count = directories.count
    while count > 0 {
      guard let there = try? top.openInRoot(FilePath(root: "/", parts[..<count]), flags: linux_o_path),
        let status = try? there.status()
      else {
        count -= 1
        continue
      }
      let current = try translating(try there.currentPath())
      let resolved = Array(current.components.dropFirst(root.components.count))
      let isDirectory = status.st_mode & S_IFMT == S_IFDIR
      self = Self(resolved, parts[count...], isDirectory, ofFile: !mount.isDirectory, there)
      return
    }
    self = Self([], parts[...], true, ofFile: !mount.isDirectory, top)
  }

  private init(
    _ existing: [FilePath.Component], _ missing: ArraySlice<FilePath.Component>, _ isDirectory: Bool,
    ofFile isFile: Bool, _ directory: borrowing OwnedDescriptor
  ) {
    if isFile, isDirectory, missing.count == 1, let name = missing.first,
      let found = try? directory.status(of: FilePath(root: nil, [name]).bytes),
      found.st_mode & S_IFMT != S_IFLNK
    {
      self.existing = existing + missing
      self.missing = []
      self.isDirectory = found.st_mode & S_IFMT == S_IFDIR
    } else {
      self.existing = existing
      self.missing = Array(missing)
      self.isDirectory = isDirectory
    }
  }
}

/// A mount of the plan, with its place.
struct PlacedMount {
  let planned: PlannedMount
  /// Its place in the container, with the image's links resolved.
  let path: FilePath
  /// What the image has there; nil if another mount covers the target.
  let place: ImagePlace?
  /// What the link leads to that the place becomes; nil if something is mounted there.
  var link: FilePath?
}

/// The places of a plan's mounts: which ones are left out, and in which order the others are laid.
enum MountPlaces {
  /// Finds the places. Of the defaults, one is left out that would lie in the same place as an earlier one, or that a
  /// requested mount covers; what belongs to the caller is never laid over the image's own programs.
  ///
  /// - Parameter resolve: looks a target up in the image.
  /// - Returns: the mounts in the order in which to lay them: what lies in another one comes after it.
  static func settle(
    _ mounts: [PlannedMount], _ note: (String) -> Void,
    _ resolve: (PlannedMount) throws(RuntimeError) -> ImagePlace
  ) throws(RuntimeError) -> [PlacedMount] {
    // There may be thousands, so that none is compared with all others.
    var placed: [PlacedMount?] = []
    // By the target: the directory's place.
    var directories: [FilePath: PlacedMount] = [:]
    // By the place: those that were requested, and whether there is a default.
    var requested: [FilePath: Int] = [:]
    var defaults: Set<FilePath> = []
    for mount in sorted(mounts, by: { $0.target }) {
      let one: PlacedMount
      if let above = mount.target.ancestors.lazy.compactMap({ directories[$0] }).first {
        let rest = mount.target.components.dropFirst(above.planned.target.components.count)
        one = PlacedMount(planned: mount, path: above.path.appending(rest), place: nil)
      } else {
        let place = try resolve(mount)
        one = PlacedMount(planned: mount, path: place.path, place: place)
      }
      if one.path == "/" {
        guard mount.isOptional else { throw RuntimeError(.invalidArgument, isRoot(mount.target)) }
        if mount.purpose != .ofCaller { note(isRoot(mount.target)) }
        continue
      }
      switch mount.purpose {
      case .requested:
        if let other = requested.updateValue(placed.count, forKey: one.path) { placed[other] = nil }
      case .kernel: defaults.insert(one.path)
      case .ofCaller where ImagePrograms.contain(one.path): continue
      case .own, .usual, .ofCaller, .driver:
        guard defaults.insert(one.path).inserted else { continue }
      }
      if mount.isDirectory { directories[mount.target] = one }
      placed.append(one)
    }
    let left = placed.compactMap { $0 }.filter { one in
      one.planned.purpose == .requested
        || requested[one.path] == nil && !one.path.ancestors.contains { requested[$0] != nil }
    }
    return sorted(left) { $0.path }
  }

  /// Sorts by depth. Mounts of the same depth keep their order.
  private static func sorted<Element>(_ list: [Element], by path: (Element) -> FilePath) -> [Element] {
    let depths = list.map { path($0).components.count }
    return list.indices.sorted { (depths[$0], $0) < (depths[$1], $1) }.map { list[$0] }
  }

  /// Has links lead to what other mounts show, where the image lets both have their places.
  static func makeLinks(_ all: inout [PlacedMount]) {
    let covers = Covers(all)
    for index in all.indices {
      guard case .link(let target, _) = all[index].planned.content, !covers.cover(all[index]),
        let place = all[index].place, place.missing.isEmpty != place.isDirectory,
        let shown = all.first(where: { $0.planned.target == target.removingLastComponent() }),
        shown.place?.isDirectory ?? true
      else { continue }
      all[index].link = target
    }
  }

  /// The directories among mounts, which cover the places beneath them.
  struct Covers {
    private let directories: Set<FilePath>

    init(_ all: [PlacedMount]) { directories = Set(all.filter(\.planned.isDirectory).map(\.path)) }

    /// Whether another mount covers the place, so that the image does not need to have it.
    func cover(_ mount: PlacedMount) -> Bool {
      mount.place == nil || mount.path.ancestors.contains { directories.contains($0) }
    }
  }

  /// The reason for leaving out a mount that would hide the whole image.
  static func isRoot(_ target: FilePath) -> String {
    "\(target.string) is the container's root, by a link of the image: nothing is mounted over it"
  }
}

extension FilePath {
  /// The directories above an absolute path, the nearest first.
  fileprivate var ancestors: [FilePath] {
    var all: [FilePath] = []
    var path = self
    while path.removeLastComponent() { all.append(path) }
    return all
  }
}

/// The places of an image's programs, libraries and settings: without them the image is not itself any more.
enum ImagePrograms {
  private static let systems = ["etc", "boot", "proc", "sys", "dev", ".singularity.d"]
  private static let kinds = ["bin", "sbin", "libexec", "share", "include", "etc", "games"]
  /// Directories that are no place for files of the caller, but have such places in them.
  private static let parents = ["mnt", "opt", "run", "srv", "usr", "var"]

  /// Whether programs are in a directory, or the directory is among them.
  static func contain(_ path: FilePath) -> Bool {
    let parts = path.components.map(\.string)
    guard let first = parts.first else { return true }
    if parts.count == 1, parents.contains(first) { return true }
    guard first == "usr" else { return systems.contains(first) || isKind(first) }
    // Local sources and data may be the caller's.
    switch parts[1] {
    case "local": return parts.count == 2 || isKind(parts[2])
    case "src": return parts.count == 2
    default: return true
    }
  }

  private static func isKind(_ name: String) -> Bool { kinds.contains(name) || name.hasPrefix("lib") }
}
