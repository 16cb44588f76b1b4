import CLinux
import Glibc

/// A copy of this process that does one thing, with a socket between the two. This process must have one thread.
///
/// Each side has its own end of the socket and no other: whichever process ends, however it ends, the other one reads
/// the end of the stream.
package final class Helper {
  /// How far the copy is from this process.
  package enum Distance {
    /// It shares everything, and is to be waited for.
    case child
    /// It has neither this process's session nor its standard streams and descriptors, and is to be waited for: until
    /// it starts what goes on without it.
    case apart
    /// The same, and nobody waits for it.
    case detached
  }

  /// This process's end; nil once it was closed.
  package private(set) var channel: OwnedDescriptor?
  /// Nil for one that nobody waits for.
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

  /// Closes this process's end of the socket.
  package func closeChannel() { channel = nil }

  /// Takes this process's end of the socket; nil once it was closed.
  package func takeChannel() -> OwnedDescriptor? { channel.take() }

  /// Waits for the copy's end, where it is to be waited for: its exit status, or 128 and the number of the signal that
  /// ended it. A copy that waits for the end of the socket has to be told of it first, by ``closeChannel()``.
  package func wait() throws(SystemError) -> Int32 {
    guard let process else { return 0 }
    return try Forking.wait(for: process)
  }

  /// Sends one byte. The copy may have ended: that is no error.
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
