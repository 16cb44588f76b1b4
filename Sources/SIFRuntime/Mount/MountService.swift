import CLinux
import Glibc
import LinuxSystem
import Squash
public import SystemPackage

/// A server that answers for a mount in the background, until it is unmounted.
public enum MountService {
  /// Mounts a volume through FUSE, and returns as soon as the mount can be used.
  ///
  /// This process must have one thread: the server is a copy of it.
  ///
  /// - Parameters:
  ///   - image: the name that the list of mounts shows.
  ///   - target: the directory, as an absolute path.
  /// - Throws: ``RuntimeError``, with the reason that the server gave.
  public static func start(
    _ volume: ImageVolume, image: FilePath, on target: FilePath, _ options: FuseOptions
  ) throws(RuntimeError) {
    let helper = try translating { () throws(SystemError) in
      try Helper(.detached, keeping: [volume.descriptorNumber]) { channel in
        let report = channel.release()
        // The caller may have blocked these signals.
        EndingSignals.obey()
        MountNamespaceUse.becomeServer()
        do {
          return try serve(volume, image, target, options, report)
        } catch {
          _ = tell(report, error)
          return 1
        }
      }
    }
    let answer = try translating(
      try helper.channel?.readToEnd(limit: 1 << 16) ?? [])
    guard answer != [0] else { return }
    throw RuntimeError(bytes: answer) ?? RuntimeError(.system, "the server of the mount has died")
  }

  /// Sends the reason of a failure, or one NUL for success. Returns whether anybody is listening.
  private static func tell(_ socket: Int32, _ failure: (any Error)?) -> Bool {
    let bytes = failure.map { RuntimeError(any: $0).bytes } ?? [0]
    let count = bytes.withUnsafeBytes { write(socket, $0.baseAddress, $0.count) }
    close(socket)
    return count == bytes.count
  }

  /// Has a child mount and answer. If either of the two is killed, at any step, the other one unmounts.
  private static func serve(
    _ volume: ImageVolume, _ image: FilePath, _ target: FilePath, _ options: FuseOptions,
    _ report: Int32
  ) throws -> Int32 {
    let guardian = getpid()
    // If the server is killed before the helper that mounts, the helper becomes a child of this process.
    linux_prctl(PR_SET_CHILD_SUBREAPER, 1, 0)
    let server = try Forking.child {
      do {
        blockSignals()
        // The end of the process that waits for this one is a request to end, too.
        linux_prctl(PR_SET_PDEATHSIG, UInt(SIGTERM), 0)
        guard getppid() == guardian else { return 1 }
        let device = try connect(image, target)
        try unmountOnSignals(target)
        try FuseSession(volume.squash, device, options).run {
          // The process that asked for the mount was killed, so nobody knows about it.
          if !tell(report, nil) { kill(getpid(), SIGTERM) }
        }
        return 0
      } catch {
        _ = tell(report, error)
        return 1
      }
    }
    close(report)
    // A namespace without other processes has nobody left to unmount it, and these two processes would keep
    // it for ever.
    if MountNamespaceUse.waitUntilLeft(orEndOf: server) { kill(server, SIGTERM) }
    let status = try Forking.wait(for: server)
    while waitpid(-1, nil, 0) > 0 || errno == EINTR {}
    // The server may have ended because of an unmount: then another mount is on top, or none.
    if let mount = try ImageMounts.top(at: target), mount.type == FuseMount.type, isDead(target) {
      try ImageMounts.unmount(target, lazily: true)
    }
    return status
  }

  private static func connect(_ image: FilePath, _ target: FilePath) throws(RuntimeError) -> OwnedDescriptor {
    let isRoot = geteuid() == 0
    guard isRoot, FuseMount.find(FuseMount.helper) == nil else {
      return try FuseMount.mountThroughHelper(image, on: target, forAll: isRoot)
    }
    return try FuseMount.mount(image, on: target)
  }

  /// Whether the server of a mount is gone for good.
  private static func isDead(_ target: FilePath) -> Bool {
    var status = statvfs()
    return target.withPlatformString { statvfs($0, &status) } != 0 && errno == ENOTCONN
  }

  private static var signals: SignalSet { SignalSet([SIGTERM, SIGINT, SIGHUP]) }

  /// Holds back requests to end until a thread waits for them. New threads inherit this.
  private static func blockSignals() {
    signals.hold()
  }

  /// Treats a request to end as one to unmount. Readers may go on, and the server ends after the last one.
  private static func unmountOnSignals(_ target: FilePath) throws(RuntimeError) {
    try translating { () throws(SystemError) in
      _ = try Thread {
        while true {
          guard MountService.signals.wait() != nil else { continue }
          try? ImageMounts.unmount(target, lazily: true)
        }
      }
    }
  }
}
