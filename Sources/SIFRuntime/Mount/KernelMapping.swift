import Bytes
import CLinux
import Glibc
import LinuxSystem
import LUKS
import SystemPackage

/// A volume that the kernel decrypts: a read-only device of device-mapper, under a name that nobody can guess.
///
/// The device is removed after its last use. A child process sees to that: it notices when this process ends,
/// for whatever reason.
struct KernelMapping: ~Copyable {
  /// The prefix of all names.
  static let prefix = "siftool-"

  /// The device's path.
  let path: FilePath
  private let guardian: Guardian

  /// Maps the data of a volume.
  ///
  /// This process must have one thread.
  ///
  /// - Parameters:
  ///   - header: the volume's header. The kernel decrypts according to it, even if the device has changed since.
  ///   - source: the volume that the header was read from.
  ///   - device: a block device with the bytes of the volume.
  /// - Throws: ``LUKSError/Code/library`` if the kernel lacks device-mapper or dm-crypt.
  init(
    _ header: VolumeHeader, _ key: VolumeKey, of source: any RandomAccess, over device: FilePath
  ) throws(LUKSError) {
    var generator = SystemRandomNumberGenerator()
    let name =
      Self.prefix
      + (0..<4).map { _ in String(generator.next() | 1 << 63, radix: 36) }.joined().prefix(40)
    let started = try Guardian(for: name)
    try header.activate(name, of: source, over: device.string, key)
    guardian = started
    path = FilePath("/dev/mapper/\(name)")
  }
}

/// A child process that has a device removed when its owner is released, or when this process ends.
private final class Guardian {
  private let helper: Helper

  init(for name: String) throws(LUKSError) {
    do throws(SystemError) {
      helper = try Helper(.child) { channel in
        // Signals from the terminal are meant for the program, not for this process.
        setsid()
        channel.waitForByte()
        Self.remove(name)
        return 0
      }
    } catch { throw LUKSError(error) }
  }

  deinit {
    helper.closeChannel()
    _ = try? helper.wait()
  }

  /// Removes the device's node now, and has the kernel remove the device as soon as it is not in use.
  private static func remove(_ name: String) {
    if let control = try? OwnedDescriptor(opening: "/dev/mapper/control", flags: O_RDWR) {
      _ = linux_mapping_remove_deferred(control.rawValue, name)
    }
    unlink("/dev/mapper/\(name)")
  }
}
