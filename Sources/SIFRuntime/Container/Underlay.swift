import CLinux
import Glibc
import LinuxSystem
import SystemPackage

/// The image with the places that it lacks, for kernels without overlays. Directories in memory hold the places, and
/// everything else of the image is bound beside them, one by one (spec/runtime.md "The root of a container").
enum Underlay {
  private static let flags: MountFlags = [.noSetID, .noDevices]

  /// Makes the tree.
  ///
  /// - Parameters:
  ///   - image: where the image is mounted.
  ///   - skeleton: the places, in the directories that lead to them.
  ///   - target: an empty directory.
  static func make(of image: FilePath, with skeleton: FilePath, on target: FilePath) throws(SystemError) {
    try Mounting.mount("tmpfs", "siftool", on: target, flags, data: "mode=755,size=64m")
    try fill(try OwnedDescriptor(opening: target, flags: O_RDONLY | O_DIRECTORY), skeleton, image)
    // The binds inside are of the image, which is read-only already.
    try Mounting.makeReadOnly(target, flags)
  }

  /// Fills a directory with the places of a skeleton's directory, and the rest of the image's directory, if
  /// it exists.
  private static func fill(
    _ directory: borrowing OwnedDescriptor, _ skeleton: FilePath, _ image: FilePath?
  ) throws(SystemError) {
    let places = try OwnedDescriptor(opening: skeleton, flags: O_RDONLY | O_DIRECTORY | O_NOFOLLOW)
    let names = try places.names()
    var others = image.flatMap {
      try? OwnedDescriptor(opening: $0, flags: O_RDONLY | O_DIRECTORY | O_NOFOLLOW)
    }
    if let other = others.take() {
      let known = Set(names)
      for name in try other.names() where !known.contains(name) {
        try show(name, of: other, in: directory)
      }
    }
    for name in names {
      guard let status = try places.status(of: name) else { continue }
      if status.st_mode & S_IFMT == S_IFLNK {
        try directory.makeSymlink(name, target: try places.symlinkTarget(of: name))
        continue
      }
      guard status.st_mode & S_IFMT == S_IFDIR else {
        _ = try directory.openBeneath(name, flags: O_WRONLY | O_CREAT | O_EXCL, mode: 0o644)
        continue
      }
      try directory.makeDirectory(name, mode: 0o755)
      let next = try directory.openDirectory(name)
      try fill(next, skeleton.appending(bytes: name), image?.appending(bytes: name))
      // Take over the image's owner, if this namespace has it, and permissions.
      try? next.setOwner(user: status.st_uid, group: status.st_gid)
      try next.setPermissions(status.st_mode & 0o7777)
    }
  }

  /// Shows one entry of the image. Links cannot be bound, so they are created again.
  private static func show(
    _ name: [UInt8], of image: borrowing OwnedDescriptor, in directory: borrowing OwnedDescriptor
  ) throws(SystemError) {
    // Skip a damaged entry that cannot be opened: the rest of the image is still of use.
    guard let original = try? image.openBeneath(name, flags: linux_o_path), let found = try? original.status()
    else { return }
    switch found.st_mode & S_IFMT {
    case S_IFLNK:
      guard let target = try? image.symlinkTarget(of: name) else { return }
      return try directory.makeSymlink(name, target: target)
    case S_IFDIR: try directory.makeDirectory(name, mode: 0o755)
    default: _ = try directory.openBeneath(name, flags: O_WRONLY | O_CREAT | O_EXCL, mode: 0o644)
    }
    let place = try directory.openBeneath(name, flags: linux_o_path)
    try Mounting.attach(try Mounting.copy(of: original.pathOfDescriptor), to: place.pathOfDescriptor)
  }
}

extension FilePath {
  /// A path with one more component, in raw bytes.
  fileprivate func appending(bytes name: [UInt8]) -> FilePath { FilePath(bytes: bytes + [0x2F] + name) }
}
