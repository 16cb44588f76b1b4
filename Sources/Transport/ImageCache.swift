import Bytes
import Glibc
public import LinuxSystem
public import SystemPackage

/// The user's cache of images, where the runtimes have theirs and laid out as they do it (spec/network.md "The cache").
///
/// Many processes may use it at once: each entry is made by one of them, while the others wait, and has no name before it is
/// whole.
public struct ImageCache: Sendable {
  /// What an entry is made of: a directory of the cache.
  public enum Kind: String, CaseIterable, Sendable {
    /// Images of a library, by `sha256.` and their digests.
    case library
    /// SIF images of registries, by their digests.
    case oras
    /// SIF images that were made of images of OCI, by the digests of their manifests.
    case ociTemporary = "oci-tmp"
    /// OCI-SIF images, by the digests of the manifests they were made of.
    case ociSIF = "oci-sif"
    /// Files of web servers, by their addresses and dates.
    case net
    /// Images of Singularity Hub.
    case shub
    /// Blobs of images of OCI.
    case blob
    /// Images that were built, by what they depend on.
    case build
  }

  /// One entry.
  public struct Entry: Sendable {
    /// Its directory.
    public let kind: Kind
    /// Its name, which tells what it is.
    public let name: String
    /// Where it is.
    public let path: FilePath
    /// Its length in bytes.
    public let byteCount: Int64
    /// When it was made or last used, in seconds since 1970.
    public let time: Int64
  }

  /// The directory, which holds one directory for each kind.
  public let directory: FilePath

  /// The cache in a directory.
  public init(directory: FilePath) { self.directory = directory }

  /// The user's cache: `cache` in the directory that SINGULARITY_CACHEDIR or APPTAINER_CACHEDIR names, or in
  /// `~/.singularity`, or in `~/.apptainer` if that alone has one.
  public init() {
    for name in ["APPTAINER_CACHEDIR", "SINGULARITY_CACHEDIR"] {
      if let value = UserDirectories.variable(name) {
        directory = value.appending("cache")
        return
      }
    }
    let places = UserDirectories.families.map {
      ($0.directoryOfHome ?? FilePath("/.\($0.rawValue)")).appending("cache")
    }
    directory = places.first { access($0.string, F_OK) == 0 } ?? places[0]
  }

  /// The path of an entry, whether it exists or not.
  public func path(_ kind: Kind, _ name: String) -> FilePath {
    // A name comes from digests; anything else must not lead out of the directory.
    let safe = String(
      decoding: name.utf8.map { $0 == 0x2F || $0 < 0x21 || $0 > 0x7E ? 0x5F : $0 }, as: UTF8.self)
    return directory.appending(kind.rawValue).appending(safe.hasPrefix(".") ? "_" + safe : safe)
  }

  /// The path of an entry that exists; nil without one.
  public func existing(_ kind: Kind, _ name: String) -> FilePath? {
    let path = path(kind, name)
    var status = stat()
    guard path.withPlatformString({ lstat($0, &status) }) == 0, status.st_mode & S_IFMT == S_IFREG,
      status.st_size > 0
    else { return nil }
    // The time tells what was not used for long.
    _ = path.withPlatformString { utimensat(AT_FDCWD, $0, nil, 0) }
    return path
  }

  /// Removes an entry, if it exists.
  public func forget(_ kind: Kind, _ name: String) { _ = path(kind, name).withPlatformString { unlink($0) } }

  /// The path of an entry, which is made first if it does not exist. One process makes it, while the others wait.
  ///
  /// - Parameter make: writes the whole entry to a path, which then gets the entry's name.
  public func entry(_ kind: Kind, _ name: String, make: (FilePath) throws -> Void) throws -> FilePath {
    if let path = existing(kind, name) { return path }
    try makeDirectory(kind)
    let path = path(kind, name)
    let base = path.lastComponent?.string ?? "entry"
    let temporary = path.removingLastComponent().appending("tmp_\(base)")
    let lockPath = path.removingLastComponent().appending("tmp_\(base).lock")
    let lock = try Self.lock(lockPath)
    defer {
      _ = lockPath.withPlatformString { unlink($0) }
      withExtendedLifetime(lock) {}
    }
    if let path = existing(kind, name) { return path }
    _ = temporary.withPlatformString { unlink($0) }
    try make(temporary)
    try SystemError.check("rename to", path) {
      temporary.withPlatformString { from in path.withPlatformString { rename(from, $0) } }
    }
    return path
  }

  /// Puts a copy of a whole and checked file into the cache, unless the entry exists.
  public func keep(_ file: FilePath, _ kind: Kind, _ name: String) throws {
    _ = try entry(kind, name) { path in
      let source = try OwnedDescriptor(opening: file, flags: O_RDONLY)
      let count = try source.byteCount()
      let target = try OwnedDescriptor(
        opening: path, flags: O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode: 0o600)
      do {
        guard try source.copy(from: 0, count: count, to: target.rawValue) == count else {
          throw SystemError(errno: .ioError, operation: "read (the file became shorter)", path: file)
        }
        let mask = umask(0)
        umask(mask)
        try SystemError.check("change the permissions of", path) {
          fchmod(target.rawValue, 0o777 & ~mask)
        }
        try SystemError.check("synchronize", path) { fsync(target.rawValue) }
      } catch {
        _ = path.withPlatformString { unlink($0) }
        throw error
      }
    }
  }

  /// Removes an entry whose bytes are wrong.
  public func discard(_ kind: Kind, _ name: String) {
    _ = path(kind, name).withPlatformString { unlink($0) }
  }

  /// Takes a lock that ends with the process, and with the value.
  private static func lock(_ path: FilePath) throws(SystemError) -> OwnedDescriptor {
    while true {
      let file = try OwnedDescriptor(opening: path, flags: O_RDWR | O_CREAT | O_NOFOLLOW, mode: 0o600)
      if try file.lockWhole() {
        var named = stat()
        let own = try file.status()
        // The one before may have removed it.
        if path.withPlatformString({ lstat($0, &named) }) == 0, named.st_ino == own.st_ino { return file }
      } else {
        usleep(100_000)
      }
    }
  }

  /// Makes the directory of a kind, which only its owner may enter.
  ///
  /// - Throws: ``SystemError`` if that cannot be done, or if it is somebody else's.
  public func makeDirectory(_ kind: Kind) throws(SystemError) {
    let own = directory.appending(kind.rawValue)
    var missing: [FilePath] = []
    var path = own
    var status = stat()
    while path.withPlatformString({ stat($0, &status) }) != 0, !path.isEmpty {
      missing.append(path)
      path = path.removingLastComponent()
    }
    for path in missing.reversed() {
      if path.withPlatformString({ mkdir($0, 0o700) }) != 0, errno != EEXIST {
        throw SystemError(errno: Errno(rawValue: errno), operation: "make the directory", path: path)
      }
    }
    for path in [directory, own] {
      try SystemError.check("examine", path) { path.withPlatformString { stat($0, &status) } }
      guard status.st_mode & S_IFMT == S_IFDIR else {
        throw SystemError(errno: .notDirectory, operation: "use as a cache", path: path)
      }
      guard status.st_uid == geteuid() else {
        throw SystemError(
          errno: .permissionDenied, operation: "use as a cache", path: path, detail: "it is somebody else's")
      }
      if status.st_mode & 0o077 != 0 { _ = path.withPlatformString { chmod($0, 0o700) } }
    }
    try SystemError.check("write to", own) { own.withPlatformString { access($0, W_OK | X_OK) } }
  }

  /// The entries of some kinds, the oldest first.
  public func entries(_ kinds: [Kind] = Kind.allCases) throws(SystemError) -> [Entry] {
    var entries: [Entry] = []
    for kind in kinds {
      let parent = directory.appending(kind.rawValue)
      for path in Self.files(parent, depth: kind == .blob ? 3 : 1) {
        var status = stat()
        guard path.withPlatformString({ lstat($0, &status) }) == 0, status.st_mode & S_IFMT == S_IFREG
        else { continue }
        let name = String(path.string.dropFirst(parent.string.count + 1))
        entries.append(
          Entry(
            kind: kind, name: name, path: path, byteCount: Int64(status.st_size),
            time: Int64(status.st_mtim.tv_sec)))
      }
    }
    return entries.sorted { ($0.time, $0.path.string) < ($1.time, $1.path.string) }
  }

  private static func files(_ directory: FilePath, depth: Int) -> [FilePath] {
    guard let names = try? OwnedDescriptor(opening: directory, flags: O_RDONLY | O_DIRECTORY).names() else {
      return []
    }
    var found: [FilePath] = []
    for name in names {
      let path = directory.appending(String(decoding: name, as: UTF8.self))
      var status = stat()
      guard path.withPlatformString({ lstat($0, &status) }) == 0 else { continue }
      if status.st_mode & S_IFMT == S_IFDIR {
        if depth > 1 { found += files(path, depth: depth - 1) }
      } else {
        found.append(path)
      }
    }
    return found
  }

  /// The entries that a cleaning removes.
  ///
  /// - Parameters:
  ///   - before: only what was made or last used before this time; nil for all.
  ///   - keeping: the oldest ones only, until so many bytes are left; nil for all.
  public func removable(
    _ kinds: [Kind] = Kind.allCases, before: Int64? = nil, keeping: Int64? = nil
  ) throws(SystemError) -> [Entry] {
    var entries = try entries(kinds)
    if let before { entries.removeAll { $0.time >= before } }
    guard let keeping else { return entries }
    var left = entries.reduce(Int64(0)) { $0.addingReportingOverflow($1.byteCount).partialValue }
    return Array(
      entries.prefix { entry in
        guard left > keeping else { return false }
        left -= entry.byteCount
        return true
      })
  }

  /// Removes entries. One that is gone already is no error, and one that a process makes at this moment stays.
  public func remove(_ entries: [Entry]) throws(SystemError) {
    for entry in entries {
      if entry.name.hasPrefix("tmp_"), Self.isLocked(entry.path) { continue }
      guard entry.path.withPlatformString({ unlink($0) }) != 0, errno != ENOENT else { continue }
      throw SystemError(errno: Errno(rawValue: errno), operation: "remove", path: entry.path)
    }
  }

  private static func isLocked(_ path: FilePath) -> Bool {
    // A part that is being downloaded is locked itself; what is made otherwise has a lock beside it.
    if path.string.hasSuffix(".part"),
      let file = try? OwnedDescriptor(opening: path, flags: O_RDONLY | O_NOFOLLOW | O_NONBLOCK),
      (try? file.lockWhole()) == false
    {
      return true
    }
    let lock = path.string.hasSuffix(".lock") ? path : FilePath(path.string + ".lock")
    guard let file = try? OwnedDescriptor(opening: lock, flags: O_RDONLY | O_NOFOLLOW | O_NONBLOCK) else {
      return false
    }
    return (try? file.lockWhole()) == false
  }
}
