import CLinux
import Glibc
public import SystemPackage

/// Sockets through which this process and its copies exchange messages and open descriptors.
extension OwnedDescriptor {
  /// Makes two connected sockets, through which two processes exchange messages or open descriptors.
  ///
  /// - Parameter other: receives the second socket; setting it to nil closes that socket.
  public static func socketPair(_ other: inout OwnedDescriptor?) throws(SystemError) -> OwnedDescriptor {
    var ends: [Int32] = [-1, -1]
    try SystemError.check("make a pair of sockets") { linux_socket_pair(&ends) }
    other = OwnedDescriptor(adopting: ends[1], path: "socket")
    return OwnedDescriptor(adopting: ends[0], path: "socket")
  }

  /// Makes a pipe, whose ends the next program does not inherit.
  ///
  /// - Parameter writing: receives the end to write to; setting it to nil closes that end.
  /// - Returns: the end to read from.
  package static func pipe(_ writing: inout OwnedDescriptor?) throws(SystemError) -> OwnedDescriptor {
    var ends: [Int32] = [-1, -1]
    try SystemError.check("make a pipe") { linux_pipe(&ends) }
    writing = OwnedDescriptor(adopting: ends[1], path: "pipe")
    return OwnedDescriptor(adopting: ends[0], path: "pipe")
  }

  /// Sends a copy of a descriptor to the process at the other end of this socket.
  public func send(_ descriptor: borrowing OwnedDescriptor) throws(SystemError) {
    let number = descriptor.rawValue
    try SystemError.check("hand over a descriptor") { linux_send_descriptor(rawValue, number) }
  }

  /// Waits for a descriptor from the other end of this socket; nil if that end was closed without sending one.
  public func receive(path: FilePath) throws(SystemError) -> OwnedDescriptor? {
    try Self.receive(on: rawValue, path: path)
  }

  /// The same for a socket that another value owns.
  package static func receive(on socket: Int32, path: FilePath) throws(SystemError) -> OwnedDescriptor? {
    while true {
      let number = linux_receive_descriptor(socket)
      if number >= 0 { return OwnedDescriptor(adopting: number, path: path) }
      if linux_errno() == 0 { return nil }
      guard linux_errno() == EINTR else {
        throw SystemError(errno: Errno(rawValue: linux_errno()), operation: "receive a descriptor")
      }
    }
  }
}
