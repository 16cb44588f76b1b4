import CLinux
import Glibc
import LinuxSystem
import SystemPackage

/// The terminal of the caller's standard streams, by its name on the host.
struct CallersTerminal: Sendable {
  let path: FilePath

  /// Nil if no standard stream is a terminal, or this mount namespace has no name for it.
  init?() {
    for stream in [STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO] where isatty(stream) == 1 {
      var name = [CChar](repeating: 0, count: Int(PATH_MAX) + 1)
      guard readlink("/proc/self/fd/\(stream)", &name, Int(PATH_MAX)) > 0 else { continue }
      let path = FilePath(platformString: name)
      var (open, named) = (stat(), stat())
      guard fstat(stream, &open) == 0, path.withPlatformString({ lstat($0, &named) }) == 0,
        open.st_dev == named.st_dev, open.st_ino == named.st_ino, open.st_rdev == named.st_rdev
      else { continue }
      self.path = path
      return
    }
    return nil
  }
}

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
  ///
  /// - Parameters:
  ///   - terminal: shown as `console`, a name that programs can find it by.
  ///   - hasTerminals: whether programs can make terminals.
  static func make(
    in directory: borrowing OwnedDescriptor, terminal: CallersTerminal?, hasTerminals: Bool
  ) throws(SystemError) {
    // This process still has the host's root, so /dev is the host's.
    var devices = names.map { (name: $0, source: FilePath("/dev/\($0)")) }
    if let terminal { devices.append(("console", terminal.path)) }
    for (name, path) in devices {
      let bytes = Array(name.utf8)
      guard let source = try? OwnedDescriptor.naming(path) else { continue }
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
    if hasTerminals {
      let terminals = try directory.openDirectory(Array("pts".utf8))
      try Mounting.mount(
        "devpts", "devpts", on: terminals.pathOfDescriptor, .noSetID,
        data: "newinstance,mode=620,ptmxmode=666")
    }
    let memory = try directory.openDirectory(Array("shm".utf8))
    try Mounting.mount(
      "tmpfs", "shm", on: memory.pathOfDescriptor, [.noSetID, .noDevices], data: "mode=1777")
  }
}
