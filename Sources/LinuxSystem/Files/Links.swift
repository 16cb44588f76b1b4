import Glibc
public import SystemPackage

extension FilePath {
  /// The absolute path of the file that this path leads to, with all links resolved.
  ///
  /// - Throws: ``SystemError`` if the path leads to nothing.
  public func resolvingLinks() throws(SystemError) -> FilePath {
    guard let resolved = withPlatformString({ realpath($0, nil) }) else {
      throw SystemError(errno: Errno(rawValue: errno), operation: "find", path: self)
    }
    defer { free(resolved) }
    return FilePath(platformString: resolved)
  }

  /// The target of a symbolic link.
  ///
  /// - Throws: ``SystemError``; `EINVAL` if the path is not a symbolic link.
  public func linkTarget() throws(SystemError) -> FilePath {
    var target = [CChar](repeating: 0, count: Int(PATH_MAX) + 1)
    try SystemError.check("read the link", self) {
      withPlatformString { readlink($0, &target, target.count - 1) }
    }
    return FilePath(platformString: target)
  }
}
