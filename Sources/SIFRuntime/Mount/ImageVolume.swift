public import LUKS
public import SIF
public import Squash

/// The header and key with which the kernel decrypts a volume.
public struct VolumeEncryption: Sendable {
  /// The volume's header, checked.
  public let header: VolumeHeader
  /// The key of its data.
  public let key: VolumeKey

  /// A header and the key that belongs to it.
  public init(header: VolumeHeader, key: VolumeKey) {
    self.header = header
    self.key = key
  }
}

/// A partition of an open image that can be mounted. The superblock and root of its squashfs have been read
/// and are sound.
public struct ImageVolume: Sendable {
  /// The open file. It is mounted through this descriptor, so that the verified file is the one that is mounted.
  public let storage: FileStorage
  /// Where the partition starts in the file.
  public let offset: Int64
  /// How long it is, in bytes.
  public let byteCount: Int64
  /// The partition's squashfs.
  public let squash: SquashImage
  /// The header and key that decrypt it; nil if it is not encrypted.
  public let encryption: VolumeEncryption?

  /// A partition with a squashfs.
  ///
  /// - Parameters:
  ///   - reader: the squashfs, decrypted.
  ///   - encryption: the header and key that decrypt the partition.
  /// - Throws: ``SquashError`` if the partition does not hold a squashfs, or one that is truncated or
  ///   contradicts itself. Such a file system never reaches the kernel.
  public init(
    _ storage: FileStorage, offset: Int64, byteCount: Int64, _ reader: any RandomAccessReader,
    encryption: VolumeEncryption? = nil
  ) throws(SquashError) {
    self.storage = storage
    self.offset = offset
    self.byteCount = byteCount
    self.encryption = encryption
    squash = try SquashImage(reader)
    _ = try SquashReader(squash).root()
  }

  /// The number of the open file's descriptor.
  var descriptorNumber: Int32 { storage.withDescriptor { $0.rawValue } }
}
