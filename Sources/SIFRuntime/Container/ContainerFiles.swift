import CLinux
import Glibc
import LinuxSystem
import ShellScript
import SystemPackage

/// The files of the container, as the image's scripts see them (spec/runtime.md "The environment").
///
/// The container's root must already be this process's root: no link of the image leads out of it.
struct ContainerFiles: ScriptFiles {
  /// The length of the longest script that is read.
  static let longest = 1 << 20

  func content(of path: [UInt8]) -> [UInt8]? { Self.content(of: path) }

  /// The content of a regular file of at most 1 MiB; nil for everything else.
  static func content(of path: [UInt8]) -> [UInt8]? {
    let path = FilePath(bytes: path)
    // Check the type before opening: opening a device may already have effects.
    guard let found = try? OwnedDescriptor.withoutMagicLinks(path, flags: linux_o_path),
      let status = try? found.status(), status.st_mode & S_IFMT == S_IFREG, status.st_size <= longest,
      let file = try? OwnedDescriptor.withoutMagicLinks(path, flags: O_RDONLY | O_NONBLOCK | O_NOCTTY),
      let opened = try? file.status(), opened.st_mode & S_IFMT == S_IFREG,
      let text = try? file.readToEnd(limit: longest + 1), text.count <= longest
    else { return nil }
    return text
  }

  func holds(_ question: FileQuestion, of path: [UInt8]) -> Bool {
    let path = FilePath(bytes: path)
    switch question {
    case .isReadable: return Self.allows(path, R_OK)
    case .isWritable: return Self.allows(path, W_OK)
    case .isExecutable: return Self.allows(path, X_OK)
    case .isLink:
      return Self.status(of: path, flags: AT_SYMLINK_NOFOLLOW).map { $0.st_mode & S_IFMT } == S_IFLNK
    case .exists: return Self.status(of: path) != nil
    case .isRegular: return Self.status(of: path).map { $0.st_mode & S_IFMT } == S_IFREG
    case .isDirectory: return Self.status(of: path).map { $0.st_mode & S_IFMT } == S_IFDIR
    case .hasContent: return Self.status(of: path).map { $0.st_size > 0 } ?? false
    }
  }

  /// Whether this process may do something with a file.
  static func allows(_ path: FilePath, _ mode: Int32) -> Bool {
    path.withPlatformString { access($0, mode) } == 0
  }

  static func status(of path: FilePath, flags: Int32 = 0) -> stat? {
    var status = stat()
    return path.withPlatformString { fstatat(AT_FDCWD, $0, &status, flags) } == 0 ? status : nil
  }
}
