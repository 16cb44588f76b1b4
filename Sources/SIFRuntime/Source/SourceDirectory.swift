import CLinux
import Glibc
import LinuxSystem
public import SystemPackage

/// A directory of the host that is a layer of a root: a sandbox, or the directory of a read-only overlay.
///
/// Others may be able to change it, and everything in it, at any time.
public final class SourceDirectory: Sendable {
  /// Its path, with links resolved.
  public let path: FilePath
  private let directory: OwnedDescriptor

  /// Opens a directory.
  ///
  /// - Throws: ``RuntimeError``, also for the root of the host.
  public convenience init(opening path: FilePath) throws(RuntimeError) {
    try self.init(try translating(try OwnedDescriptor(opening: path, flags: O_RDONLY | O_DIRECTORY)))
  }

  /// The directory of a read-only overlay: its `upper`, if it has one. A link in its place is not followed.
  convenience init(ofOverlay path: FilePath) throws(RuntimeError) {
    let directory = try translating(try OwnedDescriptor(opening: path, flags: O_RDONLY | O_DIRECTORY))
    if let upper = try? directory.openDirectory(Array("upper".utf8)) {
      try self.init(upper)
    } else {
      try self.init(directory)
    }
  }

  private init(_ directory: consuming OwnedDescriptor) throws(RuntimeError) {
    path = try translating(try directory.currentPath())
    self.directory = directory
    guard path != "/" else {
      throw RuntimeError(.invalidArgument, "/ is the root of the host: it is neither an image nor an overlay")
    }
  }

  /// The open directory, for calls that need one.
  public func withDescriptor<Result: ~Copyable, Failure: Error>(
    _ body: (borrowing OwnedDescriptor) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    try body(directory)
  }

  /// The content of a regular file; nil if it does not exist. Links are looked up as in an image: they never lead out.
  ///
  /// - Throws: ``RuntimeError``, also for a file that is longer than `limit`, or not regular.
  public func content(of path: FilePath, limit: Int) throws(RuntimeError) -> [UInt8]? {
    let shown = self.path.appending(path.components).string
    let content: [UInt8]
    do throws(SystemError) {
      let found = try directory.openInRoot(path, flags: linux_o_path)
      guard try found.status().st_mode & S_IFMT == S_IFREG else {
        throw SystemError(errno: .invalidArgument, operation: "read", path: path)
      }
      let file = try directory.openInRoot(path, flags: O_RDONLY | O_NONBLOCK | O_NOCTTY)
      content = try file.readToEnd(limit: limit + 1)
    } catch {
      if [.noSuchFileOrDirectory, .notDirectory].contains(error.errno) { return nil }
      let reason = error.errno == .invalidArgument ? "it is not a regular file" : error.errno.description
      throw RuntimeError(.system, "\(shown) cannot be read: \(reason)", system: error)
    }
    guard content.count <= limit else {
      throw RuntimeError(.malformed, "\(shown) is longer than \(limit) bytes")
    }
    return content
  }

  /// Copies the directory and the mounts in it, in a new mount namespace.
  ///
  /// The descriptor belongs to the mounts of another namespace, which cannot be copied. Therefore the path is looked up
  /// again, and has to lead to the same directory.
  func tree(_ flags: MountFlags) throws(RuntimeError) -> PlannedMount.HostTree {
    try Self.tree(of: path, as: try translating(try directory.status()), flags)
  }

  /// The same for a directory that another value has open.
  static func tree(
    of path: FilePath, as wanted: stat, _ flags: MountFlags
  ) throws(RuntimeError) -> PlannedMount.HostTree {
    let tree: PlannedMount.HostTree
    do throws(SystemError) { tree = try PlannedMount.HostTree(path, flags) } catch {
      throw RuntimeError(
        .system, "\(path.string) cannot be mounted: \(error.errno.description)", system: error)
    }
    guard (wanted.st_dev, wanted.st_ino) == (tree.status.st_dev, tree.status.st_ino) else {
      throw RuntimeError(.system, "\(path.string) was replaced while it was being opened")
    }
    return tree
  }
}
