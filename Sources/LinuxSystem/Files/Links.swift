import Glibc
public import SystemPackage

extension FilePath {
  /// The absolute path of what this one leads to, free of links.
  ///
  /// - Throws: ``SystemError`` where it leads to nothing.
  public func resolvingLinks() throws(SystemError) -> FilePath {
    guard let resolved = withPlatformString({ realpath($0, nil) }) else {
      throw SystemError(errno: Errno(rawValue: errno), operation: "find", path: self)
    }
    defer { free(resolved) }
    return FilePath(platformString: resolved)
  }

  /// What a symbolic link holds.
  ///
  /// - Throws: ``SystemError``; `EINVAL` for what is no link.
  public func linkTarget() throws(SystemError) -> FilePath {
    var target = [CChar](repeating: 0, count: Int(PATH_MAX) + 1)
    try SystemError.check("read the link", self) {
      withPlatformString { readlink($0, &target, target.count - 1) }
    }
    return FilePath(platformString: target)
  }
}
