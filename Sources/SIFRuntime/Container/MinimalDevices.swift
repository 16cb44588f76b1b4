import CLinux
import Glibc
import LinuxSystem
import SystemPackage

/// The devices that every program needs, and the container's own terminals and shared memory.
enum MinimalDevices {
  /// The devices that are bound from the host.
  private static let names = ["null", "zero", "full", "random", "urandom", "tty"]
  private static let links = [
    ("fd", "/proc/self/fd"), ("stdin", "/proc/self/fd/0"), ("stdout", "/proc/self/fd/1"),
    ("stderr", "/proc/self/fd/2"), ("ptmx", "pts/ptmx"),
  ]

  /// Adds a device, or a directory of devices.
  ///
  /// - Parameters:
  ///   - path: its place in the container, below `/dev`.
  ///   - directory: the container's `/dev`.
  static func add(
    _ tree: PlannedMount.HostTree, at path: FilePath, in directory: borrowing OwnedDescriptor
  ) throws(SystemError) {
    let names = path.components.dropFirst().map { FilePath(root: nil, [$0]).bytes }
    guard let last = names.last else { return }
    var current = try directory.openBeneath([0x2E], flags: O_RDONLY | O_DIRECTORY)
    for name in names.dropLast() {
      if try current.status(of: name) == nil { try current.makeDirectory(name, mode: 0o755) }
      current = try current.openDirectory(name)
    }
    // A place of one of the devices that every program needs stays as it is.
    guard try current.status(of: last) == nil else { return }
    let place: OwnedDescriptor
    if tree.isDirectory {
      try current.makeDirectory(last, mode: 0o755)
      place = try current.openDirectory(last)
    } else {
      place = try current.openBeneath(last, flags: O_WRONLY | O_CREAT | O_EXCL, mode: 0o666)
    }
    try tree.attach(to: place.pathOfDescriptor)
  }

  /// Fills an empty directory.
  static func make(in directory: borrowing OwnedDescriptor) throws(SystemError) {
    for name in names {
      let bytes = Array(name.utf8)
      // This process still has the host's root, so /dev is the host's.
      guard let source = try? OwnedDescriptor.naming(FilePath("/dev/\(name)")) else { continue }
      let place = try directory.openBeneath(bytes, flags: O_WRONLY | O_CREAT | O_EXCL, mode: 0o666)
      // A read-only bind of a device can still be written to. It keeps root, who owns the device, from
      // changing its permissions.
      let copy = try Mounting.copy(of: source.pathOfDescriptor)
      try Mounting.restrict(copy, [.readOnly, .noSetID])
      try Mounting.attach(copy, to: place.pathOfDescriptor)
    }
    for (name, target) in links {
      try directory.makeSymlink(Array(name.utf8), target: Array(target.utf8))
    }
    for name in ["pts", "shm"] { try directory.makeDirectory(Array(name.utf8), mode: 0o755) }
    let terminals = try directory.openDirectory(Array("pts".utf8))
    try Mounting.mount(
      "devpts", "devpts", on: terminals.pathOfDescriptor, .noSetID,
      data: "newinstance,mode=620,ptmxmode=666")
    let memory = try directory.openDirectory(Array("shm".utf8))
    try Mounting.mount(
      "tmpfs", "shm", on: memory.pathOfDescriptor, [.noSetID, .noDevices], data: "mode=1777")
  }
}
