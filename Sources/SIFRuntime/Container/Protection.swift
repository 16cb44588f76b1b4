import CLinux
import Glibc
import LinuxSystem
import SIF
import SystemPackage

/// A file that the container's root is made of, which the program must not change while it runs from it.
struct OpenImage {
  /// Its paths on the host: several, if its file system is mounted more than once.
  private let paths: [FilePath]
  private let status: stat

  init(_ storage: FileStorage, _ path: FilePath) throws(RuntimeError) {
    let resolved = try? ImageMounts.resolve(path)
    paths = try translating { () throws(SystemError) in
      guard let resolved else { return [] }
      return try MountTable.aliases(of: resolved)
    }
    status = try translating { () throws(SystemError) in
      try storage.withDescriptor { (file) throws(SystemError) in try file.status() }
    }
  }

  /// Binds the file over itself, read-only, wherever the container sees it through a directory of the host.
  func protect(_ mounts: [PlacedMount], beneath root: borrowing OwnedDescriptor) throws(SystemError) {
    guard status.st_mode & S_IFMT == S_IFREG else { return }
    for mount in mounts {
      guard let source = mount.planned.shownTree?.path else { continue }
      for path in paths where path.isBeneath(source) {
        let place = mount.path.appending(path.components.dropFirst(source.components.count))
        try protect(place, beneath: root)
      }
    }
  }

  /// Binds the file over itself at a place, if it is visible there: another mount may cover it by now.
  private func protect(_ place: FilePath, beneath root: borrowing OwnedDescriptor) throws(SystemError) {
    guard let file = try? root.openInRoot(place, flags: linux_o_path), let found = try? file.status(),
      found.st_dev == status.st_dev, found.st_ino == status.st_ino
    else { return }
    try RootFileSystem.protect(file)
  }
}

extension RootFileSystem {
  /// Files that tell root secrets of the machine without any capability: the kernel's memory and keys, timers
  /// and schedules, the contents of the firmware, and the power consumption, from which keys can be derived.
  private static let secrets: [FilePath] = [
    "/proc/kcore", "/proc/keys", "/proc/latency_stats", "/proc/sched_debug", "/proc/timer_list",
    "/proc/timer_stats",
    "/sys/devices/virtual/powercap", "/sys/firmware",
  ]

  /// Protects the machine from a program that runs as root. Root owns the kernel's settings and can write them
  /// without a capability, and some of them name programs that the kernel then starts with all capabilities.
  ///
  /// - Parameter target: the place of the last mount; only /proc and /sys need protection.
  func protectMachine(at target: FilePath, beneath root: borrowing OwnedDescriptor) throws(SystemError) {
    if target == "/proc" { try Self.protectSettings(beneath: root) }
    guard target == "/proc" || target == "/sys" else { return }
    for path in Self.secrets where path.isBeneath(target) {
      guard let place = try? root.openInRoot(path, flags: linux_o_path) else { continue }
      let isDirectory = try place.status().st_mode & S_IFMT == S_IFDIR
      try Self.attach(isDirectory ? emptyDirectory : emptyFile, to: place)
    }
  }

  /// Binds the parts of /proc that are about the machine over themselves, read-only: every directory and
  /// every writable file, except those of processes.
  private static func protectSettings(beneath root: borrowing OwnedDescriptor) throws(SystemError) {
    let all = try root.openInRoot("/proc", flags: O_RDONLY | O_DIRECTORY)
    for name in try all.names() where !name.allSatisfy({ (0x30...0x39).contains($0) }) {
      guard let status = try all.status(of: name) else { continue }
      let isSetting = status.st_mode & S_IFMT == S_IFREG && status.st_mode & 0o222 != 0
      guard isSetting || status.st_mode & S_IFMT == S_IFDIR,
        let place = try? all.openBeneath(name, flags: linux_o_path)
      else { continue }
      try protect(place)
    }
  }

  /// Shows a file or directory at a place, read-only.
  private static func attach(_ path: FilePath, to place: borrowing OwnedDescriptor) throws(SystemError) {
    let copy = try Mounting.copy(of: path)
    try Mounting.restrict(copy, .readOnly)
    try Mounting.attach(copy, to: place.pathOfDescriptor)
  }

  /// Binds a file or directory over itself, read-only.
  static func protect(_ place: borrowing OwnedDescriptor) throws(SystemError) {
    try attach(place.pathOfDescriptor, to: place)
  }
}
