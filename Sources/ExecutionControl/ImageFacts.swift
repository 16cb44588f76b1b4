import Glibc
public import LinuxSystem
public import SystemPackage

/// What a policy asks about an image, from its open file alone: what the name leads to by now does not matter.
public struct ImageFacts: Sendable {
  /// What the image is called in messages: the path that it was opened by.
  public let name: FilePath
  /// What it is.
  public let kind: ImageKind
  /// The user that owns the file.
  public let owner: uid_t
  /// The group that owns the file.
  public let group: gid_t
  /// Where the open file is, links resolved; nil where that cannot be told.
  public let path: FilePath?
  /// Why it cannot be told where the file is.
  public let pathFault: String

  /// Facts that are known otherwise.
  public init(
    name: FilePath, kind: ImageKind, owner: uid_t, group: gid_t, path: FilePath?, pathFault: String = ""
  ) {
    self.name = name
    self.kind = kind
    self.owner = owner
    self.group = group
    self.path = path
    self.pathFault = pathFault
  }

  /// Asks the kernel about an open file.
  public init(of file: borrowing OwnedDescriptor, kind: ImageKind) throws(SystemError) {
    let status = try file.status()
    let (path, fault) = Self.place(of: file, status)
    self.init(
      name: file.path, kind: kind, owner: status.st_uid, group: status.st_gid, path: path, pathFault: fault)
  }

  private static func place(
    of file: borrowing OwnedDescriptor, _ status: stat
  ) -> (path: FilePath?, fault: String) {
    // The mark that the kernel puts behind the path of a file without a name; a name may also end like that.
    let mark = Array(" (deleted)".utf8)
    do throws(SystemError) {
      let path = try file.currentPath()
      guard status.st_nlink > 0, !path.string.utf8.suffix(mark.count).elementsEqual(mark) else {
        return (nil, "it was removed or replaced while it was being opened")
      }
      guard path.isAbsolute else { return (nil, "it is in no directory") }
      // A file of another namespace of mounts has a path that means nothing here, whatever it looks like.
      guard let mount = try file.mountID(), try MountTable.read().contains(where: { $0.id == mount }) else {
        return (nil, "it is on a file system that is not mounted here")
      }
      return (path, "")
    } catch {
      return (nil, error.errno.description)
    }
  }
}
