import CLinux
import Glibc
import LinuxSystem
import SystemPackage

/// The directory of `--overlay`: `upper` holds what the container wrote, and `work` belongs to the kernel
/// (spec/runtime.md "What can be written").
///
/// The kernel erases the contents of `work/work`, and shows everything in `upper`. Therefore only an empty
/// directory or one of our own is accepted, and nothing is created in it before that check.
struct OverlayDirectory: ~Copyable {
  /// The path, with links resolved.
  let path: FilePath
  /// The open directory, which holds the lock.
  let directory: OwnedDescriptor

  /// The names of the kernel's directories in `work`; `index` exists with the overlay's index feature.
  private static let ofKernel = ["work", "index"]

  /// Checks a directory, and locks it.
  ///
  /// - Parameters:
  ///   - path: as the user gave it.
  ///   - outside: directories and files that must not be inside it, since writes to them would change the overlay.
  /// - Throws: ``RuntimeError``; the directory is then unchanged.
  init(_ path: FilePath, outside: [FilePath]) throws(RuntimeError) {
    let status = try translating(try Self.status(of: path))
    guard status.st_mode & S_IFMT == S_IFDIR else {
      throw RuntimeError(
        .invalidArgument, "\(path.string) is not a directory any more")
    }
    let resolved = try ImageMounts.resolve(path)
    for place in outside where place.isBeneath(resolved) {
      throw RuntimeError(
        .invalidArgument,
        "\(path.string) cannot be an overlay: it contains \(place.string), which is not part of it")
    }
    let directory = try translating(
      try OwnedDescriptor(opening: resolved, flags: O_RDONLY | O_DIRECTORY))
    try Self.lock(directory, path)
    try Self.check(directory, path)
    self.path = resolved
    self.directory = directory
  }

  private static func status(of path: FilePath) throws(SystemError) -> stat {
    var status = stat()
    try SystemError.check("examine", path) { path.withPlatformString { stat($0, &status) } }
    return status
  }

  /// Holds a lock for as long as any process has the descriptor open. The kernel would let two containers
  /// write to one directory, with undefined results.
  private static func lock(_ directory: borrowing OwnedDescriptor, _ path: FilePath) throws(RuntimeError) {
    // After a program's end, the kernel may still be taking down its file system.
    for attempt in 0...patience {
      do { if try directory.lockWhole() { return } } catch { throw RuntimeError(error) }
      if attempt < patience { usleep(10_000) }
    }
    throw RuntimeError(
      .unavailable, "\(path.string) is the overlay of a container that is still running")
  }

  /// The number of attempts, a hundredth of a second apart.
  private static let patience = 300

  // MARK: What it may contain

  private static func check(_ directory: borrowing OwnedDescriptor, _ path: FilePath) throws(RuntimeError) {
    for name in try names(of: directory, path) {
      let text = String(decoding: name, as: UTF8.self)
      guard text == "upper" || text == "work" else { throw foreign(path, text) }
      try require(name, of: directory, path, text)
    }
    guard let work = try? directory.openDirectory(Array("work".utf8)) else { return }
    for name in try names(of: work, path) {
      let text = String(decoding: name, as: UTF8.self)
      guard ofKernel.contains(text) else { throw foreign(path, "work/\(text)") }
      try require(name, of: work, path, "work/\(text)")
      guard text == "work" else { continue }
      // Only root can enter the kernel's directory, so other users cannot have put anything there.
      guard let own = try? work.openDirectory(name) else { continue }
      for name in try names(of: own, path) where name.first != UInt8(ascii: "#") {
        throw foreign(path, "work/work/\(String(decoding: name, as: UTF8.self))")
      }
    }
  }

  private static func names(
    of directory: borrowing OwnedDescriptor, _ path: FilePath
  ) throws(RuntimeError) -> [[UInt8]] {
    do { return try directory.names() } catch {
      throw RuntimeError(SystemError(errno: error.errno, operation: "read", path: path))
    }
  }

  /// Requires a directory that belongs to the caller or to root.
  private static func require(
    _ name: [UInt8], of directory: borrowing OwnedDescriptor, _ path: FilePath, _ text: String
  ) throws(RuntimeError) {
    let status = try translating(try directory.status(of: name))
    guard let status, status.st_mode & S_IFMT == S_IFDIR else {
      throw RuntimeError(.invalidArgument, "\(path.string) is not an overlay: its \(text) is not a directory")
    }
    guard status.st_uid == geteuid() || status.st_uid == 0 else {
      throw RuntimeError(
        .invalidArgument, "\(path.string) cannot be an overlay here: its \(text) belongs to another user")
    }
  }

  private static func foreign(_ path: FilePath, _ name: String) -> RuntimeError {
    RuntimeError(
      .invalidArgument,
      "\(path.string) is neither empty nor an overlay, which has only upper and work: it contains \(name)")
  }

  // MARK: The lock

  /// Starts the process that keeps the lock until the container's file system is gone, even if other
  /// processes are killed.
  ///
  /// - Returns: the helper, which waits for the watch on its channel.
  func keepLocked() throws(RuntimeError) -> Helper {
    let lock = directory.rawValue
    return try translating { () throws(SystemError) in
      try Helper(.detached, keeping: [lock]) { channel in
        guard let watch = try? channel.receive(path: "watch") else { return 0 }
        do { try channel.close() } catch { return 1 }
        FileSystemWatch.waitForEnd(watch)
        return 0
      }
    }
  }
}

/// An overlay's directory, locked until the file system that uses it is gone.
final class LockedOverlay {
  let path: FilePath
  private var directory: OwnedDescriptor?
  private let keeper: Helper

  /// Starts a background process that keeps the directory locked.
  init(_ overlay: consuming OverlayDirectory) throws(RuntimeError) {
    path = overlay.path
    keeper = try overlay.keepLocked()
    directory = .some(overlay.directory)
  }

  /// Copies the directory, in the container's mount namespace.
  func tree() throws(RuntimeError) -> PlannedMount.HostTree? {
    let status: stat?
    do throws(SystemError) { status = try directory?.status() } catch { throw RuntimeError(error) }
    guard let status else { return nil }
    return try SourceDirectory.tree(of: path, as: status, [.noSetID, .noDevices])
  }

  /// Tells the background process which file system to watch.
  func keep(while root: FilePath) throws(RuntimeError) {
    do {
      let watch = try FileSystemWatch.begin(at: root)
      try keeper.channel?.send(watch)
    } catch {
      throw RuntimeError(
        .system, "cannot keep the overlay \(path.string) locked: \(error.errno.description)", system: error)
    }
  }

  /// Closes everything of the directory that this process has open.
  func letGo() {
    keeper.closeChannel()
    directory = nil
  }
}
