import LUKS
public import LinuxSystem
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
  /// - Throws: ``RuntimeError`` if the kernel cannot mount it: it lacks a driver, a free device or the right.
  public static func mount(_ volume: ImageVolume, on target: FilePath) throws(RuntimeError) -> Mount {
    let loop = try translating { () throws(SystemError) in
      try volume.storage.withDescriptor { (file) throws(SystemError) in
        try LoopDevice(over: file, offset: volume.offset, byteCount: volume.byteCount, mark: mark)
      }
    }
    // Until the mount exists, only the open descriptor keeps the loop device set up.
    return try withExtendedLifetime(loop) { () throws(RuntimeError) in
      guard let encryption = volume.encryption else { return try mount(loop.path, target) }
      let mapping = try map(volume, encryption, over: loop.path)
      return try withExtendedLifetime(mapping) { () throws(RuntimeError) in try mount(mapping.path, target) }
    }
  }

  private static func map(
    _ volume: ImageVolume, _ encryption: VolumeEncryption, over device: FilePath
  ) throws(RuntimeError) -> KernelMapping {
    let range = EncryptedRange(storage: volume.storage, offset: volume.offset, byteCount: volume.byteCount)
    do {
      return try KernelMapping(encryption.header, encryption.key, of: range, over: device)
    } catch {
      throw RuntimeError(.unavailable, error.description)
    }
  }

  private static func mount(_ device: FilePath, _ target: FilePath) throws(RuntimeError) -> Mount {
    try translating(
      try Mount("squashfs", device, on: target, [.readOnly, .noSetID, .noDevices]))
  }
}

/// The bytes of an encrypted partition, as they are in the file.
private struct EncryptedRange: VolumeSource {
  let storage: FileStorage
  let offset: Int64
  let byteCount: Int64

  func read(into buffer: UnsafeMutableRawBufferPointer, at position: Int64) throws(LUKSError) -> Int {
    do {
      return try storage.read(into: buffer, at: position, ofWindowAt: offset, byteCount: byteCount)
    } catch {
      throw LUKSError(
        error.code == .system ? .system : .truncated, error.message, errno: error.system?.errno.rawValue)
    }
  }
}
