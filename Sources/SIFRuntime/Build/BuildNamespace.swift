import Glibc
import LinuxSystem

/// The namespaces of a whole build: this process is root in them, as far as it may be, and what it mounts is seen nowhere else.
public enum BuildNamespace {
  /// Enters them. This process must have one thread.
  ///
  /// Root of the machine stays what it is, and so does root of a user namespace that was made around this process. Anybody else
  /// becomes root over the ranges of `/etc/subuid`, or over one number.
  ///
  /// - Parameters:
  ///   - usesRanges: whether ranges are used if there are any.
  ///   - onNote: receives why there are none.
  public static func enter(usesRanges: Bool, onNote: (String) -> Void) throws(RuntimeError) {
    let outside = (user: geteuid(), group: getegid())
    guard outside.user != 0 else {
      // In a container without privilege nothing can be mounted; steps that need it say so.
      if (try? Namespaces.mount.enter()) != nil { try? Mounting.makePrivate() }
      return
    }
    let ranges = usesRanges ? RangeMapping(Identity(), onNote) : nil
    let mapper = try ranges.map { (ranges) throws(RuntimeError) in try MappingProcess(ranges.helpers) }
    do { try Namespaces([.user, .mount]).enter() } catch {
      throw RuntimeError(
        .unavailable,
        "building as an ordinary user needs a user namespace, and the system allows none (\(error.errno.description))",
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
    try translating { () throws(SystemError) in
      if ranges != nil {
        // The numbers of before are not those of root inside until they are set.
        try SystemError.check("become root of the namespace") { setgid(0) }
        try SystemError.check("become root of the namespace") { setuid(0) }
      }
      try Mounting.makePrivate()
    }
  }
}
