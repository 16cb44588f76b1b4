import CLinux
import Glibc
import LinuxSystem
import SystemPackage

/// The caller's working directory, outside.
struct CallersDirectory {
  /// The kernel's name of it; nil if it has none, for example because it was removed.
  let physical: FilePath?
  /// The shell's name of it, through links (`PWD`), if that is another one.
  let logical: FilePath?
  private let status: stat

  /// The working directory of this process.
  init() {
    var status = stat()
    let isThere = stat(".", &status) == 0
    self.status = status
    var path: FilePath?
    if let name = getcwd(nil, 0) {
      path = FilePath(platformString: name)
      free(name)
    }
    // The kernel has no absolute path for a directory outside of this process's root.
    physical = path.flatMap { isThere && $0.isAbsolute ? $0 : nil }
    let name = getenv("PWD").map { FilePath(platformString: $0) }
    logical = physical.flatMap { physical in
      guard let name, name != physical, name.isAbsolute, name.lexicallyNormalized() == name,
        Self.isSame(name, status)
      else { return nil }
      return name
    }
  }

  private static func isSame(_ path: FilePath, _ status: stat) -> Bool {
    var other = stat()
    return path.withPlatformString { stat($0, &other) } == 0 && other.st_dev == status.st_dev
      && other.st_ino == status.st_ino
  }

  /// Whether this process's working directory is still that directory.
  var isEntered: Bool { Self.isSame(".", status) }
}

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

  /// Enters the directory in which the program starts: the requested one, or else the caller's by the shell's or the
  /// kernel's name, the home directory, or the root.
  static func enter(
    _ options: ContainerOptions, _ outside: CallersDirectory, home: FilePath, _ directoryFailure: SystemError?
  ) throws(RuntimeError) {
    if let path = options.workingDirectory { return try enter(path) }
    var reason: String?
    if !options.isContained {
      // A link of the image may lead the shell's name elsewhere.
      if let path = outside.logical, (try? enter(path)) != nil, outside.isEntered { return }
      reason = failure(to: outside, directoryFailure)
      if reason == nil { return }
    }
    let place: FilePath = (try? enter(home)) == nil ? "/" : home
    if place == "/" { try? enter("/") }
    if let reason { options.onNote("\(reason): the program starts in \(place.string)") }
  }

  /// Enters the caller's directory. Returns the reason if that is impossible.
  private static func failure(to outside: CallersDirectory, _ shown: SystemError?) -> String? {
    guard let path = outside.physical else { return "the working directory was removed" }
    if let error = shown {
      return
        "the working directory \(path.string) cannot be shown in the container (\(error.errno.description))"
    }
    do {
      try enter(path)
      return nil
    } catch {
      guard let system = error.system, system.errno != .noSuchFileOrDirectory else {
        return "the working directory \(path.string) does not exist in the container"
      }
      return
        "the working directory \(path.string) cannot be entered in the container (\(system.errno.description))"
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
