import Glibc

/// A server on a port of the loopback interface, which ends with the last reference to it.
public final class TestServer: Sendable {
  /// Its port.
  public let port: Int
  /// All its ports, if it has several.
  public let ports: [Int]
  private let running: RunningTool

  private init(_ running: RunningTool, _ ports: [Int]) {
    self.running = running
    self.ports = ports
    port = ports[0]
  }

  deinit {
    running.signal(SIGKILL)
    _ = try? running.wait()
  }

  /// Starts a program that chooses its ports itself and writes them to a file when it listens.
  public static func start(_ arguments: [String], portsFile: String) throws -> TestServer {
    unlink(portsFile)
    let running = try Tool.start(arguments)
    while true {
      if let text = try? Tool.read(portsFile) {
        let ports = String(decoding: text, as: UTF8.self).split(separator: " ").compactMap { Int($0) }
        if !ports.isEmpty { return TestServer(running, ports) }
      }
      guard kill(running.process, 0) == 0, !hasEnded(running) else {
        throw ToolError(description: "\(arguments): \(try running.wait().errors)")
      }
      usleep(10_000)
    }
  }

  /// Starts a program that is told its port, and waits until it accepts connections.
  ///
  /// - Parameter arguments: makes the arguments from a port that was free a moment ago.
  public static func start(_ arguments: (Int) throws -> [String]) throws -> TestServer {
    var last = ""
    for _ in 0..<5 {
      let port = try freePort()
      let running = try Tool.start(try arguments(port))
      while !hasEnded(running) {
        if accepts(port) { return TestServer(running, [port]) }
        usleep(10_000)
      }
      // Another process has taken the port meanwhile.
      last = try running.wait().errors
    }
    throw ToolError(description: "the server does not start: \(last)")
  }

  private static func hasEnded(_ running: RunningTool) -> Bool {
    var information = siginfo_t()
    return waitid(P_PID, UInt32(running.process), &information, WEXITED | WNOHANG | WNOWAIT) != 0
      || information.si_signo == SIGCHLD
  }

  private static func withSocket<Result>(_ port: Int, _ body: (Int32, sockaddr_in) -> Result) -> Result {
    let number = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    defer { close(number) }
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = in_port_t(port).bigEndian
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    return body(number, address)
  }

  private static func accepts(_ port: Int) -> Bool {
    withSocket(port) { number, address in
      var address = address
      return withUnsafePointer(to: &address) { pointer in
        pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
          connect(number, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
        }
      }
    }
  }

  private static func freePort() throws -> Int {
    let port = withSocket(0) { number, address -> Int in
      var address = address
      var length = socklen_t(MemoryLayout<sockaddr_in>.size)
      return withUnsafeMutablePointer(to: &address) { pointer in
        pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { socket in
          guard bind(number, socket, length) == 0, getsockname(number, socket, &length) == 0 else { return 0 }
          return Int(pointer.pointee.sin_port.bigEndian)
        }
      }
    }
    guard port > 0 else { throw ToolError(description: "there is no free port") }
    return port
  }
}
