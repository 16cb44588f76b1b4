import CLinux
import Glibc
import LinuxSystem
import SystemPackage

/// What connects a network namespace with the outside, and takes the connection down again.
protocol NetworkProvider {
  /// The name server that the container has to use; nil for those of the host.
  var nameServer: String? { get }
  /// Connects the namespace of a process.
  mutating func connect(_ process: pid_t) throws(RuntimeError)
  /// Takes the connection down.
  mutating func disconnect()
}

/// A process outside of a container that connects the container's network, and takes it down when the container has
/// ended, whatever ended it.
final class NetworkGuardian {
  /// The name server that the container has to use; nil for those of the host.
  let nameServer: String?
  private let helper: Helper

  /// Starts the process, which then waits for the namespaces that this process makes.
  ///
  /// - Parameter isWatched: whether this process stays, and says when the container has ended. Otherwise it becomes the
  ///   program, and its end is that of the network.
  init(_ provider: some NetworkProvider, isWatched: Bool) throws(RuntimeError) {
    nameServer = provider.nameServer
    let target = getpid()
    helper = try translating { () throws(SystemError) in
      let handle = try ProcessHandle(opening: target)
      let number = handle.rawValue
      return try Helper(.detached, keeping: [number]) { channel in
        // Signals that are sent to all processes of this name are meant for the program.
        for signal in [SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2] { Glibc.signal(signal, SIG_IGN) }
        guard channel.waitForByte() else { return 0 }
        var provider = provider
        do throws(RuntimeError) { try provider.connect(target) } catch {
          provider.disconnect()
          _ = error.bytes.withUnsafeBytes { write(channel.rawValue, $0.baseAddress, $0.count) }
          return 1
        }
        var ready: UInt8 = 0
        write(channel.rawValue, &ready, 1)
        var places = [pollfd(fd: number, events: Int16(POLLIN), revents: 0)]
        // The program that this process becomes closes the channel.
        if isWatched { places.append(pollfd(fd: channel.rawValue, events: Int16(POLLIN), revents: 0)) }
        while poll(&places, nfds_t(places.count), -1) < 0 {}
        provider.disconnect()
        return 0
      }
    }
  }

  /// Has the namespace connected that this process is in now.
  func connect() throws(RuntimeError) {
    let gone = RuntimeError(.system, "the process that connects the container's network is gone")
    guard helper.sendByte(), let number = helper.socket else { throw gone }
    var answer: [UInt8] = []
    var byte: UInt8 = 0
    while true {
      let count = read(number, &byte, 1)
      if count < 0, linux_errno() == EINTR { continue }
      guard count == 1 else { break }
      if answer.isEmpty, byte == 0 { return }
      answer.append(byte)
    }
    throw RuntimeError(bytes: answer) ?? gone
  }

  /// Has the connection taken down, and waits for that.
  func end() {
    if helper.sendByte() { helper.channel?.waitForByte() }
    helper.closeChannel()
  }
}
