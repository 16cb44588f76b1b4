import Bytes
import Glibc
import LinuxSystem
import SystemPackage

/// A file that is being downloaded: it has a name of its own beside the destination's until it is whole, so that another run
/// can go on where this one was stopped.
struct PartialFile: ~Copyable {
  let file: OwnedDescriptor
  let path: FilePath
  let destination: FilePath

  /// The name for something that is known by a key, such as a digest: the same key has the same name.
  static func path(_ destination: FilePath, key: String) -> FilePath {
    FilePath(destination.string + ".\(key).part")
  }

  /// Opens the file, and keeps other processes from it. If another one has it, waits until that one is done.
  ///
  /// - Parameter waiting: called once if there is another process.
  init(for destination: FilePath, key: String, waiting: () -> Void) throws(SystemError) {
    let path = Self.path(destination, key: key)
    var hasWaited = false
    while true {
      let file = try OwnedDescriptor(
        opening: path, flags: O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY, mode: 0o600)
      guard try file.status().st_mode & S_IFMT == S_IFREG else {
        throw SystemError(
          errno: .fileExists, operation: "write to", path: path, detail: "it is no regular file")
      }
      if try file.lockWhole() {
        // Whoever had the lock may have given the file its final name.
        var named = stat()
        let own = try file.status()
        if path.withPlatformString({ lstat($0, &named) }) == 0, named.st_ino == own.st_ino,
          named.st_dev == own.st_dev
        {
          self.file = file
          self.path = path
          self.destination = destination
          return
        }
      } else {
        if !hasWaited { waiting() }
        hasWaited = true
        usleep(100_000)
      }
    }
  }

  /// The number of bytes that are there.
  func byteCount() throws(SystemError) -> Int64 { try file.byteCount() }

  /// Removes it: what is in it is of no use.
  func remove() { _ = path.withPlatformString { unlink($0) } }

  /// Makes it durable and gives it its final name.
  ///
  /// - Parameter replaces: whether a file of that name is replaced.
  /// - Throws: ``SystemError`` with `EEXIST` if there is one that shall stay.
  func commit(replacing replaces: Bool) throws(SystemError) {
    let mask = umask(0)
    umask(mask)
    try SystemError.check("change the permissions of", path) { fchmod(file.rawValue, 0o777 & ~mask) }
    try SystemError.check("synchronize", path) { fsync(file.rawValue) }
    if replaces {
      try SystemError.check("rename to", destination) {
        path.withPlatformString { from in destination.withPlatformString { rename(from, $0) } }
      }
    } else {
      // A link never replaces anything. Where the file system has none, looking first has to do.
      let linked = path.withPlatformString { from in destination.withPlatformString { link(from, $0) } }
      if linked == 0 {
        remove()
      } else if errno == EEXIST {
        throw SystemError(errno: .fileExists, operation: "write to", path: destination)
      } else {
        try SystemError.check("rename to", destination) {
          path.withPlatformString { from in destination.withPlatformString { rename(from, $0) } }
        }
      }
    }
    removeOthers()
    let directory = destination.removingLastComponent()
    let folder = (directory.isEmpty ? "." : directory).withPlatformString {
      open($0, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    }
    if folder >= 0 {
      _ = fsync(folder)
      _ = close(folder)
    }
  }

  /// Removes what earlier runs have left of other things for the same destination, unless a process has it.
  private func removeOthers() {
    let parent = destination.removingLastComponent()
    guard let name = destination.lastComponent?.string,
      let names = try? OwnedDescriptor(
        opening: parent.isEmpty ? "." : parent, flags: O_RDONLY | O_DIRECTORY
      ).names()
    else { return }
    for bytes in names {
      let other = String(decoding: bytes, as: UTF8.self)
      guard other.hasPrefix(name + "."), other.hasSuffix(".part") else { continue }
      let key = other.dropFirst(name.utf8.count + 1).dropLast(5)
      guard key.utf8.count == 16,
        key.utf8.allSatisfy({ (0x30...0x39).contains($0) || (0x61...0x66).contains($0) })
      else { continue }
      let path = parent.appending(other)
      guard let file = try? OwnedDescriptor(opening: path, flags: O_RDONLY | O_NOFOLLOW | O_NONBLOCK),
        (try? file.lockWhole()) == true
      else { continue }
      _ = path.withPlatformString { unlink($0) }
    }
  }
}
