import Glibc
import LinuxSystem
import SystemPackage

/// A directory of the host that holds what a container would have in memory: `tmp`, `var_tmp`, `home`, and `scratch` with
/// the scratch directories (spec/runtime.md "The root of a container").
final class WorkDirectory {
  private let path: FilePath
  private let directory: OwnedDescriptor

  /// Opens a directory.
  init(_ path: FilePath) throws(RuntimeError) {
    do throws(SystemError) {
      directory = try OwnedDescriptor(opening: path, flags: O_RDONLY | O_DIRECTORY)
      self.path = try directory.currentPath()
    } catch {
      throw RuntimeError(
        .system, "\(path.string) cannot be the work directory: \(error.errno.description)", system: error)
    }
  }

  /// A directory in it, which is made if it does not exist. Links in it are not followed: others may have made them.
  func tree(_ parts: [FilePath.Component], mode: mode_t) throws(RuntimeError) -> PlannedMount.HostTree {
    var place = path
    let status: stat
    do throws(SystemError) {
      var current = try directory.copy()
      for part in parts {
        place.append(part)
        let name = FilePath(root: nil, [part]).bytes
        do { try current.makeDirectory(name, mode: mode) } catch  where error.errno == .fileExists {}
        current = try current.openDirectory(name)
      }
      status = try current.status()
    } catch {
      throw RuntimeError(
        .system, "\(place.string) cannot be used: \(error.errno.description)", system: error)
    }
    return try SourceDirectory.tree(of: place, as: status, [.noSetID, .noDevices])
  }
}
