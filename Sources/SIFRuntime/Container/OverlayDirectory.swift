import CLinux
import Glibc
import LinuxSystem
import SystemPackage

/// The directory of `--overlay`: `upper`, which holds what the container wrote, and `work`, which is the kernel's
/// (spec/runtime.md "What can be written").
///
/// The kernel erases what it finds in `work/work`, and shows whatever is in `upper`. Nothing but a directory that is
/// one of ours is therefore taken, and nothing is made before that is known.
struct OverlayDirectory: ~Copyable {
  /// Where it is, free of links.
  let path: FilePath
  /// The directory itself, with the lock on it.
  let directory: OwnedDescriptor

  /// What the kernel has in `work`: its own, and that of an index.
  private static let ofKernel = ["work", "index"]

  /// Looks at a directory, and locks it.
  ///
  /// - Parameters:
  ///   - path: as the user gave it.
  ///   - outside: directories and files that must not lie in it: what is written inside would be written there.
  /// - Throws: ``RuntimeError``, with the directory as it was.
  init(_ path: FilePath, outside: [FilePath]) throws(RuntimeError) {
    let status = try translating(try Self.status(of: path))
    guard status.st_mode & S_IFMT == S_IFDIR else {
      throw RuntimeError(
        .unsupportedFileSystem,
        "\(path.string) is no directory: an overlay in a file is an ext3 file system, which is never mounted")
    }
    let resolved = try ImageMounts.resolve(path)
    for place in outside where place.isBeneath(resolved) {
      throw RuntimeError(
        .invalidArgument,
        "\(path.string) cannot be an overlay: \(place.string) is in it, and not the overlay's")
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

  /// For as long as anybody has the descriptor: the kernel lets two containers write to one directory, and what
  /// comes of that is undefined.
  private static func lock(_ directory: borrowing OwnedDescriptor, _ path: FilePath) throws(RuntimeError) {
    // A program may have ended, while the kernel still takes its file system down.
    for attempt in 0...patience {
      do { if try directory.lockWhole() { return } } catch { throw RuntimeError(error) }
      if attempt < patience { usleep(10_000) }
    }
    throw RuntimeError(
      .unavailable, "\(path.string) is the overlay of a container that is still running")
  }

  /// Attempts, a hundredth of a second apart.
  private static let patience = 300

  // MARK: What it may hold

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
      // Nobody may enter the kernel's own, but root; then nothing in it can be somebody's either.
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

  /// A directory, and the caller's or root's.
  private static func require(
    _ name: [UInt8], of directory: borrowing OwnedDescriptor, _ path: FilePath, _ text: String
  ) throws(RuntimeError) {
    let status = try translating(try directory.status(of: name))
    guard let status, status.st_mode & S_IFMT == S_IFDIR else {
      throw RuntimeError(.invalidArgument, "\(path.string) is no overlay: its \(text) is no directory")
    }
    guard status.st_uid == geteuid() || status.st_uid == 0 else {
      throw RuntimeError(
        .invalidArgument, "\(path.string) cannot be an overlay here: its \(text) belongs to another user")
    }
  }

  private static func foreign(_ path: FilePath, _ name: String) -> RuntimeError {
    RuntimeError(
      .invalidArgument,
      "\(path.string) is neither empty nor an overlay, whose only parts are upper and work: it has \(name)")
  }

  // MARK: The lock

  /// Starts the process that keeps the lock until the container's file system is gone, whoever was killed meanwhile.
  ///
  /// - Returns: where it waits for the watch.
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

/// An overlay's directory, locked until the file system that is made of it is gone.
final class LockedOverlay {
  let path: FilePath
  private var directory: OwnedDescriptor?
  private let keeper: Helper

  /// Has a directory kept locked by a process in the background.
  init(_ overlay: consuming OverlayDirectory) throws(RuntimeError) {
    path = overlay.path
    keeper = try overlay.keepLocked()
    directory = .some(overlay.directory)
  }

  /// Tells the process in the background which file system it is.
  func keep(while root: FilePath) throws(RuntimeError) {
    do {
      let watch = try FileSystemWatch.begin(at: root)
      try keeper.channel?.send(watch)
    } catch {
      throw RuntimeError(
        .system, "cannot keep the overlay \(path.string) locked: \(error.errno.description)", system: error)
    }
  }

  /// Gives up this process's part: it has nothing of the directory open any more.
  func letGo() {
    keeper.closeChannel()
    directory = nil
  }
}
