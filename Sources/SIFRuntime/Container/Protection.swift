import CLinux
import Glibc
import LinuxSystem
import SystemPackage

/// The file of the image, which the program must not change while it runs from it.
struct OpenImage {
  /// Where the host shows it: in several places, where its file system is mounted several times.
  private let paths: [FilePath]
  private let status: stat

  init(_ volume: ImageVolume, _ path: FilePath) throws(RuntimeError) {
    let resolved = try? ImageMounts.resolve(path)
    paths = try translating { () throws(SystemError) in
      guard let resolved else { return [] }
      return try MountTable.aliases(of: resolved)
    }
    status = try translating { () throws(SystemError) in
      try volume.storage.withDescriptor { (file) throws(SystemError) in try file.status() }
    }
  }

  /// Lays the file over itself, read-only, wherever the directories of the host that the container sees show it.
  func protect(_ mounts: [PlannedMount], beneath root: borrowing OwnedDescriptor) throws(SystemError) {
    guard status.st_mode & S_IFMT == S_IFREG else { return }
    for mount in mounts {
      guard case .bind(let tree) = mount.content, let source = tree.path else { continue }
      for path in paths where path.isBeneath(source) {
        let place = mount.target.appending(path.components.dropFirst(source.components.count))
        try protect(place, beneath: root)
      }
    }
  }

  /// Lays the file over itself at a place, where it is what is there: something else may lie on top by now.
  private func protect(_ place: FilePath, beneath root: borrowing OwnedDescriptor) throws(SystemError) {
    guard let file = try? root.openInRoot(place, flags: linux_o_path), let found = try? file.status(),
      found.st_dev == status.st_dev, found.st_ino == status.st_ino
    else { return }
    try RootFileSystem.protect(file)
  }
}

extension RootFileSystem {
  /// What tells root about the machine, without any capability: the kernel's memory and keys, what is running when,
  /// what the firmware holds, and how much power is drawn, from which keys can be told.
  private static let secrets: [FilePath] = [
    "/proc/kcore", "/proc/keys", "/proc/latency_stats", "/proc/sched_debug", "/proc/timer_list",
    "/proc/timer_stats",
    "/sys/devices/virtual/powercap", "/sys/firmware",
  ]

  /// Protects the machine from a program of root, who may write settings of the kernel as the owner, which takes no
  /// capability; some of them name programs that the kernel then starts with all of them.
  ///
  /// - Parameter target: where a mount was laid last: /proc and /sys are looked at.
  func protectMachine(at target: FilePath, beneath root: borrowing OwnedDescriptor) throws(SystemError) {
    if target == "/proc" { try Self.protectSettings(beneath: root) }
    guard target == "/proc" || target == "/sys" else { return }
    for path in Self.secrets where path.isBeneath(target) {
      guard let place = try? root.openInRoot(path, flags: linux_o_path) else { continue }
      let isDirectory = try place.status().st_mode & S_IFMT == S_IFDIR
      try Self.attach(isDirectory ? emptyDirectory : emptyFile, to: place)
    }
  }

  /// Lays what of /proc is about the machine over itself, read-only: every directory, and every file that somebody can
  /// write, but those of processes.
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

  /// Lays a file or directory over itself, read-only.
  static func protect(_ place: borrowing OwnedDescriptor) throws(SystemError) {
    try attach(place.pathOfDescriptor, to: place)
  }
}
