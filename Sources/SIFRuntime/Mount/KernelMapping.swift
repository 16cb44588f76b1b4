import Bytes
import CLinux
import Glibc
import LUKS
import LinuxSystem
import SystemPackage

/// A volume that the kernel decrypts: a device of device-mapper, for reading only, under a name that nobody guesses.
///
/// The device goes with its last user. A child process sees to that, which learns of this process's end however it
/// comes: nothing stays behind.
struct KernelMapping: ~Copyable {
  /// What all names begin with.
  static let prefix = "siftool-"

  /// The device's path.
  let path: FilePath
  private let guardian: Guardian

  /// Maps the data of a volume.
  ///
  /// This process must have one thread.
  ///
  /// - Parameters:
  ///   - header: the volume's header; the kernel decrypts as this says, whatever the device says by now.
  ///   - source: the volume that the header was read from.
  ///   - device: a block device with the bytes of the volume.
  /// - Throws: ``LUKSError/Code/library`` where the kernel has no device-mapper or no dm-crypt.
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

/// A child process that has a device removed when its owner's life ends, or this process's.
private final class Guardian {
  private let helper: Helper

  init(for name: String) throws(LUKSError) {
    do throws(SystemError) {
      helper = try Helper(.child) { channel in
        // Signals to the terminal's programs are not about this one.
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

  /// Has the kernel remove a device as soon as nobody uses it, and its node now: the path is of no more use.
  private static func remove(_ name: String) {
    if let control = try? OwnedDescriptor(opening: "/dev/mapper/control", flags: O_RDWR) {
      _ = linux_mapping_remove_deferred(control.rawValue, name)
    }
    unlink("/dev/mapper/\(name)")
  }
}
