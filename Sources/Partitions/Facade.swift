public import SIF
public import Squash

extension Image {
  /// The file system of a partition: the primary one, or the one with an id. If it is encrypted, it is decrypted
  /// while it is read.
  ///
  /// ```swift
  /// let image = try Image(opening: "app.sif")
  /// try image.squashfs().extract(to: "app")
  /// ```
  ///
  /// - Throws: ``SIFError``, ``PartitionError``, ``LUKSError`` or ``SquashError``.
  public func squashfs(
    id: UInt32? = nil, keys: some VolumeKeyProvider = NoVolumeKeys()
  ) throws -> SquashImage {
    let partition = try Partition(of: self, id: id)
    try partition.requireSquashfs()
    return try partition.unlock(with: keys).squashfs()
  }
}
