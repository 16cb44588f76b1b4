import Glibc
import LinuxSystem
import SystemPackage

/// The marks of fuse-overlayfs in a layer that was written: what they remove, the kernel's overlay would show.
enum LayerMarks {
  /// The numbers of files and of nested directories that are looked at. In a larger layer the look would take longer than it
  /// saves.
  private static let (limit, depthLimit) = (1000, 100)

  /// Whether a layer may have such marks; also if it is large.
  static func mayBe(in layer: FilePath) throws(SystemError) -> Bool {
    var left = limit
    let directory = try OwnedDescriptor(opening: layer, flags: O_RDONLY | O_DIRECTORY | O_NOFOLLOW)
    return try mayBe(in: directory, &left, depth: 0)
  }

  private static func mayBe(
    in directory: borrowing OwnedDescriptor, _ left: inout Int, depth: Int
  ) throws(SystemError) -> Bool {
    // An opaque directory hides what lower layers have in it.
    for kind in ["fuseoverlayfs", "overlay"] where directory.hasAttribute(Array("user.\(kind).opaque".utf8)) {
      return true
    }
    let names = try directory.names(limit: left + 1)
    left -= names.count
    guard left >= 0, depth < depthLimit else { return true }
    for name in names {
      // A file that was removed, where no device could be made in its place.
      if name.starts(with: ".wh.".utf8) { return true }
      guard let status = try directory.status(of: name), status.st_mode & S_IFMT == S_IFDIR else { continue }
      if try mayBe(in: directory.openDirectory(name), &left, depth: depth + 1) { return true }
    }
    return false
  }
}
