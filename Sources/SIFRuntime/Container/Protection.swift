import CLinux
import Glibc
import LinuxSystem
import SystemPackage

/// The file of the image, which the program must not change while it runs from it.
struct OpenImage {
  private let path: FilePath?
  private let status: stat

  init(_ volume: ImageVolume, _ path: FilePath) throws(RuntimeError) {
    self.path = try? ImageMounts.resolve(path)
    status = try translating { () throws(SystemError) in
      try volume.storage.withDescriptor { (file) throws(SystemError) in try file.status() }
    }
  }

  /// Lays the file over itself, read-only, wherever the directories of the host that the container sees show it.
  func protect(_ mounts: [PlannedMount], beneath root: borrowing OwnedDescriptor) throws(SystemError) {
    guard let path, status.st_mode & S_IFMT == S_IFREG else { return }
    for mount in mounts {
      guard case .bind(let tree, _, _) = mount.content, let source = tree.path, path.isBeneath(source) else {
        continue
      }
      var place = mount.target
      for part in path.components.dropFirst(source.components.count) { place.append(part) }
      // Something else may lie on top there by now.
      guard let file = try? root.openInRoot(place, flags: linux_o_path), let found = try? file.status(),
        found.st_dev == status.st_dev, found.st_ino == status.st_ino
      else { continue }
      try RootFileSystem.protect(file)
    }
  }
}

extension RootFileSystem {
  /// Settings of the kernel and the machine. Root may write them as the owner, which takes no capability, and some of
  /// them name programs that the kernel then starts with all of them.
  private static let settings = ["sys", "sysrq-trigger", "irq", "bus", "fs", "acpi", "scsi"]

  /// Lays what of /proc changes the machine over itself, read-only.
  static func protectSettings(beneath root: borrowing OwnedDescriptor) throws(SystemError) {
    for name in settings {
      guard let place = try? root.openInRoot(FilePath("/proc/\(name)"), flags: linux_o_path) else { continue }
      try protect(place)
    }
  }

  /// Lays a file or directory over itself, read-only.
  static func protect(_ place: borrowing OwnedDescriptor) throws(SystemError) {
    let copy = try Mounting.copy(of: place.pathOfDescriptor)
    try Mounting.restrict(copy, .readOnly)
    try Mounting.attach(copy, to: place.pathOfDescriptor)
  }
}
