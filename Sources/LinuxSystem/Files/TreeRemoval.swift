import CLinux
import Glibc
package import SystemPackage

/// Temporary directories that their owner no longer needs.
package enum TreeRemoval {
  /// Removes a directory with all that is in it. Whoever still writes to it is being ended, so try again.
  ///
  /// Links are not followed. Permissions and flags that forbid changes are taken away: images and scripts set them.
  package static func remove(_ place: consuming OwnedDescriptor, at path: FilePath) {
    for _ in 0..<100 {
      empty(place)
      if path.withPlatformString({ rmdir($0) }) == 0 || linux_errno() == ENOENT { return }
      usleep(100_000)
    }
  }

  private static func empty(_ directory: borrowing OwnedDescriptor) {
    guard let names = try? directory.names() else { return }
    for name in names {
      guard (try? directory.remove(name)) == nil else { continue }
      free(directory)
      try? directory.setPermissions(of: name, 0o700, type: S_IFDIR)
      if let inner = try? directory.openDirectory(name) {
        empty(inner)
        try? directory.remove(name, isDirectory: true)
      } else {
        if let file = try? directory.openBeneath(name, flags: O_RDONLY | O_NONBLOCK | O_NOFOLLOW) {
          free(file)
        }
        try? directory.remove(name)
      }
    }
  }

  /// Takes the flags away that make a file unchangeable, or one that only grows.
  private static func free(_ file: borrowing OwnedDescriptor) {
    var flags: Int32 = 0
    let both: Int32 = 0x10 | 0x20
    guard linux_inode_flags(file.rawValue, &flags) == 0, flags & both != 0 else { return }
    _ = linux_set_inode_flags(file.rawValue, flags & ~both)
  }
}
