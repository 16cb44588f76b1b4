import Glibc
import LinuxSystem

/// Stops instances.
public struct InstanceStopper {
  /// The signal that asks an instance to end.
  public var signal: Int32 = SIGINT
  /// The seconds after which an instance is killed.
  public var patience: Double = 10
  /// Called before an instance gets the signal.
  public var onStop: (InstanceRecord) -> Void = { _ in }
  /// Called when an instance is killed because it took too long.
  public var onKill: (InstanceRecord) -> Void = { _ in }

  /// Makes a stopper with the runtimes' defaults.
  public init() {}

  /// Sends the signal to all instances, and waits for their end together.
  ///
  /// The first process of an instance passes the signal on to its program. An instance that does not end in time is
  /// killed with all its processes.
  ///
  /// - Throws: ``InstanceError`` if an instance cannot be signalled, after all others have been stopped.
  public func stop(_ instances: [InstanceRecord]) throws(InstanceError) {
    var fault: InstanceError?
    var stopping: [InstanceRecord] = []
    for instance in instances {
      onStop(instance)
      do throws(InstanceError) {
        try send(signal, to: instance)
        stopping.append(instance)
      } catch  where error.code == .notFound {
        // It has ended by itself.
      } catch { fault = error }
    }
    var clock = timespec()
    clock_gettime(CLOCK_MONOTONIC, &clock)
    let end = Double(clock.tv_sec) + Double(clock.tv_nsec) / 1e9 + patience
    for instance in stopping {
      clock_gettime(CLOCK_MONOTONIC, &clock)
      let rest = max(0, end - Double(clock.tv_sec) - Double(clock.tv_nsec) / 1e9)
      guard !wait(for: instance, seconds: rest) else { continue }
      onKill(instance)
      try? send(SIGKILL, to: instance)
      _ = wait(for: instance, seconds: 10)
    }
    if let fault { throw fault }
  }

  private func send(_ signal: Int32, to instance: InstanceRecord) throws(InstanceError) {
    let handle = try instance.open()
    do { try handle.send(signal) } catch {
      guard error.errno != .noSuchProcess else { return }
      throw InstanceError(
        .system, "the instance \(instance.name) cannot be stopped: \(error.errno.description)", system: error)
    }
  }

  /// Waits for the end of the container, and of the process that cleans up after it. Returns whether both have ended.
  private func wait(for instance: InstanceRecord, seconds: Double) -> Bool {
    let master = try? ProcessHandle(opening: instance.master)
    if let first = try? instance.open(), !first.waitForEnd(seconds: seconds) { return false }
    if let master { _ = master.waitForEnd(seconds: 5) }
    return true
  }
}
