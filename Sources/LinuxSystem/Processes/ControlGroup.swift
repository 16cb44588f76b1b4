import CLinux
import Glibc
public import SystemPackage

/// A control group (cgroup v2) that this process made, with one owner. When the value's life ends, the
/// processes in the group are killed and it is removed.
public struct ControlGroup: ~Copyable {
  /// The group's directory.
  public let path: FilePath
  private let parent: OwnedDescriptor
  private let name: [UInt8]
  private let directory: OwnedDescriptor
  private var isOwned = true

  /// Makes a group within another one.
  public init(beneath parent: consuming OwnedDescriptor, named name: String) throws(SystemError) {
    let bytes = Array(name.utf8)
    try parent.makeDirectory(bytes, mode: 0o755)
    do { directory = try parent.openDirectory(bytes) } catch {
      try? parent.remove(bytes, isDirectory: true)
      throw error
    }
    path = parent.path.appending(name)
    self.parent = parent
    self.name = bytes
  }

  deinit {
    if isOwned { Self.remove(name, in: parent) }
  }

  /// Writes to one of the kernel's files.
  public func write(_ text: String, to file: String) throws(SystemError) {
    try Self.write(text, to: file, in: directory)
  }

  /// Reads one of the kernel's files; nil if it does not exist.
  public func read(_ file: String) throws(SystemError) -> String? { try Self.read(file, in: directory) }

  /// A descriptor through which a process enters the group: it writes `0` to it, and needs no right to open the file.
  public func entrance() throws(SystemError) -> OwnedDescriptor {
    try directory.openBeneath(Array("cgroup.procs".utf8), flags: O_WRONLY)
  }

  /// Has the kernel run a program for each device that is opened or made in the group.
  ///
  /// - Parameter instructions: of type `BPF_PROG_TYPE_CGROUP_DEVICE`, eight bytes each in the machine's order.
  public func filterDevices(_ instructions: [UInt64]) throws(SystemError) {
    let number = try SystemError.check("load the filter of devices") {
      linux_bpf_load_device_filter(instructions, UInt32(instructions.count))
    }
    let filter = OwnedDescriptor(adopting: number, path: "filter")
    try SystemError.check("install the filter of devices") {
      linux_bpf_attach_device_filter(directory.rawValue, filter.rawValue)
    }
  }

  // MARK: By a group's directory

  /// Writes to a file of a group.
  public static func write(
    _ text: String, to file: String, in directory: borrowing OwnedDescriptor
  ) throws(SystemError) {
    let opened = try directory.openBeneath(Array(file.utf8), flags: O_WRONLY)
    let (count, place) = (text.utf8.count, FilePath(file))
    // The kernel takes a value in one call only.
    try SystemError.check("write to", place) { Glibc.write(opened.rawValue, text, count) }
  }

  /// Reads a file of a group; nil if it does not exist.
  public static func read(
    _ file: String, in directory: borrowing OwnedDescriptor
  ) throws(SystemError) -> String? {
    do {
      let bytes = try directory.openBeneath(Array(file.utf8), flags: O_RDONLY).readToEnd(limit: 1 << 20)
      return String(decoding: bytes, as: UTF8.self)
    } catch {
      guard error.errno == .noSuchFileOrDirectory else { throw error }
      return nil
    }
  }

  /// The shortest and the longest pause between two attempts to remove a group whose processes are ending,
  /// and the longest time for all attempts; in microseconds.
  private static let (shortestWait, longestWait, patience): (UInt32, UInt32, UInt32) = (
    200, 20_000, 10_000_000
  )

  /// Kills the processes in a group, and removes it. It is fine if the group does not exist.
  ///
  /// - Returns: whether the group is gone. A process that waits for a device may not end soon.
  @discardableResult
  public static func remove(_ name: [UInt8], in parent: borrowing OwnedDescriptor) -> Bool {
    var (wait, waited) = (shortestWait, UInt32(0))
    while true {
      if isRemoved(name, parent) { return true }
      guard waited < patience else { return false }
      usleep(wait)
      waited += wait
      wait = min(2 * wait, longestWait)
    }
  }

  private static func isRemoved(_ name: [UInt8], _ parent: borrowing OwnedDescriptor) -> Bool {
    do { try parent.remove(name, isDirectory: true) } catch {
      if error.errno == .noSuchFileOrDirectory { return true }
      guard let directory = try? parent.openDirectory(name) else { return false }
      end(directory)
      // A program with privilege may have made groups within this one.
      for inner in (try? directory.names()) ?? [] {
        guard let status = try? directory.status(of: inner), status.st_mode & S_IFMT == S_IFDIR else {
          continue
        }
        _ = isRemoved(inner, directory)
      }
      return (try? parent.remove(name, isDirectory: true)) != nil
    }
    return true
  }

  /// Sends SIGKILL to all processes of a group.
  private static func end(_ directory: borrowing OwnedDescriptor) {
    guard (try? write("1", to: "cgroup.kill", in: directory)) == nil else { return }
    // For kernels before 5.14.
    for line in ((try? read("cgroup.procs", in: directory)) ?? nil ?? "").split(separator: "\n") {
      if let process = pid_t(line), process > 0 { kill(process, SIGKILL) }
    }
  }
}
