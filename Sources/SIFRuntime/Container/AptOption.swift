import Glibc
import LinuxSystem
import SystemPackage

extension RootFileSystem {
  /// Tells apt that it stays root, where root is the only user (docs/decisions/0011-root-of-one-user.md): it downloads as a
  /// user of its own, and ends if it finds that it did not become that user.
  func addAptOption(to plan: inout MountPlan, _ top: borrowing OwnedDescriptor) {
    let directory: FilePath = "/etc/apt/apt.conf.d"
    let name = "zz-siftool"
    guard let found = try? top.openInRoot(directory, flags: O_RDONLY | O_DIRECTORY) else { return }
    if isBaseWritten {
      // Nothing else makes places in an image that is written. The empty file stays, and means nothing.
      let flags = O_WRONLY | O_CREAT | O_NONBLOCK | O_NOCTTY
      guard (try? found.openBeneath(Array(name.utf8), flags: flags, mode: 0o644)) != nil else { return }
    }
    plan.add(file: directory.appending(name), Array("APT::Sandbox::User \"root\";\n".utf8))
  }
}
