import CLinux
import Glibc
public import SystemPackage

/// A read-only loop device over a part of a file.
///
/// The kernel frees it with the last close or unmount, even if this process is killed.
public struct LoopDevice: ~Copyable {
  /// The device's path, `/dev/loopN`.
  public let path: FilePath
  private let device: OwnedDescriptor

  /// The number of attempts to get a free device before other processes do. With it, that many mounts at once
  /// succeed.
  private static let attempts = 1000

  /// Attaches a part of an open file.
  ///
  /// - Parameters:
  ///   - file: the file; the device keeps it open.
  ///   - offset: where the part starts, in bytes.
  ///   - byteCount: its length; rounded up to whole sectors of 512 bytes.
  ///   - mark: a name that ``mark(of:)`` reads back; at most 63 bytes.
  /// - Throws: ``SystemError``: `ENOENT`, `EACCES` or `EPERM` if this user has no loop devices, `EBUSY` if
  ///   all are in use.
  public init(
    over file: borrowing OwnedDescriptor, offset: Int64, byteCount: Int64, mark: String
  ) throws(SystemError) {
    let (rounded, overflow) = byteCount.addingReportingOverflow(511)
    guard offset >= 0, byteCount > 0, !overflow else {
      throw SystemError(errno: .invalidArgument, operation: "set up a loop device")
    }
    let control = try OwnedDescriptor(opening: "/dev/loop-control", flags: O_RDWR)
    for attempt in 0..<Self.attempts {
      if attempt > 10 { usleep(UInt32.random(in: 500...5000)) }
      let number = try SystemError.check("find a free loop device") {
        linux_loop_free_number(control.rawValue)
      }
      let path = FilePath("/dev/loop\(number)")
      do throws(SystemError) {
        let device = try OwnedDescriptor(opening: path, flags: O_RDWR)
        let (source, target) = (file.rawValue, device.rawValue)
        try SystemError.check("set up", path) {
          linux_loop_configure(target, source, UInt64(offset), UInt64(rounded & ~511), mark)
        }
        self.path = path
        self.device = device
        return
      } catch {
        // Another process was faster, or the device is being removed.
        if error.errno == .resourceBusy || error.errno == .noSuchAddressOrDevice { continue }
        // The kernel has made a device that has no node in this /dev.
        if error.errno == .noSuchFileOrDirectory, number > 7 {
          throw SystemError(errno: .resourceBusy, operation: "find a free loop device")
        }
        throw error
      }
    }
    throw SystemError(errno: .resourceBusy, operation: "find a free loop device")
  }

  /// The mark that a loop device was set up with; nil if it is not in use, or this user may not see it.
  public static func mark(of path: FilePath) -> String? {
    guard let device = try? OwnedDescriptor(opening: path, flags: O_RDONLY | O_NONBLOCK) else { return nil }
    var name = [CChar](repeating: 0, count: 64)
    guard linux_loop_name(device.rawValue, &name) == 0 else { return nil }
    return String(decoding: name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }
}
