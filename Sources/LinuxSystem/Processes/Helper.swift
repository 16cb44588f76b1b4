import CLinux
import Glibc

/// A copy of this process that does one thing, with a socket between the two. This process must have one thread.
///
/// Each side has only its own end of the socket. If one process ends, for whatever reason, the other one
/// reads the end of the stream.
package final class Helper {
  /// How much the copy shares with this process.
  package enum Distance {
    /// It shares everything, and has to be waited for.
    case child
    /// It has neither this process's session nor its standard streams and descriptors, and has to be waited
    /// for. For work that goes on longer, it starts a process of its own.
    case apart
    /// The same, but it need not be waited for.
    case detached
  }

  /// This process's end; nil after it was closed.
  package private(set) var channel: OwnedDescriptor?
  /// Nil if the copy need not be waited for.
  package let process: pid_t?

  /// Starts the copy, which runs `body` and ends with the status that it returns.
  ///
  /// - Parameters:
  ///   - kept: the descriptors that a copy apart from this process keeps, besides its end of the socket.
  ///   - body: takes the copy's end of the socket.
  package init(
    _ distance: Distance, keeping kept: [Int32] = [], _ body: (consuming OwnedDescriptor) -> Int32
  ) throws(SystemError) {
    var theirs: OwnedDescriptor?
    let mine = try OwnedDescriptor.socketPair(&theirs)
    let (own, other) = (mine.rawValue, theirs?.rawValue ?? -1)
    func run() -> Int32 { body(OwnedDescriptor(adopting: other, path: "socket")) }
    switch distance {
    case .child:
      process = try Forking.child {
        close(own)
        return run()
      }
    case .apart: process = try Forking.apart(keeping: kept + [other], run)
    case .detached:
      try Forking.detached(keeping: kept + [other], run)
      process = nil
    }
    theirs = nil
    channel = .some(mine)
  }

  /// The number of this process's end of the socket; nil after it was closed.
  package var socket: Int32? { channel?.rawValue }

  /// Closes this process's end of the socket.
  package func closeChannel() { channel = nil }

  /// Takes this process's end of the socket; nil after it was closed.
  package func takeChannel() -> OwnedDescriptor? { channel.take() }

  /// Waits for the copy's end, unless it is detached. Returns its exit status, or 128 plus the number of the
  /// signal that ended it. If the copy waits for the end of the stream, call ``closeChannel()`` first.
  package func wait() throws(SystemError) -> Int32 {
    guard let process else { return 0 }
    return try Forking.wait(for: process)
  }

  /// Waits until the copy has sent something or has ended, at most so many milliseconds. Returns whether it has.
  package func waitForReport(milliseconds: Int32) -> Bool {
    guard let number = channel?.rawValue else { return true }
    var socket = pollfd(fd: number, events: Int16(POLLIN), revents: 0)
    return poll(&socket, 1, milliseconds) > 0
  }

  /// Sends one byte. Returns false if the copy has ended.
  package func sendByte() -> Bool {
    var byte: UInt8 = 1
    guard let number = channel?.rawValue else { return false }
    return write(number, &byte, 1) == 1
  }
}

extension OwnedDescriptor {
  /// Waits for a byte from the other end of this socket, or for the end of the stream.
  ///
  /// - Returns: whether there was a byte.
  @discardableResult
  package func waitForByte() -> Bool {
    var byte: UInt8 = 0
    while true {
      let count = Glibc.read(rawValue, &byte, 1)
      if count >= 0 || linux_errno() != EINTR { return count == 1 }
    }
  }
}
