import CLinux
import Glibc
import LinuxSystem
public import SystemPackage

/// A volume that the kernel decrypts: a device of device-mapper, for reading only, under a name that nobody guesses.
///
/// The device goes with its last user. A child process sees to that, which learns of this process's end however it
/// comes: nothing stays behind.
public struct KernelMapping: ~Copyable {
  /// What all names begin with.
  public static let prefix = "siftool-"

  /// The device's path.
  public let path: FilePath
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
  public init(
    _ header: VolumeHeader, _ key: VolumeKey, of source: any VolumeSource, over device: FilePath
  ) throws(LUKSError) {
    var generator = SystemRandomNumberGenerator()
    let name =
      Self.prefix
      + (0..<4).map { _ in String(generator.next() | 1 << 63, radix: 36) }.joined().prefix(40)
    let crypt = try header.device(source)
    let started = try Guardian.start(for: name)
    try crypt.activate(name, over: device.string, key)
    guardian = started
    path = FilePath("/dev/mapper/\(name)")
  }
}

/// A child process that has a device removed when its owner's life ends, or this process's.
private final class Guardian: Sendable {
  private let process: pid_t
  /// The child waits for the end of this stream.
  private let lifeline: OwnedDescriptor

  private init(process: pid_t, lifeline: consuming OwnedDescriptor) {
    self.process = process
    self.lifeline = lifeline
  }

  static func start(for name: String) throws(LUKSError) -> Guardian {
    do throws(SystemError) {
      var theirs: OwnedDescriptor?
      let mine = try OwnedDescriptor.socketPair(&theirs)
      let (own, other) = (mine.rawValue, theirs?.rawValue ?? -1)
      let process = try Forking.child {
        // Signals to the terminal's programs are not about this one.
        setsid()
        close(own)
        var byte: UInt8 = 0
        while read(other, &byte, 1) < 0, errno == EINTR {}
        Self.remove(name)
        return 0
      }
      return Guardian(process: process, lifeline: mine)
    } catch { throw LUKSError(error) }
  }

  deinit {
    shutdown(lifeline.rawValue, Int32(SHUT_RDWR))
    _ = try? Forking.wait(for: process)
  }

  /// Has the kernel remove a device as soon as nobody uses it, and its node now: the path is of no more use.
  private static func remove(_ name: String) {
    if let control = try? OwnedDescriptor(opening: "/dev/mapper/control", flags: O_RDWR) {
      _ = linux_mapping_remove_deferred(control.rawValue, name)
    }
    unlink("/dev/mapper/\(name)")
  }
}
