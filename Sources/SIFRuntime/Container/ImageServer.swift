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
          let device = OwnedDescriptor(adopting: number, path: "/dev/fuse")
          func tell(_ bytes: [UInt8]) {
            _ = bytes.withUnsafeBytes { write(socket, $0.baseAddress, $0.count) }
            close(socket)
          }
          var isLive = false
          do {
            try FuseSession(squash, device, options).run {
              isLive = true
              tell([0])
            }
            return 0
          } catch {
            if !isLive { tell(RuntimeError(any: error).bytes) }
            return 1
          }
        }
        return server == nil ? 1 : 0
      }
    }
  }

  /// Hands over the device of a mount, and waits until the server answers for it.
  ///
  /// - Throws: ``RuntimeError``, with the reason that the server gave.
  func serve(_ device: consuming OwnedDescriptor) throws(RuntimeError) {
    guard let socket = helper.takeChannel() else { throw RuntimeError(.system, "the server is gone") }
    let answer: [UInt8]
    do {
      try socket.send(device)
      // Only the server has the device now: if it dies, nobody waits for it.
      try device.close()
      answer = try socket.readToEnd(limit: 1 << 16)
    } catch { throw RuntimeError(error) }
    guard answer != [0] else { return }
    throw RuntimeError(bytes: answer) ?? RuntimeError(.system, "the server of the image has died")
  }

  /// Gives up this process's copy of the socket.
  func letGo() { helper.closeChannel() }

  /// Waits until the server runs, or the process has ended because it had nothing to serve.
  func settle() {
    letGo()
    _ = try? helper.wait()
  }
}
