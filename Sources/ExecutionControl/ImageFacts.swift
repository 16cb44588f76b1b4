import Glibc
public import LinuxSystem
public import SystemPackage

/// The facts about an image that a policy needs. They come from the open file alone, because its name may
/// lead to another file by now.
public struct ImageFacts: Sendable {
  /// The image's name in messages: the path that it was opened by.
  public let name: FilePath
  /// The kind of image.
  public let kind: ImageKind
  /// The user that owns the file.
  public let owner: uid_t
  /// The group that owns the file.
  public let group: gid_t
  /// The path of the open file, with links resolved; nil if it is unknown.
  public let path: FilePath?
  /// The reason why the path is unknown.
  public let pathFault: String

  /// Makes facts that come from another source.
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
    // The kernel adds this mark to the path of a file without a name. A name may end like that, too.
    let mark = Array(" (deleted)".utf8)
    do throws(SystemError) {
      let path = try file.currentPath()
      guard status.st_nlink > 0, !path.string.utf8.suffix(mark.count).elementsEqual(mark) else {
        return (nil, "it was removed or replaced while it was being opened")
      }
      guard path.isAbsolute else { return (nil, "it is not in any directory") }
      // The path of a file in another mount namespace has no meaning here, whatever it looks like.
      guard let mount = try file.mountID(), try MountTable.read().contains(where: { $0.id == mount }) else {
        return (nil, "it is on a file system that is not mounted here")
      }
      return (path, "")
    } catch {
      return (nil, error.errno.description)
    }
  }
}
