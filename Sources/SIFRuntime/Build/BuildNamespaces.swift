import CLinux
import Glibc
import LinuxSystem

/// The namespaces of a build (spec/build.md "Users").
public enum BuildNamespaces {
  /// Makes this process root of the build: another user enters a user namespace, with the ranges of /etc/subuid where there are
  /// some. In any case the mounts of the build are its own. This process must have one thread.
  ///
  /// - Parameters:
  ///   - ignoresRanges: whether root is the only user even if there are ranges.
  ///   - onNote: receives why there are no ranges.
  public static func enter(
    ignoresRanges: Bool = false, onNote: @escaping (String) -> Void = { _ in }
  ) throws(RuntimeError) {
    try Container.checkThreads()
    guard geteuid() != 0 else {
      do { try Namespaces.mount.enter() } catch {
        guard error.errno == .notPermitted else { throw RuntimeError(error) }
        // Root of a container without rights is root of a namespace of its own.
        return try enterUsers(RangeMapping?.none)
      }
      return try translating(try Mounting.makePrivate())
    }
    try enterUsers(ignoresRanges ? nil : RangeMapping(Identity(), onNote))
  }

  private static func enterUsers(_ mapping: RangeMapping?) throws(RuntimeError) {
    let outside = (user: geteuid(), group: getegid())
    let mapper = try mapping.map { (mapping) throws(RuntimeError) in try MappingProcess(mapping.helpers) }
    do { try ([.user, .mount] as Namespaces).enter() } catch {
      throw RuntimeError(
        .unavailable,
        "a build by another user than root needs a user namespace, and the system allows none (\(error.errno.description))",
        system: error, lacking: .userNamespace)
    }
    // The kernel lets this user write the ID maps only of a process that others may look into.
    let wasPrivate = ProcessPrivacy.isPrivate
    ProcessPrivacy.set(isPrivate: false)
    defer { ProcessPrivacy.set(isPrivate: wasPrivate) }
    if let mapper {
      try mapper.map()
    } else {
      try translating(try Namespaces.mapSelf(user: (0, outside.user), group: (0, outside.group)))
    }
    try translating(try Mounting.makePrivate())
  }
}
