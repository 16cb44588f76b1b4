import CLinux
import Glibc
import SystemPackage

/// Namespaces of the kernel.
public struct Namespaces: OptionSet, Sendable {
  /// The bits of unshare(2).
  public let rawValue: Int32

  /// Namespaces from the bits of unshare(2).
  public init(rawValue: Int32) { self.rawValue = rawValue }

  /// Mounts.
  public static let mount = Namespaces(rawValue: linux_clone_mount)
  /// Users, groups and capabilities.
  public static let user = Namespaces(rawValue: linux_clone_user)
  /// Process ids of the children that are started later.
  public static let process = Namespaces(rawValue: linux_clone_pid)
  /// Network interfaces.
  public static let network = Namespaces(rawValue: linux_clone_network)
  /// The host name.
  public static let hostName = Namespaces(rawValue: linux_clone_uts)
  /// System V and POSIX message queues, semaphores and shared memory.
  public static let messages = Namespaces(rawValue: linux_clone_ipc)

  /// The view of control groups.
  public static let controlGroup = Namespaces(rawValue: linux_clone_control_group)

  /// Moves this process, which must have one thread, into new namespaces.
  public func enter() throws(SystemError) {
    try SystemError.check(
      contains(.user) ? "make a user namespace" : "make a namespace"
    ) { linux_unshare(rawValue) }
  }

  /// This process's user namespace, which others can join by the descriptor.
  public static func currentUsers() throws(SystemError) -> OwnedDescriptor {
    try OwnedDescriptor(opening: "/proc/self/ns/user", flags: O_RDONLY)
  }

  /// Moves this process, which must have one thread, into a user namespace of the same user. It gets every capability
  /// there.
  public static func join(users: borrowing OwnedDescriptor) throws(SystemError) {
    let number = users.rawValue
    try SystemError.check("join a user namespace") { linux_setns(number, linux_clone_user) }
  }

  /// Maps one user and one group into the user namespace that this process has just made.
  ///
  /// - Parameters:
  ///   - user: the number inside, and the one outside that it stands for.
  ///   - group: the same for the group.
  public static func mapSelf(
    user: (inside: uid_t, outside: uid_t), group: (inside: gid_t, outside: gid_t)
  ) throws(SystemError) {
    // The kernel insists: otherwise a process could drop a group whose members have fewer rights.
    try write("deny", to: "/proc/self/setgroups")
    try write("\(user.inside) \(user.outside) 1\n", to: "/proc/self/uid_map")
    try write("\(group.inside) \(group.outside) 1\n", to: "/proc/self/gid_map")
  }

  /// Forbids further user namespaces beneath the one that this process has made: their creators have all
  /// capabilities in them.
  public static func forbidMoreUsers() throws(SystemError) {
    // The file contains the limit of the calling process's own namespace.
    try write("0", to: "/proc/sys/user/max_user_namespaces")
  }

  private static func write(_ text: String, to path: FilePath) throws(SystemError) {
    let file = try OwnedDescriptor(opening: path, flags: O_WRONLY)
    // The kernel takes the whole text in one call, and refuses further ones.
    let count = text.utf8.count
    try SystemError.check("write to", path) { Glibc.write(file.rawValue, text, count) }
  }

  /// Sets the host name in this process's namespace.
  public static func setHostName(_ name: String) throws(SystemError) {
    let count = name.utf8.count
    try SystemError.check("set the host's name") { linux_sethostname(name, count) }
  }

  /// Brings up the loopback interface of this process's namespace.
  public static func bringUpLoopback() throws(SystemError) {
    let number = try SystemError.check("make a socket") { socket(AF_INET, Int32(SOCK_DGRAM.rawValue), 0) }
    let any = OwnedDescriptor(adopting: number, path: "socket")
    try SystemError.check("bring up the loopback interface") { linux_interface_up(any.rawValue, "lo") }
  }
}

/// A network namespace that exists, opened by its file, such as `/proc/NUMBER/ns/net` or `/run/netns/NAME`.
public struct NetworkNamespace: ~Copyable {
  private let descriptor: OwnedDescriptor

  /// Opens a network namespace.
  ///
  /// - Throws: ``SystemError``; `EINVAL` if the file is not one of a network namespace. Other files are not opened: that
  ///   could have effects.
  public init(opening path: FilePath) throws(SystemError) {
    let other = SystemError(errno: .invalidArgument, operation: "enter", path: path)
    let named = try OwnedDescriptor.naming(path)
    guard linux_is_namespace(named.rawValue) != 0 else { throw other }
    let file = try OwnedDescriptor(opening: named.pathOfDescriptor, flags: O_RDONLY)
    guard linux_is_namespace(file.rawValue) != 0, linux_namespace_type(file.rawValue) == linux_clone_network
    else {
      throw other
    }
    descriptor = file
  }

  /// Moves this process, which must have one thread, into the namespace.
  ///
  /// A user who may not do that in the own user namespace enters the namespace's one first, if it is the user's.
  public func enter() throws(SystemError) {
    let (number, path) = (descriptor.rawValue, descriptor.path)
    func enter() throws(SystemError) {
      try SystemError.check("enter", path) { linux_setns(number, linux_clone_network) }
    }
    do throws(SystemError) {
      try enter()
    } catch {
      guard error.errno == .notPermitted else { throw error }
      let owner = linux_namespace_owner(number)
      guard owner >= 0 else { throw error }
      let users = OwnedDescriptor(adopting: owner, path: "user namespace")
      guard linux_setns(users.rawValue, linux_clone_user) == 0 else { throw error }
      try enter()
    }
  }
}
