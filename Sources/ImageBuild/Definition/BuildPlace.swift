import Bytes
import CLinux
import Glibc
import LinuxSystem
public import SystemPackage

/// The temporary directory of a build. It is removed at the end of the build, however that ends: a process outside waits for it
/// (spec/build.md "Steps").
public final class BuildPlace {
  /// The directory, empty at first.
  public let path: FilePath
  private let remover: Helper

  /// Makes the directory. This process must have one thread, and be root of the namespaces in which the build runs.
  ///
  /// - Parameters:
  ///   - parent: where it is made.
  ///   - name: the beginning of its name.
  ///   - onNote: receives what the place cannot do, where a build can do without.
  /// - Throws: ``ImageBuildError`` that names the place, and what it cannot do.
  public init(in parent: FilePath, name: String = "siftool-build", onNote: (String) -> Void = { _ in }) throws
  {
    let path = try Self.make(in: try parent.resolvingLinks(), name, onNote)
    self.path = path
    let place = try OwnedDescriptor(opening: path, flags: O_RDONLY | O_DIRECTORY)
    let number = place.rawValue
    remover = try Helper(.detached, keeping: [number]) { channel in
      if channel.waitForByte() { return 0 }
      TreeRemoval.remove(OwnedDescriptor(adopting: number, path: path), at: path)
      return 0
    }
  }

  /// Removes the directory now, and returns when that is done.
  public func remove() {
    guard let place = try? OwnedDescriptor(opening: path, flags: O_RDONLY | O_DIRECTORY) else { return }
    TreeRemoval.remove(place, at: path)
    remover.closeChannel()
  }

  /// Leaves the directory where it is (`--no-cleanup`).
  public func keep() { _ = remover.sendByte() }

  // MARK: What a place must be able to do

  private static func make(
    in parent: FilePath, _ name: String, _ onNote: (String) -> Void
  ) throws(ImageBuildError) -> FilePath {
    var template = parent.appending("\(name)-XXXXXX").bytes.map { CChar(bitPattern: $0) } + [0]
    guard mkdtemp(&template) != nil else {
      let reason = Errno(rawValue: linux_errno())
      throw ImageBuildError(
        .unsuitablePlace,
        "the build's temporary directory cannot be made in \(parent.string): \(reason == .noSpace ? "its file system is full" : reason.description)"
      )
    }
    let path = FilePath(platformString: template)
    do {
      try check(path, parent, onNote)
      return path
    } catch {
      if let place = try? OwnedDescriptor(opening: path, flags: O_RDONLY | O_DIRECTORY) {
        TreeRemoval.remove(place, at: path)
      }
      throw error
    }
  }

  private static func check(
    _ path: FilePath, _ parent: FilePath, _ onNote: (String) -> Void
  ) throws(ImageBuildError) {
    let isNetwork = path.withPlatformString { linux_is_network_file_system($0) } != 0
    func fail(_ what: String, _ error: SystemError?) -> ImageBuildError {
      let reason =
        error.map { $0.errno == .noSpace ? ": its file system is full" : ": \($0.errno.description)" } ?? ""
      let network =
        isNetwork
        ? "; it is on a file system of the network, whose server may not know the users of a build" : ""
      return ImageBuildError(
        .unsuitablePlace, "\(parent.string) cannot hold a build: \(what)\(reason)\(network)")
    }
    var system = statvfs()
    if path.withPlatformString({ statvfs($0, &system) }) == 0, system.f_flag & 8 /* ST_NOEXEC */ != 0 {
      throw fail("programs there cannot be executed (it is mounted with noexec)", nil)
    }
    guard let place = try? OwnedDescriptor(opening: path, flags: O_RDONLY | O_DIRECTORY) else {
      throw fail("directories cannot be opened", nil)
    }
    func attempt(_ what: String, _ body: () throws(SystemError) -> Void) throws(ImageBuildError) {
      do throws(SystemError) { try body() } catch { throw fail(what, error) }
    }
    let (file, link, other) = (Array("file".utf8), Array("link".utf8), Array("other".utf8))
    try attempt("files cannot be written") { () throws(SystemError) in
      let made = try place.openBeneath(file, flags: O_WRONLY | O_CREAT | O_EXCL, mode: 0o600)
      try SystemError.writeAll([UInt8](repeating: 1, count: 4096).span.bytes, to: made.rawValue)
      try made.close()
    }
    try attempt("there are no symbolic links") { () throws(SystemError) in
      try place.makeSymlink(link, target: file)
    }
    try attempt("there are no hard links") { () throws(SystemError) in
      try SystemError.check("link") { linkat(place.rawValue, "file", place.rawValue, "other", 0) }
    }
    try attempt("permissions cannot be changed") { () throws(SystemError) in
      try place.setPermissions(of: file, 0o755, type: S_IFREG)
    }
    // Root of a namespace owns what it makes, unless the server changes that.
    let wanted: (uid_t, gid_t) = UserMap.current().isSingle ? (0, 0) : (1, 1)
    try attempt("files cannot change their owner") { () throws(SystemError) in
      try place.setOwner(of: file, user: wanted.0, group: wanted.1)
      guard let status = try place.status(of: file), (status.st_uid, status.st_gid) == wanted else {
        throw SystemError(errno: .notPermitted, operation: "change the owner")
      }
    }
    do { try place.setAttribute(of: file, Array("user.siftool".utf8), [1]) } catch {
      onNote(
        "\(parent.string) holds no extended attributes of users: those of the image's files are recorded instead"
      )
    }
    for name in [file, link, other] { try? place.remove(name) }
  }
}
