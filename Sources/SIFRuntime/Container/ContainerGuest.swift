import CLinux
import Glibc
public import LinuxSystem
import SystemPackage

/// A program that is started in a container that runs already (spec/runtime.md "Instances").
public struct ContainerGuest {
  private let container: RunningContainer
  private let options: ContainerOptions

  /// Makes a guest. Of the options, those that make a container have no meaning.
  public init(in container: RunningContainer, _ options: ContainerOptions) {
    self.container = container
    var options = options
    options.isFakeRoot = container.isFakeRoot
    self.options = options
  }

  /// Runs the program, and ends as it ends. This process must have one thread.
  ///
  /// - Parameter handle: the container's first process; whoever opened it made sure that it is the one.
  /// - Throws: ``RuntimeError`` if the program was not started.
  public func run(_ handle: consuming ProcessHandle) throws -> Never {
    let holder = try translating(try handle.openForEntering())
    let foreign = try translating(try ProcessHandle.foreignNamespaces(of: holder.process))
    // The numbers above were those of the processes only if they are still there.
    guard !handle.hasEnded, !holder.hasEnded else { throw RuntimeError(.notFound, "the container has ended") }
    let ownsUsers = foreign.contains(.user)
    try options.label?.check(showsProcesses: true)
    let privileges = try ProgramPrivileges(options, ownsUsers: ownsUsers)
    let capabilities = privileges.capabilities
    var limits = ProgramLimits()
    limits.filters = container.filters
    limits.label = options.label
    if let profile = options.seccomp {
      limits.filters += [try profile.compile(capabilities: capabilities, onNote: options.onNote)]
    }
    let directory = CallersDirectory()
    let launcher = try translating(try LauncherFile())
    if let user = options.programUser?.user { try translating(try launcher.give(to: user)) }
    enterGroup()
    let mask = umask(0)
    umask(mask)
    // The container's processes have the same user. They must not look into this process, which has seen the host.
    ProcessPrivacy.set(isPrivate: true)
    do { try holder.enter(foreign) } catch {
      throw RuntimeError(
        .unavailable, "the container cannot be entered: \(error.errno.description)", system: error)
    }
    ProcessPrivacy.set(isPrivate: true)
    let status = try ProcessMonitor.run(.guest, onFork: {}) {
      try translating { () throws(SystemError) in
        try privileges.takeEffect()
        if !options.keepsKeyring { try SessionKeyring.replace() }
      }
      try WorkingDirectory.enter(options, directory, home: container.home, nil)
      return try ProgramStart(options, image: container.image, home: container.home, limits, launcher)
    }
    Forking.end(as: status)
  }

  /// Moves this process into the container's control group, where its limits count.
  private func enterGroup() {
    guard let group = container.group else { return }
    do throws(SystemError) {
      let file = try OwnedDescriptor(opening: group.appending("cgroup.procs"), flags: O_WRONLY)
      try SystemError.check("enter", group) { write(file.rawValue, "0", 1) }
    } catch {
      options.onNote("the container's limits do not count for this program: \(error.errno.description)")
    }
  }
}
