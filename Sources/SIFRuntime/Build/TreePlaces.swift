import CLinux
import Glibc
import LinuxSystem
import SystemPackage

/// Places for mounts that a tree lacks. They are made in the tree for one step, and leave no trace in it.
final class TreePlaces {
  private final class Place {
    let parent: OwnedDescriptor
    let name: [UInt8]
    let isDirectory: Bool
    let identity: (dev_t, ino_t)
    /// The parent's time of change before, and with the place.
    let before: timespec
    let after: timespec

    init(
      _ parent: consuming OwnedDescriptor, _ name: [UInt8], _ isDirectory: Bool, _ identity: (dev_t, ino_t),
      _ before: timespec, _ after: timespec
    ) {
      self.parent = parent
      self.name = name
      self.isDirectory = isDirectory
      self.identity = identity
      self.before = before
      self.after = after
    }
  }

  private let root: OwnedDescriptor
  private var places: [Place] = []

  init(_ root: FilePath) throws(RuntimeError) {
    self.root = try translating(try OwnedDescriptor(opening: root, flags: O_RDONLY | O_DIRECTORY))
  }

  /// Whether the tree has a directory, links followed.
  func hasDirectory(_ path: FilePath) -> Bool {
    (try? root.openInRoot(path, flags: linux_o_path | O_DIRECTORY)) != nil
  }

  /// The path without links of a regular file of the tree; nil if there is none.
  func file(_ path: FilePath, of tree: FilePath) -> FilePath? {
    guard let found = try? root.openInRoot(path, flags: linux_o_path), let status = try? found.status(),
      status.st_mode & S_IFMT == S_IFREG, let current = try? found.currentPath(),
      let top = try? root.currentPath(), current.components.count > top.components.count
    else { return nil }
    return FilePath(root: "/", current.components.dropFirst(top.components.count))
  }

  /// Makes sure that something is there.
  func provide(_ path: FilePath, isDirectory: Bool) throws(RuntimeError) {
    try translating { () throws(SystemError) in
      let parts = Array(path.lexicallyNormalized().components)
      for index in parts.indices {
        let here = FilePath(root: "/", parts[...index])
        do throws(SystemError) {
          _ = try root.openInRoot(here, flags: linux_o_path)
          continue
        } catch {
          guard error.errno == .noSuchFileOrDirectory else { throw error }
        }
        let parent = try root.openInRoot(
          FilePath(root: "/", parts[..<index]), flags: O_RDONLY | O_DIRECTORY)
        let name = FilePath(root: nil, [parts[index]]).bytes
        let before = try parent.status().st_mtim
        let makesDirectory = isDirectory || index < parts.count - 1
        if makesDirectory {
          try parent.makeDirectory(name, mode: 0o755)
        } else {
          try parent.makeNode(name, mode: S_IFREG | 0o644, device: 0)
        }
        guard let status = try parent.status(of: name) else { continue }
        let after = try parent.status().st_mtim
        places.append(
          Place(parent, name, makesDirectory, (status.st_dev, status.st_ino), before, after))
      }
    }
  }

  /// Removes what was made, unless the step has put something into it.
  func remove() {
    for place in places.reversed() {
      guard let status = try? place.parent.status(of: place.name),
        place.identity == (status.st_dev, status.st_ino), place.isDirectory || status.st_size == 0
      else { continue }
      let isUnchanged = (try? place.parent.status().st_mtim).map { $0.isSame(place.after) } ?? false
      guard (try? place.parent.remove(place.name, isDirectory: place.isDirectory)) != nil, isUnchanged
      else { continue }
      let times = [timespec(tv_sec: 0, tv_nsec: 0x3fff_fffe), place.before]
      _ = futimens(place.parent.rawValue, times)
    }
    places = []
  }
}

extension timespec {
  fileprivate func isSame(_ other: timespec) -> Bool { tv_sec == other.tv_sec && tv_nsec == other.tv_nsec }
}
