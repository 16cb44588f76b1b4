import Glibc
import LinuxSystem
import SystemPackage

/// The place for a new control group: the nearest group, from this process's own upwards, that may be divided.
struct ControlGroupPlace: ~Copyable {
  /// The group in which the new one is created.
  let directory: OwnedDescriptor
  /// The sibling group that this process had to move to, since a group with active controllers cannot have
  /// processes of its own.
  let refuge: String?

  /// Finds the place, and enables its controllers there.
  init(for controllers: Set<String>, named name: String) throws(RuntimeError) {
    let (top, path) = try Self.own()
    var parts = Array(path.components)
    let count = parts.count
    // Why each group was unsuitable, the nearest first.
    var reasons: [String] = []
    while true {
      let directory = parts.reduce(into: top) { $0.append($1) }
      do throws(SystemError) {
        let group = try OwnedDescriptor(opening: directory, flags: O_RDONLY | O_DIRECTORY)
        let missing = controllers.subtracting(try Self.words("cgroup.controllers", group))
        if missing.isEmpty {
          if let refuge = try Self.enable(
            controllers, in: group, refuge: parts.count == count ? "\(name)-outside" : nil)
          {
            self.refuge = refuge.isEmpty ? nil : refuge
            self.directory = group
            return
          }
          reasons.append("there are processes in \(directory.string)")
        } else {
          reasons.append(
            "the kernel has no controller \(missing.sorted().joined(separator: ", ")) in \(directory.string)")
        }
      } catch {
        reasons.append(error.description)
      }
      if parts.popLast() == nil { break }
    }
    let reason = reasons.first ?? ""
    guard geteuid() != 0 else { throw RuntimeError(.unavailable, "resource limits cannot be set: \(reason)") }
    throw RuntimeError(
      .unavailable, "resource limits need a control group of your own (\(reason))", lacking: .ownControlGroup)
  }

  /// Finds the mount point of the version 2 hierarchy, and this process's group in it.
  private static func own() throws(RuntimeError) -> (top: FilePath, path: FilePath) {
    let mounts = try translating(try MountTable.read())
      .filter { $0.type == "cgroup2" }
    let standard: FilePath = "/sys/fs/cgroup"
    let text = try translating(
      try OwnedDescriptor(opening: "/proc/self/cgroup", flags: O_RDONLY).readToEnd(limit: 1 << 16))
    let line = text.split(separator: 0x0A).first { $0.starts(with: Array("0::/".utf8)) }
    guard let mount = mounts.last(where: { $0.target == standard }) ?? mounts.last, let line,
      case let path = FilePath(bytes: Array(line.dropFirst(3))), !path.components.contains("..")
    else {
      throw RuntimeError(
        .unavailable, "resource limits need control groups of version 2, and the system has none mounted")
    }
    return (mount.target, path)
  }

  private static func words(
    _ file: String, _ group: borrowing OwnedDescriptor
  ) throws(SystemError) -> Set<String> {
    let text = try ControlGroup.read(file, in: group) ?? ""
    return Set(text.split(whereSeparator: \.isWhitespace).map(String.init))
  }

  /// Enables controllers for the groups within a group.
  ///
  /// - Returns: the group that this process moved to for that, or an empty text; nil if processes are in the way.
  private static func enable(
    _ controllers: Set<String>, in group: borrowing OwnedDescriptor, refuge: String?
  ) throws(SystemError) -> String? {
    // Without the right to move a process within this group, no process can be started in a new one either.
    let path = group.path.appending("cgroup.procs")
    try SystemError.check("write to", path) {
      path.withPlatformString { faccessat(AT_FDCWD, $0, W_OK, AT_EACCESS) }
    }
    let more = controllers.subtracting(try words("cgroup.subtree_control", group)).sorted()
    guard !more.isEmpty else { return "" }
    let request = more.map { "+\($0)" }.joined(separator: " ")
    // A group with processes could get some controllers for its threads, but would change its type by that.
    // Only the root, which has no type, may have both processes and controllers.
    let processes = try words("cgroup.procs", group)
    let kind = try ControlGroup.read("cgroup.type", in: group)
    if processes.isEmpty || kind == nil {
      do throws(SystemError) {
        try ControlGroup.write(request, to: "cgroup.subtree_control", in: group)
        return ""
      } catch {
        guard error.errno == .resourceBusy else { throw error }
      }
    }
    guard let refuge, processes == ["\(getpid())"] else { return nil }
    try group.makeDirectory(Array(refuge.utf8), mode: 0o755)
    do throws(SystemError) {
      try ControlGroup.write("0", to: "cgroup.procs", in: try group.openDirectory(Array(refuge.utf8)))
      try ControlGroup.write(request, to: "cgroup.subtree_control", in: group)
    } catch {
      Self.leave(refuge, of: group)
      throw error
    }
    return refuge
  }

  /// Moves this process back to its former group, and removes the refuge.
  ///
  /// - Returns: whether the group is gone; it stays while other processes are in it.
  @discardableResult
  static func leave(_ refuge: String, of group: borrowing OwnedDescriptor) -> Bool {
    let controllers = ((try? words("cgroup.subtree_control", group)) ?? []).sorted()
    if !controllers.isEmpty {
      try? ControlGroup.write(
        controllers.map { "-\($0)" }.joined(separator: " "), to: "cgroup.subtree_control", in: group)
    }
    try? ControlGroup.write("0", to: "cgroup.procs", in: group)
    do throws(SystemError) { try group.remove(Array(refuge.utf8), isDirectory: true) } catch {
      return error.errno == .noSuchFileOrDirectory
    }
    return true
  }
}
