import Glibc
import SystemPackage

/// Which users this process's namespace has.
public struct UserMap: Sendable {
  /// Whether the kernel refuses something that root of the machine may do to files.
  public let isLimited: Bool
  /// Whether there is one user, or one group.
  public let isSingle: Bool

  /// Those of this process.
  public static func current() -> UserMap {
    let counts = ["/proc/self/uid_map", "/proc/self/gid_map"].map { path -> UInt64 in
      guard let file = try? OwnedDescriptor(opening: FilePath(path), flags: O_RDONLY),
        let text = try? file.readToEnd(limit: 1 << 16)
      else { return 0 }
      return String(decoding: text, as: UTF8.self).split(separator: "\n").reduce(0) { sum, line in
        sum &+ (line.split(separator: " ").last.flatMap { UInt64($0) } ?? 0)
      }
    }
    let wanted = ["CHOWN", "MKNOD", "SETFCAP"].compactMap { Capabilities(named: $0) }
    let own = (try? Capabilities.effective()) ?? []
    let hasAll = counts.allSatisfy { $0 >= UInt64(UInt32.max) } && wanted.allSatisfy { own.contains($0) }
    return UserMap(isLimited: !hasAll, isSingle: counts.contains { $0 <= 1 })
  }
}
