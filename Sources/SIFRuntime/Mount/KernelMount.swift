import Bytes
public import LinuxSystem
import LUKS
import Partitions
import SIF
public import SystemPackage

/// Mounts through the kernel's own squashfs, with privilege (spec/runtime.md "Mounts through the kernel").
public enum KernelMount {
  /// The mark of our loop devices.
  static let mark = "siftool"

  /// Mounts a volume read-only. Its loop device and the mapping that decrypts it disappear after the last use
  /// of the mount.
  ///
  /// This process must have one thread.
  ///
  /// - Parameter flags: what nothing in it may do.
  /// - Throws: ``RuntimeError`` if the kernel cannot mount it: it lacks a driver, a free device or the right.
  public static func mount(
    _ volume: ImageVolume, on target: FilePath, _ flags: MountFlags = [.noSetID, .noDevices]
  ) throws(RuntimeError) -> Mount {
    guard !volume.needsFuse else {
      throw RuntimeError(.unavailable, "the kernel cannot decrypt the files of gocryptfs")
    }
    let loop = try translating { () throws(SystemError) in
      try volume.storage.withDescriptor { (file) throws(SystemError) in
        try LoopDevice(
          over: file, offset: volume.partition.offset, byteCount: volume.partition.byteCount, mark: mark)
      }
    }
    // Until the mount exists, only the open descriptor keeps the loop device set up.
    return try withExtendedLifetime(loop) { () throws(RuntimeError) in
      guard case .luks(let opened) = volume.partition.encryption else {
        return try mount(loop.path, target, flags)
      }
      let mapping = try map(volume, opened, over: loop.path)
      return try withExtendedLifetime(mapping) { () throws(RuntimeError) in
        try mount(mapping.path, target, flags)
      }
    }
  }

  private static func map(
    _ volume: ImageVolume, _ opened: OpenedPartition.Volume, over device: FilePath
  ) throws(RuntimeError) -> KernelMapping {
    do {
      return try KernelMapping(opened.header, opened.key, of: volume.partition.bytes, over: device)
    } catch {
      throw RuntimeError(.unavailable, error.description)
    }
  }

  private static func mount(
    _ device: FilePath, _ target: FilePath, _ flags: MountFlags
  ) throws(RuntimeError) -> Mount {
    try translating(
      try Mount("squashfs", device, on: target, flags.union(.readOnly)))
  }
}
