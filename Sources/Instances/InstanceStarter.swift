import Glibc
import LinuxSystem
public import SIFRuntime
public import SystemPackage

/// Starts instances: containers that stay in the background under a name (spec/runtime.md "Instances").
public struct InstanceStarter: Sendable {
  /// The name of a container's first process, as the runtimes' users know it.
  public static let processName = "sinit"

  private let store: InstanceStore
  private let name: String
  private let claim: InstanceClaim

  /// Takes the name.
  ///
  /// - Throws: ``InstanceError`` if it is not a name, or an instance of that name runs.
  public init(_ name: String, in store: InstanceStore) throws(InstanceError) {
    self.store = store
    self.name = name
    claim = try store.claim(name)
  }

  /// Gives the name back if the container is not to be started.
  public func giveUp() { claim.remove() }

  /// Starts the container in the background, with the log files as its standard output and error.
  ///
  /// This process must have one thread.
  ///
  /// - Parameters:
  ///   - image: the image's path, for the programs' variables.
  ///   - keeper: called in the background with the work of the process that waits for the container.
  ///   - onLog: receives what the start has written to the log of errors.
  /// - Throws: `RuntimeError` or ``InstanceError`` if the container was not started; then nothing is left.
  public func start(
    _ root: ContainerRoot, image: FilePath, _ options: ContainerOptions,
    keeper: (() -> Int32) -> Int32 = { $0() }, onLog: ([UInt8]) -> Void
  ) throws -> InstanceRecord {
    let logs: InstanceLogs
    do { logs = try store.openLogs(name) } catch {
      claim.remove()
      throw error
    }
    let before = (try? logs.errors.byteCount()) ?? 0
    let streams = (output: logs.output.rawValue, errors: logs.errors.rawValue)
    let paths = (output: logs.outputPath, errors: logs.errorPath)
    let helper = try translating { () throws(SystemError) in
      try Helper(.child) { channel in
        setsid()
        ProcessName.set("siftool instance: \(store.user) [\(name)]")
        let null = open("/dev/null", O_RDONLY | O_CLOEXEC)
        guard dup2(null, 0) == 0, dup2(streams.output, 1) == 1, dup2(streams.errors, 2) == 2 else { return 1 }
        // The log files and the channel belong to this process alone, not to the program.
        for number in [streams.output, streams.errors] { _ = fcntl(number, F_SETFD, FD_CLOEXEC) }
        let report = channel.release()
        var options = options
        options.instanceName = name
        options.service = ContainerService(processName: Self.processName) { container in
          tell(report, announce(container, paths))
        } onEnd: {
          claim.remove()
        }
        return keeper {
          do { try Container(root, image: image, options).run() } catch {
            claim.remove()
            tell(report, RuntimeError(any: error).bytes)
            return 1
          }
        }
      }
    }
    let answer = try translating { () throws(SystemError) in
      try helper.channel?.readToEnd(limit: 1 << 16) ?? []
    }
    if answer == [0] {
      // A program that cannot be started says so at once.
      usleep(20_000)
      onLog(Self.text(logs.errors, from: before))
      return try store.find(name)
    }
    _ = try? helper.wait()
    onLog(Self.text(logs.errors, from: before))
    throw RuntimeError(bytes: answer) ?? RuntimeError(.system, "the instance ended before it had started")
  }

  /// Writes the record of a container that has started. Returns what is said to the starting process.
  private func announce(_ container: RunningContainer, _ paths: (output: FilePath, errors: FilePath))
    -> [UInt8]
  {
    do {
      guard let start = ProcessHandle.start(of: container.process) else {
        throw RuntimeError(.system, "the container ended before it had started")
      }
      try claim.write(
        InstanceRecord(
          name: name, user: store.user, container: container, processStart: start, master: getpid(),
          boot: try ProcessHandle.bootID(), outputLog: paths.output, errorLog: paths.errors))
      return [0]
    } catch {
      // Without its file, nobody could find or stop it.
      kill(container.process, SIGKILL)
      return RuntimeError(any: error).bytes
    }
  }

  private func tell(_ channel: Int32, _ bytes: [UInt8]) {
    _ = bytes.withUnsafeBytes { write(channel, $0.baseAddress, $0.count) }
    // The container's first process has a copy of the channel.
    shutdown(channel, Int32(SHUT_RDWR))
    close(channel)
  }

  /// The beginning of what a log has after a place.
  private static func text(_ log: borrowing OwnedDescriptor, from start: Int64) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: 1 << 16)
    let count = (try? bytes.withUnsafeMutableBytes { try log.read(into: $0, at: start) }) ?? 0
    return Array(bytes.prefix(count))
  }
}
