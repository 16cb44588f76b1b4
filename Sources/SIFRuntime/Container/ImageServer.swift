import Glibc
import LinuxSystem
import Squash
import SystemPackage

/// The process that serves an image if it is mounted through FUSE; until then it waits for the device.
///
/// The process is this one's child, and ends when the last copy of its socket is closed. To serve, it starts a child
/// of its own and ends. The program that this process becomes must not find a child that it did not start.
final class ImageServer {
  private let helper: Helper

  /// Starts the process.
  init(_ volume: ImageVolume, _ options: FuseOptions) throws(RuntimeError) {
    let squash = volume.squash
    helper = try translating { () throws(SystemError) in
      try Helper(.apart, keeping: [volume.descriptorNumber]) { channel in
        guard let device = try? channel.receive(path: "/dev/fuse") else { return 0 }
        let (number, socket) = (device.rawValue, channel.rawValue)
        let server = try? Forking.child {
          close(socket)
          let device = OwnedDescriptor(adopting: number, path: "/dev/fuse")
          return (try? FuseSession(squash, device, options).run()) == nil ? 1 : 0
        }
        return server == nil ? 1 : 0
      }
    }
  }

  /// Hands over the device of a mount.
  func serve(_ device: borrowing OwnedDescriptor) throws(RuntimeError) {
    guard let socket = helper.takeChannel() else { throw RuntimeError(.system, "the server is gone") }
    do { try socket.send(device) } catch { throw RuntimeError(error) }
  }

  /// Gives up this process's copy of the socket.
  func letGo() { helper.closeChannel() }

  /// Waits until the server runs, or the process has ended because it had nothing to serve.
  func settle() {
    letGo()
    _ = try? helper.wait()
  }
}
