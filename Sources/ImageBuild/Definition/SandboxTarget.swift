import Bytes
import Glibc
import LinuxSystem
public import SystemPackage

/// A directory that a build makes or changes: a sandbox.
public struct SandboxTarget {
  /// Its path.
  public let path: FilePath
  private let isThere: Bool

  /// A sandbox at a path.
  ///
  /// - Parameters:
  ///   - isUpdate: whether one is there that is changed.
  ///   - replaces: whether one that is there is replaced.
  /// - Throws: ``ImageBuildError/Code/exists`` if something is there that has to stay.
  public init(_ path: FilePath, isUpdate: Bool, replaces: Bool) throws {
    self.path = path
    var status = stat()
    isThere = path.withPlatformString { lstat($0, &status) } == 0
    guard isThere else {
      guard !isUpdate else {
        throw ImageBuildError(.notFound, "there is no sandbox \(path.printable) that could be updated")
      }
      return
    }
    guard isUpdate || replaces else {
      throw ImageBuildError(
        .exists, "\(path.printable) exists already; --force replaces it, and --update changes it")
    }
    let directory = try OwnedDescriptor(opening: path, flags: O_RDONLY | O_DIRECTORY)
    let names = Set(try directory.names().map { String(decoding: $0, as: UTF8.self) })
    guard names.isEmpty || [".singularity.d", "dev", "proc", "sys"].allSatisfy(names.contains) else {
      throw ImageBuildError(
        .exists,
        "\(path.printable) is a directory, and no sandbox: it lacks one of .singularity.d, dev, proc and sys")
    }
  }

  /// The directory that the build is made in, so that a rename is enough at the end.
  public var parent: FilePath {
    let parent = path.removingLastComponent()
    return parent.isEmpty ? "." : parent
  }

  /// Copies what is there to a directory.
  public func copy(to tree: BuildTree) throws {
    let source = try OwnedDescriptor(opening: path, flags: O_RDONLY | O_DIRECTORY)
    let target = try OwnedDescriptor(opening: tree.path, flags: O_RDONLY | O_DIRECTORY)
    try TreeCopy(from: nil, to: tree.attributes).copyContents(of: source, to: target)
  }

  /// Gives a finished tree its name. One that is there goes to another directory, which the caller removes.
  public func take(_ tree: FilePath, oldTo place: BuildPlace) throws(SystemError) {
    if isThere {
      let old = place.path.appending("old")
      try SystemError.check("move away", path) {
        path.withPlatformString { from in old.withPlatformString { rename(from, $0) } }
      }
    }
    try SystemError.check("rename to", path) {
      tree.withPlatformString { from in path.withPlatformString { rename(from, $0) } }
    }
  }
}
