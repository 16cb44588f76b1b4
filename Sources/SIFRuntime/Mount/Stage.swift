import Glibc
import LinuxSystem
import SystemPackage

/// A file system in memory that covers a directory of the host in one mount namespace, as a place for mounts.
enum Stage {
  /// Covers a directory of the host. Everything that is needed from the host has been opened before.
  static func cover() throws(RuntimeError) -> FilePath {
    let places: [FilePath] = ["/var/tmp", "/tmp", "/mnt", "/run", "/etc"]
    guard let stage = places.first(where: { $0.withPlatformString { access($0, X_OK) } == 0 }) else {
      throw RuntimeError(.unavailable, "the host has no directory to build a root on")
    }
    try translating { () throws(SystemError) in
      try Mounting.mount(
        "tmpfs", "siftool", on: stage, [.noSetID, .noDevices], data: "mode=755,size=64m")
    }
    return stage
  }
}
