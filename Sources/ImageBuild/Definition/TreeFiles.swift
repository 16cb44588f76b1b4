import Bytes
import Glibc
import LinuxSystem
import Squash
import SystemPackage

/// The files of a tree, by paths in it. A link leads where it would lead if the tree were the whole file system, so that nothing
/// outside is ever read or changed.
final class TreeFiles {
  /// The tree's directory.
  let root: OwnedDescriptor
  /// The tree.
  let tree: BuildTree

  /// Opens a tree.
  init(_ tree: BuildTree) throws(SystemError) {
    self.tree = tree
    root = try OwnedDescriptor(opening: tree.path, flags: O_RDONLY | O_DIRECTORY)
  }

  /// The names of a path, without empty ones and `.`; `..` leads upwards as in the text, and never above the root.
  static func names(of path: [UInt8]) -> [[UInt8]] {
    var names: [[UInt8]] = []
    for name in path.split(separator: 0x2F) where !name.elementsEqual([0x2E]) {
      if name.elementsEqual([0x2E, 0x2E]) { _ = names.popLast() } else { names.append(Array(name)) }
    }
    return names
  }

  /// A path of names, from the root.
  static func path(_ names: some Collection<[UInt8]>) -> FilePath {
    FilePath(bytes: [0x2F] + Array(names.joined(separator: [0x2F])))
  }

  /// Opens what a path leads to.
  func open(_ path: String, flags: Int32) throws(SystemError) -> OwnedDescriptor {
    try root.openInRoot(FilePath(path), flags: flags)
  }

  /// The status of what a path leads to, through links; nil for nothing.
  func target(_ path: FilePath) throws(SystemError) -> stat? {
    do throws(SystemError) { return try named(path).status() } catch {
      guard [.noSuchFileOrDirectory, .notDirectory, .tooManySymbolicLinkLevels].contains(error.errno) else {
        throw error
      }
      return nil
    }
  }

  /// Opens what a path leads to, through links, only to name it.
  func named(_ path: FilePath) throws(SystemError) -> OwnedDescriptor {
    try root.openInRoot(path, flags: OwnedDescriptor.namingFlag)
  }

  /// The directory of a path, which is made with those above it where they are missing, and the last name.
  func parent(_ names: [[UInt8]], mode: mode_t = 0o755) throws(SystemError) -> OwnedDescriptor {
    let path = Self.path(names)
    do throws(SystemError) { return try root.openInRoot(path, flags: O_RDONLY | O_DIRECTORY) } catch {
      guard error.errno == .noSuchFileOrDirectory, let last = names.last else {
        throw SystemError(errno: error.errno, operation: "open in the tree", path: path)
      }
      let above = try parent(Array(names.dropLast()), mode: mode)
      do throws(SystemError) {
        try above.makeDirectory(last, mode: 0o700)
      } catch {
        // A link that leads to nothing has the name.
        throw SystemError(errno: error.errno, operation: "make a directory in the tree", path: path)
      }
      try above.setPermissions(of: last, mode, type: S_IFDIR)
      return try above.openDirectory(last)
    }
  }

  /// Makes a directory with those above it, unless the path is there as anything.
  func makeDirectory(_ path: String) throws(SystemError) {
    let names = Self.names(of: Array(path.utf8))
    guard let last = names.last else { return }
    let above = try parent(Array(names.dropLast()))
    guard try above.status(of: last) == nil else { return }
    _ = try parent(names)
  }

  /// Whether a path is there as anything; a link at its end is not followed.
  func has(_ path: String) throws(SystemError) -> Bool {
    let names = Self.names(of: Array(path.utf8))
    guard let last = names.last else { return true }
    do throws(SystemError) {
      return try root.openInRoot(Self.path(names.dropLast()), flags: O_RDONLY | O_DIRECTORY).status(of: last)
        != nil
    } catch {
      guard [.noSuchFileOrDirectory, .notDirectory].contains(error.errno) else { throw error }
      return false
    }
  }

  /// Writes a file, in place of anything but a directory that has the path.
  func write(_ path: String, _ bytes: [UInt8], mode: mode_t) throws(SystemError) {
    let names = Self.names(of: Array(path.utf8))
    guard let last = names.last else { return }
    let above = try parent(Array(names.dropLast()))
    if let status = try above.status(of: last), status.st_mode & S_IFMT != S_IFDIR { try above.remove(last) }
    let file = try above.openBeneath(last, flags: O_WRONLY | O_CREAT | O_EXCL, mode: 0o600)
    try SystemError.writeAll(bytes.span.bytes, to: file.rawValue)
    try file.setPermissions(mode)
  }

  /// The bytes of a regular file, through links; nil if there is none.
  ///
  /// - Throws: ``ImageBuildError/Code/limitExceeded`` for a file longer than any part of an image.
  func read(_ path: String) throws -> [UInt8]? {
    guard let status = try target(FilePath(path)), status.st_mode & S_IFMT == S_IFREG else { return nil }
    let file = try open(path, flags: O_RDONLY | O_NONBLOCK)
    guard status.st_size <= RuntimeParts.longest else {
      throw ImageBuildError(.limitExceeded, "\(path.printable) in the image is longer than 16 MiB")
    }
    return try file.readToEnd(limit: RuntimeParts.longest)
  }

  /// Removes a file, if it is there.
  func remove(_ path: String) throws(SystemError) {
    let names = Self.names(of: Array(path.utf8))
    guard let last = names.last, try has(path) else { return }
    try parent(Array(names.dropLast())).remove(last)
  }

  /// Makes a symbolic link. One that leads elsewhere is replaced; anything else stays.
  func link(_ name: String, to target: String) throws(SystemError) {
    let (name, target) = (Array(name.utf8), Array(target.utf8))
    if let status = try root.status(of: name) {
      guard status.st_mode & S_IFMT == S_IFLNK, try root.symlinkTarget(of: name) != target else { return }
      try root.remove(name)
    }
    try root.makeSymlink(name, target: target)
  }

  /// The names in a directory, sorted by their bytes; none if there is no such directory.
  func names(in path: String) throws(SystemError) -> [[UInt8]] {
    do throws(SystemError) {
      return try open(path, flags: O_RDONLY | O_DIRECTORY).names().sorted { $0.lexicographicallyPrecedes($1) }
    } catch {
      guard [.noSuchFileOrDirectory, .notDirectory].contains(error.errno) else { throw error }
      return []
    }
  }
}
