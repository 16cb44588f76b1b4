import Bytes
import Glibc
import LinuxSystem
public import SystemPackage

/// The files with the remotes of a user and of the system.
public struct RemoteStore: Sendable {
  /// One of the two files.
  public enum Place: Sendable {
    /// The user's, which has the tokens.
    case user
    /// The system's, which only root changes.
    case system
  }

  /// The runtime whose files these are.
  public let family: RemoteFamily
  /// The user's file.
  public let userFile: FilePath
  /// The system's file.
  public let systemFile: FilePath

  /// The files of the runtime that this user has: the one whose directory the environment names
  /// (`SINGULARITY_CONFIGDIR`, `APPTAINER_CONFIGDIR`), else the one that has a file or a directory.
  ///
  /// - Throws: ``RemoteError`` if neither a directory nor a home is known.
  public static func ofProcess() throws(RemoteError) -> RemoteStore {
    let families = UserDirectories.families.map { (RemoteFamily(rawValue: $0.rawValue) ?? .singularity, $0) }
    for (family, names) in families {
      if let directory = names.variable("CONFIGDIR") { return RemoteStore(family, directory) }
    }
    guard let home = UserDirectories.variable("HOME") else {
      throw RemoteError(.unknown, "the file with the remotes is not known: HOME is not set")
    }
    let stores = families.map(\.0).map { RemoteStore($0, home.appending(".\($0.rawValue)")) }
    func first(_ path: (RemoteStore) -> FilePath) -> RemoteStore? { stores.first { Self.exists(path($0)) } }
    return first(\.userFile) ?? first(\.systemFile) ?? first { $0.userFile.removingLastComponent() }
      ?? stores[0]
  }

  /// The files of a runtime whose user's directory is known.
  public init(_ family: RemoteFamily, _ directory: FilePath) {
    self.family = family
    userFile = directory.appending("remote.yaml")
    let directories = ["/etc", "/usr/local/etc"].map { FilePath("\($0)/\(family.rawValue)") }
    let used =
      directories.first { Self.exists($0.appending("remote.yaml")) }
      ?? directories.first(where: Self.exists) ?? directories[0]
    systemFile = used.appending("remote.yaml")
  }

  private static func exists(_ path: FilePath) -> Bool { path.withPlatformString { access($0, F_OK) } == 0 }

  /// The path of a file.
  public func path(_ place: Place) -> FilePath { place == .user ? userFile : systemFile }

  /// Both files, taken together.
  public func settings() throws(RemoteError) -> RemoteSettings {
    let (user, system) = (try read(.user), try read(.system))
    do { return try RemoteSettings(family: family, user: user, system: system) } catch {
      throw error.naming(userFile.printable)
    }
  }

  /// Whether others than their owner can read the tokens.
  public var isSharedWithOthers: Bool {
    var status = stat()
    return userFile.withPlatformString { stat($0, &status) } == 0 && status.st_mode & 0o077 != 0
  }

  /// The content of a file; nil if it does not exist.
  func read(_ place: Place) throws(RemoteError) -> RemoteFile? {
    let path = path(place)
    let bytes: [UInt8]
    do throws(SystemError) {
      let file = try OwnedDescriptor(opening: path, flags: O_RDONLY | O_NOCTTY | O_NONBLOCK)
      bytes = try file.readToEnd(limit: RemoteFile.maximumBytes + 1)
    } catch {
      if error.errno == .noSuchFileOrDirectory || error.errno == .notDirectory { return nil }
      throw RemoteError(.system, error.description)
    }
    do { return try RemoteFile(reading: bytes) } catch { throw error.naming(path.printable) }
  }

  /// Changes a file: reads it under a lock, and replaces it in one step.
  ///
  /// - Parameter change: gets both files as they are now, and changes the one.
  public func change(
    _ place: Place, _ change: (inout RemoteSettings) throws(RemoteError) -> Void
  ) throws(RemoteError) {
    let path = path(place)
    if place == .system, geteuid() != 0 {
      throw RemoteError(.forbidden, "only root may change \(path.printable)")
    }
    do throws(SystemError) { try makeDirectory(path.removingLastComponent(), place) } catch {
      throw RemoteError(.system, error.description)
    }
    let lock = try Self.lock(path)
    var settings = try settings()
    try change(&settings)
    let content = place == .user ? settings.user : settings.system ?? RemoteFile()
    do throws(SystemError) {
      // The user's file has tokens; what was open to others by mistake no longer is.
      let mode: mode_t = place == .user ? 0o600 : 0o644
      var file = try ReplacementFile(replacing: path, mode: mode)
      try SystemError.check("set the mode of", path) { fchmod(file.descriptor.rawValue, mode) }
      try SystemError.writeAll(Array(content.text.utf8).span.bytes, to: file.descriptor.rawValue)
      try file.commit()
    } catch { throw RemoteError(.system, error.description) }
    Self.unlock(lock)
  }

  private static func lock(_ path: FilePath) throws(RemoteError) -> LockFile {
    do { return try LockFile(of: path) } catch { throw RemoteError(.system, error.description) }
  }

  /// Ends the life of a lock, which lasts until here.
  private static func unlock(_ lock: consuming LockFile) {}

  private func makeDirectory(_ directory: FilePath, _ place: Place) throws(SystemError) {
    guard !directory.isEmpty, !Self.exists(directory) else { return }
    do throws(SystemError) {
      try SystemError.check("create", directory) {
        directory.withPlatformString { mkdir($0, place == .user ? 0o700 : 0o755) }
      }
    } catch {
      // Another process may have made it meanwhile.
      guard error.errno == .fileExists else { throw error }
    }
  }
}
