import CLinux
import Glibc
public import SystemPackage

/// Notices the end of a file system: it is unmounted everywhere, in every namespace, and not in use.
///
/// The watch keeps neither the file system nor a namespace alive, and can be waited for outside of both.
public enum FileSystemWatch {
  /// Starts to watch the file system that a path leads to.
  public static func begin(at path: FilePath) throws(SystemError) -> OwnedDescriptor {
    let number = try SystemError.check("watch", path) { linux_inotify_begin() }
    let watch = OwnedDescriptor(adopting: number, path: path)
    // The kernel reports the end of the file system to any watch. The requested event is the directory's own removal.
    try SystemError.check("watch", path) { path.withPlatformString { linux_inotify_watch(number, $0) } }
    return watch
  }

  /// Waits for the end of the file system.
  public static func waitForEnd(_ watch: borrowing OwnedDescriptor) {
    var events = [UInt8](repeating: 0, count: 4096)
    let number = watch.rawValue
    // The root of a file system cannot be removed, so the first event is the end.
    _ = try? SystemError.check("wait") { read(number, &events, events.count) }
  }
}
