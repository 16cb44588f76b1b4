/// Commands of a user other than root, in a mount namespace with a /dev/fuse that everybody may open, as on
/// desktop systems.
public enum OrdinaryUser {
  /// For `devices`: a /dev/fuse that only root may open.
  public static func closedFuse(in directory: Scratch) -> String {
    "mknod -m 600 \(directory.path)/closed c 10 229; mount --bind \(directory.path)/closed /dev/fuse"
  }

  /// Runs a shell script as the user nobody.
  ///
  /// - Parameters:
  ///   - directory: a directory of the test; afterwards everybody may enter it, and it has a copy of the
  ///     tool.
  ///   - devices: commands to run first, as root, in the same mount namespace.
  ///   - home: the user's home in the list of users there; without it the home does not exist.
  public static func run(
    _ script: String, in directory: Scratch, devices: String? = nil, home: String? = nil,
    environment: [String: String] = [:]
  ) throws -> ToolAnswer {
    let fuse = "\(directory.path)/fuse-device"
    let users =
      home.map {
        """
        sed 's,^\\(nobody:[^/]*\\)/[^:]*,\\1\($0),' /etc/passwd > \(directory.path)/users
        mount --bind \(directory.path)/users /etc/passwd
        """
      } ?? ":"
    let prepare = devices ?? "mount --bind \(fuse) /dev/fuse"
    return try Tool.run(
      [
        "unshare", "-m", "sh", "-c",
        """
        set -e; chmod 755 \(directory.path); [ -e \(fuse) ] || mknod -m 666 \(fuse) c 10 229
        [ -e \(directory.path)/siftool ] || install -m 755 \(Fixture.siftool) \(directory.path)/siftool
        \(prepare)
        \(users)
        exec setpriv --reuid=65534 --regid=65534 --clear-groups --inh-caps=-all sh -c "$1"
        """, "sh",
        "export HOME=\(home ?? "/nonexistent"); cd \(directory.path); PATH=\(directory.path):$PATH; \(script)",
      ], environment: environment)
  }
}
