import Glibc

/// A server on loopback that ends with the test.
public final class TestServer: Sendable {
  /// Its port.
  public let port: UInt16
  private let running: RunningTool

  /// Starts a program that is told its port.
  ///
  /// - Parameter command: makes the arguments of the port.
  public init(in directory: Scratch? = nil, _ command: (UInt16) throws -> [String]) throws {
    let port = try Self.freePort()
    running = try Tool.start(try command(port), in: directory?.path)
    self.port = port
    try waitUntilReady()
  }

  /// Starts a program that chooses its port itself, and writes its number into a file of the directory.
  ///
  /// - Parameter command: makes the arguments of the file's path.
  public init(choosingPortIn directory: Scratch, _ command: (String) throws -> [String]) throws {
    let file = directory.file("port-\(UInt32.random(in: 0 ... .max))")
    running = try Tool.start(try command(file), in: directory.path)
    var port: UInt16?
    for _ in 0..<1200 where port == nil {
      if let text = try? Tool.read(file), text.last == 0x0A {
        port = UInt16(String(decoding: text.dropLast(), as: UTF8.self))
      } else {
        usleep(50_000)
      }
    }
    guard let port else { throw ToolError(description: "the server did not start: \(Self.end(running))") }
    self.port = port
  }

  deinit { _ = Self.end(running) }

  private static func end(_ running: RunningTool) -> String {
    running.signal(SIGTERM)
    usleep(10_000)
    running.signal(SIGKILL)
    return ((try? running.wait())?.errors).map { String($0.suffix(600)) } ?? ""
  }

  /// A port that nobody has at this moment.
  private static func freePort() throws -> UInt16 {
    let (socket, address) = (socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0), loopback(0))
    defer { close(socket) }
    var bound = address
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let result = withUnsafeMutablePointer(to: &bound) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        bind(socket, $0, length) == 0 && getsockname(socket, $0, &length) == 0
      }
    }
    guard socket >= 0, result else { throw ToolError(description: "no port is free") }
    return UInt16(bigEndian: bound.sin_port)
  }

  private static func loopback(_ port: UInt16) -> sockaddr_in {
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = port.bigEndian
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    return address
  }

  private func waitUntilReady() throws {
    for _ in 0..<1200 {
      let socket = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
      defer { close(socket) }
      var address = Self.loopback(port)
      let isReady = withUnsafePointer(to: &address) { pointer in
        pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
          connect(socket, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
        }
      }
      if isReady { return }
      usleep(50_000)
    }
    throw ToolError(description: "the server did not start: \(Self.end(running))")
  }
}
