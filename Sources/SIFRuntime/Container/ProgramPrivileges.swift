import ExecutionControl
import Glibc
import LinuxSystem

/// What the program may do, and as whom it runs (spec/runtime.md "Users and capabilities").
struct ProgramPrivileges {
  let capabilities: Capabilities
  /// The user in place of this process's; nil for this process's.
  private let user: ProcessUser?
  /// Whether set-id programs change the user.
  private let mayChangeUser: Bool

  /// Checks what the options ask for.
  ///
  /// - Parameter ownsUsers: whether the program is in a user namespace of its own.
  /// - Throws: ``RuntimeError`` if this process cannot give that to a program.
  init(_ options: ContainerOptions, ownsUsers: Bool) throws(RuntimeError) {
    let forRoot: [(Bool, String)] = [
      (options.rootCapabilities == .full, "keeping every capability"),
      (options.rootCapabilities == .empty, "giving up every capability"),
      (options.programUser != nil, "running a program as another user or group"),
      (options.allowsSetID, "letting set-user-id programs change the user"),
    ]
    for (isAsked, what) in forRoot where isAsked && geteuid() != 0 {
      throw RuntimeError(.unavailable, "only root can ask for that: \(what)")
    }
    for (isAsked, what) in forRoot.dropFirst(2) where isAsked && ownsUsers {
      throw RuntimeError(.invalidArgument, "\(what) is not possible in a user namespace of one user")
    }
    capabilities = try Self.capabilities(options, ownsUsers: ownsUsers)
    guard !options.allowsSetID || capabilities.contains(.administration) else {
      throw RuntimeError(
        .unavailable,
        "letting set-user-id programs change the user needs a program that keeps CAP_SYS_ADMIN: otherwise the kernel "
          + "refuses the filter of system calls that every program gets", lacking: .everyCapability)
    }
    user = options.programUser
    mayChangeUser = options.allowsSetID
  }

  /// Gives up everything else, for good.
  func takeEffect() throws(SystemError) {
    try user?.become()
    try capabilities.keepAlone(mayChangeUser: mayChangeUser)
  }

  /// The capabilities that the program keeps. In its own user namespace it can have any; outside, those of this process.
  private static func capabilities(
    _ options: ContainerOptions, ownsUsers: Bool
  ) throws(RuntimeError) -> Capabilities {
    // execve(2) drops all capabilities outside the bounding set.
    let bound = try translating(try Capabilities.bounding())
    let own = try translating(try Capabilities.effective()).intersection(bound)
    let byDefault: Capabilities =
      switch options.rootCapabilities {
      case .full: ownsUsers ? .all : own
      case .granted: try granted(own)
      case .empty: []
      case nil:
        if options.isFakeRoot {
          .ownContainer
        } else if ownsUsers || options.programUser?.user ?? 0 != 0 {
          []
        } else {
          try ofSite(options.site, own)
        }
      }
    let added = options.addedCapabilities.subtracting(options.droppedCapabilities)
    let wanted = byDefault.union(added).subtracting(options.droppedCapabilities)
    guard !ownsUsers else { return wanted }
    guard own.contains(.ofSets) || bound.isSubset(of: wanted) else {
      throw RuntimeError(
        .unavailable, "this root lacks CAP_SETPCAP, which giving up other capabilities needs",
        lacking: Container.isInside ? .outerCapabilities : .privilegedNamespaces)
    }
    guard options.addedCapabilities == .all || own.isSuperset(of: added) else {
      throw RuntimeError(
        .unavailable, "this process lacks the capability \(added.subtracting(own).description)")
    }
    return wanted.intersection(own)
  }

  /// What the administrators leave to root.
  private static func ofSite(_ site: SiteSettings, _ own: Capabilities) throws(RuntimeError) -> Capabilities {
    switch site.rootCapabilities {
    case .full: own
    case .granted: try granted(own)
    case .empty, nil: []
    }
  }

  private static func granted(_ own: Capabilities) throws(RuntimeError) -> Capabilities {
    do { return try CapabilityGrants.configured().ofRoot().intersection(own) } catch {
      throw RuntimeError(.system, error.message)
    }
  }
}
