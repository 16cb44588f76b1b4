import CLinux
import Glibc
import LinuxSystem
public import SIFRuntime
public import SystemPackage

/// The container that the children of one process share: one of them starts it, all of them run programs in it, and it
/// ends with the last (spec/runtime.md "A container for several").
///
/// Two files have locks. A process takes the lock of the first one, the door, before it looks for the container or starts it.
/// Every program has a shared lock of the other file; a process in the background, the keeper, waits until it can have that
/// alone. The kernel releases the locks, whatever ends a process.
public struct SharedContainer: Sendable {
  private static let prefix = "sharens_"

  private let store: InstanceStore
  private let name: String
  private var door: String { ".\(name).door" }
  private var room: String { ".\(name).room" }

  /// The container of this process's parent.
  public init(in store: InstanceStore) {
    self.store = store
    let parent = getppid()
    // The number may be another process's later; its start tells the two apart.
    name = "\(Self.prefix)\(parent)_\(ProcessHandle.start(of: parent) ?? 0)"
  }

  /// Whether an instance of that name is a shared container.
  public static func isName(_ name: String) -> Bool { name.hasPrefix(prefix) }

  /// Finds the container, or starts it. It stays at least as long as this process, which must have one thread.
  ///
  /// - Parameters:
  ///   - image: the image of all programs.
  ///   - callers: the descriptors that the caller had open. The container's own processes must not keep them open.
  ///   - start: returns what the container is made of, if this process is the first one.
  ///   - onLog: receives what the start has written to the log of errors.
  public func join(
    image: FilePath, callers: [Int32], start: () throws -> (ContainerRoot, ContainerOptions),
    onLog: ([UInt8]) -> Void
  ) throws -> InstanceRecord {
    let door = try lockDoor()
    // Nobody waits here but for a keeper that takes the last container away.
    let room = try store.openLock(self.room)
    try Self.lock(room, LOCK_SH)
    if let running = try find() {
      guard running.container.image == image else {
        throw InstanceError(
          .exists,
          "the container that the programs of one parent share runs from another image, \(running.container.image.string)"
        )
      }
      _ = room.release()
      return running
    }
    let starter = try InstanceStarter(name, in: store)
    let started: InstanceRecord
    do {
      let (root, options) = try start()
      let inherited = callers.filter { $0 > STDERR_FILENO } + [door.rawValue, room.rawValue]
      started = try starter.start(
        root, image: image, options, keeper: { work in keep(work, closing: inherited) }, onLog: onLog)
    } catch {
      starter.giveUp()
      throw error
    }
    // It stays open until this process ends.
    _ = room.release()
    return started
  }

  private func find() throws(InstanceError) -> InstanceRecord? {
    do throws(InstanceError) { return try store.find(name) } catch  where error.code == .notFound {
      return nil
    }
  }

  private func lockDoor() throws(InstanceError) -> OwnedDescriptor {
    while true {
      let file = try store.openLock(door)
      try Self.lock(file, LOCK_EX)
      if store.isLock(door, file) { return file }
    }
  }

  private static func lock(_ file: borrowing OwnedDescriptor, _ kind: Int32) throws(InstanceError) {
    let (number, path) = (file.rawValue, file.path)
    _ = try translating { () throws(SystemError) in
      try SystemError.check("lock", path) { flock(number, kind) }
    }
  }

  // MARK: The keeper

  /// Runs the work in a child, and has it end when no program is left.
  private func keep(_ work: () -> Int32, closing numbers: [Int32]) -> Int32 {
    let keeper = getpid()
    let master = try? Forking.child {
      linux_prctl(PR_SET_PDEATHSIG, UInt(SIGKILL), 0)
      guard getppid() == keeper else { return 1 }
      for number in numbers { close(number) }
      return work()
    }
    // The locks that this process has inherited, and everything else.
    linux_close_range(UInt32(STDERR_FILENO + 1), .max)
    guard let master else { return 1 }
    if let room = try? store.openLock(self.room) {
      try? Self.lock(room, LOCK_EX)
      kill(master, SIGTERM)
      _ = try? Forking.wait(for: master)
      clean()
      return 0
    }
    kill(master, SIGKILL)
    return 1
  }

  /// Removes the files, unless somebody is at the door.
  private func clean() {
    guard let door = try? store.openLock(self.door), (try? door.lockWhole()) == true,
      store.isLock(self.door, door)
    else {
      return
    }
    store.removeLogs(name)
    store.removeLock(room)
    store.removeLock(self.door)
  }
}
