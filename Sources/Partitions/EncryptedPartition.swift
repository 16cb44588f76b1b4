public import Bytes
import Gcrypt
public import LUKS
public import SIF

/// An encrypted partition whose header has been checked.
public struct EncryptedPartition: Sendable {
  /// Its descriptor.
  public let object: Descriptor
  /// The volume's header.
  public let header: VolumeHeader
  /// The image that it is in.
  public let image: Image
  /// Where it starts in the file.
  public let offset: Int64
  /// The volume's bytes.
  public let volume: WritableWindow

  var storage: any Storage { image.storage }

  /// Reads and checks the header of a partition.
  ///
  /// - Parameter allowsAnyCipher: whether to accept unusual ciphers.
  /// - Throws: ``SIFError`` if the image does not hold its bytes; ``PartitionError`` around a ``LUKSError`` if the
  ///   header is faulty or not supported.
  public init(_ object: Descriptor, in image: Image, allowsAnyCipher: Bool = false) throws {
    self.object = object
    self.image = image
    let bytes = try image.bytes(of: object)
    offset = bytes.offset
    volume = WritableWindow(image.storage, start: bytes.offset, byteCount: bytes.byteCount)
    do {
      header = try VolumeHeader(checking: volume, allowsAnyCipher: allowsAnyCipher)
    } catch {
      throw PartitionError(error, object: object.id, countedFrom: offset)
    }
  }

  /// The fault of a volume that ends inside a sector; nil for a whole one.
  public var cut: PartitionError? { SquashfsExtent.cut(header) }

  /// Unlocks the partition with the first of the keys that fits.
  ///
  /// - Throws: ``LUKSError/Code/wrongKey`` if none does; ``LUKSError/Code/cost``, in a ``PartitionError``, if
  ///   deriving the keys costs more than is allowed; what the provider throws.
  public func unlock(with keys: some VolumeKeyProvider) throws -> OpenedPartition {
    try keys.open(object, in: image, cost: header.cost.description) { count in
      do throws(LUKSError) { try header.cost.check(keys: count) } catch {
        throw PartitionError(error, object: object.id, countedFrom: offset)
      }
    } _: { candidate in
      let unlocked = try unlock(candidate.key)
      return try OpenedPartition(
        self,
        OpenedPartition.Volume(header: header, slot: unlocked.slot, key: unlocked.key, candidate: candidate))
    }
  }

  private func unlock(_ key: borrowing SecureBytes) throws(LUKSError) -> VolumeHeader.Unlocked {
    try header.unlock(key.span, in: volume)
  }
}

extension Image {
  /// Checks the headers of an encrypted partition, and unlocks it with the first of the keys that fits.
  ///
  /// - Throws: as ``EncryptedPartition/init(_:in:allowsAnyCipher:)`` and ``EncryptedPartition/unlock(with:)``, or
  ///   ``GocryptfsPartition/init(_:in:)`` and ``GocryptfsPartition/unlock(with:)``.
  public func unlock(_ object: Descriptor, with keys: some VolumeKeyProvider) throws -> OpenedPartition {
    if object.isGocryptfs { return try GocryptfsPartition(object, in: self).unlock(with: keys) }
    return try EncryptedPartition(object, in: self, allowsAnyCipher: keys.allowsAnyCipher).unlock(with: keys)
  }
}
