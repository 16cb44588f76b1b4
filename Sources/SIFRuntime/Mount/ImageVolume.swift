public import Partitions
public import SIF
public import Squash

/// A partition of an open image that can be mounted. The superblock and root of its squashfs have been read
/// and are sound.
public struct ImageVolume: Sendable {
  /// The open file. It is mounted through this descriptor, so that the verified file is the one that is mounted.
  public let storage: FileStorage
  /// The partition, in the clear.
  public let partition: OpenedPartition
  /// The partition's squashfs.
  public let squash: SquashImage

  /// A partition with a squashfs.
  ///
  /// - Throws: ``RuntimeError`` if the image is not in a file; ``PartitionError`` or ``SquashError`` if the partition does
  ///   not hold a squashfs, or one that is truncated or contradicts itself. Such a file system never reaches the kernel.
  public init(_ partition: OpenedPartition) throws {
    guard let storage = partition.storage as? FileStorage else {
      throw RuntimeError(.invalidArgument, "an image that is not in a file cannot be mounted")
    }
    self.storage = storage
    self.partition = partition
    squash = try partition.squashfs()
    _ = try SquashReader(squash).root()
  }

  /// Whether the kernel has no way to mount it, with any privilege.
  public var needsFuse: Bool {
    if case .gocryptfs = partition.encryption { true } else { false }
  }

  /// The number of the open file's descriptor.
  var descriptorNumber: Int32 { storage.withDescriptor { $0.rawValue } }
}
