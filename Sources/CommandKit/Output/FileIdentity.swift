import Bytes
import Glibc
import Squash
import SystemPackage

extension FileIdentity {
  /// The identity of the file that a path leads to; nil if it does not exist.
  package init?(of path: FilePath) {
    var status = stat()
    guard path.withPlatformString({ stat($0, &status) }) == 0 else { return nil }
    self.init(device: UInt64(status.st_dev), inode: UInt64(status.st_ino))
  }
}
