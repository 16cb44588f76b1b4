import CLinux
import Glibc
import LinuxSystem
import SystemPackage

/// The program's working directory. The image decides what a path leads to, but whatever links it has, the
/// directory has to be in the container (spec/runtime.md "The working directory").
enum WorkingDirectory {
  /// Enters a directory of the container. The container's root must already be this process's root.
  ///
  /// - Throws: ``RuntimeError`` if the directory does not exist, or a link of the image leads out of the
  ///   container. This process is then in its former directory or in the root.
  static func enter(_ path: FilePath) throws(RuntimeError) {
    let directory = try open(path)
    let number = directory.rawValue
    do throws(SystemError) {
      try SystemError.check("enter", path) { fchdir(number) }
      guard try isInside() else {
        throw SystemError(errno: .noSuchFileOrDirectory, operation: "enter", path: path)
      }
    } catch {
      chdir("/")
      throw failure(path, error)
    }
  }

  private static func open(_ path: FilePath) throws(RuntimeError) -> OwnedDescriptor {
    do {
      return try OwnedDescriptor.withoutMagicLinks(path, flags: linux_o_path | O_DIRECTORY)
    } catch {
      guard error.errno == .tooManySymbolicLinkLevels else { throw failure(path, error) }
      throw RuntimeError(
        .invalidArgument,
        "cannot enter \(path.string): in the container, its links go in a circle or through a process in /proc",
        system: error)
    }
  }

  private static func failure(_ path: FilePath, _ error: SystemError) -> RuntimeError {
    RuntimeError(SystemError(errno: error.errno, operation: "enter", path: path))
  }

  /// Whether the working directory is beneath this process's root. The kernel has no absolute path for any
  /// other directory.
  private static func isInside() throws(SystemError) -> Bool {
    var path = [CChar](repeating: 0, count: Int(PATH_MAX) + 1)
    do {
      try SystemError.check("find the working directory") { linux_working_directory(&path, path.count) }
    } catch  where error.errno == .outOfRange || error.errno == .fileNameTooLong {
      // The path is longer than the kernel can return, so no single name reaches the directory.
      return false
    }
    return path.first == CChar(bitPattern: UInt8(ascii: "/"))
  }
}
