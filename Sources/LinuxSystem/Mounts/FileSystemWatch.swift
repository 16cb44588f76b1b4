import CLinux
import Glibc
public import SystemPackage

/// Tells when a file system is gone: unmounted everywhere, in every namespace, and used by nobody.
///
/// The watch keeps neither the file system nor a namespace, and can be waited for from outside of both.
public enum FileSystemWatch {
  /// Begins to watch the file system that a path leads to.
  public static func begin(at path: FilePath) throws(SystemError) -> OwnedDescriptor {
    let number = try SystemError.check("watch", path) { linux_inotify_begin() }
    let watch = OwnedDescriptor(adopting: number, path: path)
    // Whatever is watched for, the end of the file system is told, too; this event is for a directory's own removal.
    try SystemError.check("watch", path) { path.withPlatformString { linux_inotify_watch(number, $0) } }
    return watch
  }

  /// Waits for the end.
  public static func waitForEnd(_ watch: borrowing OwnedDescriptor) {
    var events = [UInt8](repeating: 0, count: 4096)
    let number = watch.rawValue
    // The root of a file system cannot be removed: the first event is the last one.
    _ = try? SystemError.check("wait") { read(number, &events, events.count) }
  }
}
