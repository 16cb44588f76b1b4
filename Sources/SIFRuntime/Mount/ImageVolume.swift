import Bytes
public import LUKS
public import SIF
public import Squash

/// What the kernel needs to decrypt a volume.
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

/// A partition of an open image that can be mounted: its squashfs has been looked at, and is sound so far.
public struct ImageVolume: Sendable {
  /// The open file: what was verified is what is mounted.
  public let storage: FileStorage
  /// Where the partition starts in the file.
  public let offset: Int64
  /// How long it is, in bytes.
  public let byteCount: Int64
  /// Its squashfs.
  public let squash: SquashImage
  /// What decrypts it; nil where it lies open.
  public let encryption: VolumeEncryption?

  /// A partition with a squashfs.
  ///
  /// - Parameters:
  ///   - reader: the squashfs, decrypted.
  ///   - encryption: what decrypts the partition.
  /// - Throws: ``SquashError`` where it is no squashfs, is truncated or contradicts itself: such a file system never
  ///   reaches the kernel.
  public init(
    _ storage: FileStorage, offset: Int64, byteCount: Int64, _ reader: any RandomAccess,
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
