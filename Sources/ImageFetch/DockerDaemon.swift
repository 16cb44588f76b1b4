import Bytes
import Glibc
import LinuxSystem
import SystemPackage

/// Docker's daemon on this machine, which is asked through its socket.
struct DockerDaemon {
  private static let longestHead = 64 << 10
  private let socket: FilePath

  /// The daemon at an address, or at the one of DOCKER_HOST, or at the usual one.
  init(_ address: String?) throws {
    let given = address ?? getenv("DOCKER_HOST").map { String(cString: $0) } ?? ""
    let text = given.isEmpty ? "unix:///var/run/docker.sock" : given
    guard text.hasPrefix("unix://") else {
      throw FetchError(
        .unsupported,
        "Docker's daemon at \(text.printable): only sockets of this machine (unix://) are asked; `docker save` and docker-archive: do for others"
      )
    }
    socket = FilePath(String(text.dropFirst(7)))
  }

  /// Writes an image to an archive, as `docker save` does.
  func save(_ name: String, to path: FilePath) throws {
    let connection = try OwnedDescriptor.connect(to: socket)
    let escaped = name.utf8.map { byte in
      (0x30...0x39).contains(byte) || (0x61...0x7A).contains(byte | 0x20) || "-._~".utf8.contains(byte)
        ? String(UnicodeScalar(byte)) : "%" + Hexadecimal.text([byte], uppercase: true)
    }.joined()
    // With 1.0 the answer ends with the connection, and comes in one piece.
    let request = "GET /images/get?names=\(escaped) HTTP/1.0\r\nHost: docker\r\n\r\n"
    try SystemError.writeAll(Array(request.utf8).span.bytes, to: connection.rawValue)
    let (head, rest) = try readHead(connection)
    let lines = head.split(separator: "\r\n").map(String.init)
    let words = (lines.first ?? "").split(separator: " ")
    guard words.count >= 2, words[0].hasPrefix("HTTP/1."), let status = Int(words[1]) else {
      throw FetchError(.answer, "\(socket.printable) does not answer as Docker's daemon does")
    }
    guard status == 200 else {
      let body = rest + (try connection.readToEnd(limit: 4096))
      throw FetchError(
        .answer, "Docker's daemon does not give \(name.printable) (\(status)): \(body.prefix(400).printable)")
    }
    let length = lines.dropFirst().compactMap { line -> Int64? in
      guard let colon = line.firstIndex(of: ":"), line[..<colon].lowercased() == "content-length" else {
        return nil
      }
      return Int64(line[line.index(after: colon)...].filter { $0 != " " })
    }.first
    try write(rest, connection, to: path, length)
  }

  private func write(
    _ first: [UInt8], _ connection: borrowing OwnedDescriptor, to path: FilePath, _ length: Int64?
  ) throws {
    let file = try OwnedDescriptor(opening: path, flags: O_WRONLY | O_CREAT | O_EXCL, mode: 0o600)
    try SystemError.writeAll(first.span.bytes, to: file.rawValue)
    var count = Int64(first.count)
    while true {
      let block = try connection.readToEnd(limit: 1 << 20)
      if block.isEmpty { break }
      try SystemError.writeAll(block.span.bytes, to: file.rawValue)
      count += Int64(block.count)
    }
    guard length == nil || length == count else {
      throw FetchError(
        .answer, "Docker's daemon has sent \(count) bytes of the image, where it has announced \(length ?? 0)"
      )
    }
  }

  /// The lines before the body, and what of the body came with them.
  private func readHead(_ connection: borrowing OwnedDescriptor) throws -> (String, [UInt8]) {
    var bytes: [UInt8] = []
    while bytes.count < Self.longestHead {
      var block = [UInt8](repeating: 0, count: 4096)
      let count = try SystemError.check("read from", socket) {
        block.withUnsafeMutableBytes { read(connection.rawValue, $0.baseAddress, $0.count) }
      }
      guard count > 0 else { break }
      let from = max(bytes.count - 3, 0)
      bytes += block[..<count]
      var at = from
      while at + 4 <= bytes.count {
        if bytes[at..<at + 4].elementsEqual([0x0D, 0x0A, 0x0D, 0x0A]) {
          return (String(decoding: bytes[..<at], as: UTF8.self), Array(bytes[(at + 4)...]))
        }
        at += 1
      }
    }
    throw FetchError(.answer, "\(socket.printable) does not answer as Docker's daemon does")
  }
}

extension OwnedDescriptor {
  /// Connects to a socket that has a name in the file system.
  fileprivate static func connect(to path: FilePath) throws(SystemError) -> OwnedDescriptor {
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    let bytes = path.bytes
    guard bytes.count < MemoryLayout.size(ofValue: address.sun_path) else {
      throw SystemError(errno: .fileNameTooLong, operation: "connect to", path: path)
    }
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
    let number = try SystemError.check("make a socket") {
      socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
    }
    let connection = OwnedDescriptor(adopting: number, path: path)
    try SystemError.check("connect to", path) {
      withUnsafePointer(to: &address) {
        $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
          Glibc.connect(number, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
        }
      }
    }
    return connection
  }
}
