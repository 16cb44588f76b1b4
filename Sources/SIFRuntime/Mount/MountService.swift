import CLinux
import Glibc
import LinuxSystem
import Squash
public import SystemPackage

/// A server that answers for a mount in the background, until it is unmounted.
public enum MountService {
  /// Mounts a volume through FUSE, and returns once it can be used.
  ///
  /// This process must have one thread: the server is a copy of it.
  ///
  /// - Parameters:
  ///   - image: what the list of mounts shows.
  ///   - target: the directory, as an absolute path.
  /// - Throws: ``RuntimeError``, with the reason that the server gave.
  public static func start(
    _ volume: ImageVolume, image: FilePath, on target: FilePath, _ options: FuseOptions
  ) throws(RuntimeError) {
    var theirs: OwnedDescriptor?
    let mine = try translating { () throws(SystemError) in try OwnedDescriptor.socketPair(&theirs) }
    let report = theirs?.rawValue ?? -1
    try translating { () throws(SystemError) in
      try Forking.detached(keeping: [report, volume.descriptorNumber]) {
        do {
          return try serve(volume, image, target, options, report)
        } catch {
          tell(report, error)
          return 1
        }
      }
    }
    theirs = nil
    let answer = try translating { () throws(SystemError) in try mine.readToEnd(limit: 1 << 16) }
    guard answer.isEmpty || answer.last != 0 else { return }
    let text = String(decoding: answer, as: UTF8.self)
    throw RuntimeError(.unavailable, text.isEmpty ? "the server of the mount has died" : text)
  }

  /// Sends the reason of a failure, or one NUL for success, and closes.
  private static func tell(_ socket: Int32, _ failure: (any Error)?) {
    let bytes = failure.map { Array("\($0)".utf8) } ?? [0]
    _ = bytes.withUnsafeBytes { write(socket, $0.baseAddress, $0.count) }
    close(socket)
  }

  /// Mounts, and lets a child answer: whichever of the two is killed, the other one unmounts.
  private static func serve(
    _ volume: ImageVolume, _ image: FilePath, _ target: FilePath, _ options: FuseOptions,
    _ report: Int32
  ) throws -> Int32 {
    let isRoot = geteuid() == 0
    let device =
      if isRoot, FuseMount.find(FuseMount.helper) == nil {
        try FuseMount.mount(image, on: target)
      } else {
        try FuseMount.mountThroughHelper(image, on: target, forAll: isRoot)
      }
    let mount = try ImageMounts.top(at: target)
    var owned = Optional.some(device)
    let guardian = getpid()
    let server = try Forking.child {
      guard let device = owned.take() else { return 1 }
      do {
        try unmountOnSignals(target)
        // The end of the one that waits for this one is a request to end, too.
        linux_prctl(PR_SET_PDEATHSIG, UInt(SIGTERM), 0)
        guard getppid() == guardian else { return 1 }
        try FuseSession(volume.squash, device, options).run { tell(report, nil) }
        return 0
      } catch {
        tell(report, error)
        return 1
      }
    }
    owned = nil
    close(report)
    let status = try Forking.wait(for: server)
    // Unmounting ended it: then this is another mount, or none.
    if let mount, try ImageMounts.top(at: target) == mount { try ImageMounts.unmount(target, lazily: true) }
    return status
  }

  /// A request to end is one to unmount: who still reads may go on, and the server ends behind the last one.
  private static func unmountOnSignals(_ target: FilePath) throws(RuntimeError) {
    var signals = sigset_t()
    sigemptyset(&signals)
    for signal in [SIGTERM, SIGINT, SIGHUP] { sigaddset(&signals, signal) }
    // The threads to come inherit this: one alone takes the signals.
    pthread_sigmask(SIG_BLOCK, &signals, nil)
    let path = Unmanaged.passRetained(SignalTarget(target))
    var thread = pthread_t()
    let status = pthread_create(
      &thread, nil,
      { argument in
        guard let argument else { return nil }
        Unmanaged<SignalTarget>.fromOpaque(argument).takeRetainedValue().wait()
        return nil
      }, path.toOpaque())
    guard status == 0 else {
      path.release()
      throw RuntimeError(
        SystemError(errno: Errno(rawValue: status), operation: "start a thread of the mount's server"))
    }
    pthread_detach(thread)
  }

  private final class SignalTarget: Sendable {
    private let target: FilePath

    init(_ target: FilePath) { self.target = target }

    func wait() {
      var signals = sigset_t()
      sigemptyset(&signals)
      for signal in [SIGTERM, SIGINT, SIGHUP] { sigaddset(&signals, signal) }
      var number: Int32 = 0
      while true {
        guard sigwait(&signals, &number) == 0 else { continue }
        try? ImageMounts.unmount(target, lazily: true)
      }
    }
  }
}
