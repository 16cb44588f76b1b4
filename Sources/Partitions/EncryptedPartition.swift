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
    // Once before the user is asked for a passphrase, and again when the number of keys is known.
    if !keys.allowsAnyCost { try checkCost(keys: 1) }
    let candidates = try keys.candidates(for: object, in: image)
    if !keys.allowsAnyCost { try checkCost(keys: candidates.count) }
    keys.willUnlock(object, cost: header.cost)
    var last: LUKSError?
    for candidate in candidates {
      let unlocked: VolumeHeader.Unlocked
      do throws(LUKSError) {
        unlocked = try unlock(candidate.key)
      } catch {
        guard error.code == .wrongKey else { throw error }
        last = error
        continue
      }
      let encryption = OpenedPartition.Encryption(
        header: header, slot: unlocked.slot, key: unlocked.key, candidate: candidate)
      return try OpenedPartition(self, encryption)
    }
    throw last ?? LUKSError(.wrongKey, "no key was given")
  }

  private func checkCost(keys: Int) throws {
    do { try header.cost.check(keys: keys) } catch {
      throw PartitionError(error, object: object.id, countedFrom: offset)
    }
  }

  private func unlock(_ key: borrowing SecureBytes) throws(LUKSError) -> VolumeHeader.Unlocked {
    try header.unlock(key.span, in: volume)
  }
}

extension Image {
  /// Checks the header of an encrypted partition, and unlocks it with the first of the keys that fits.
  ///
  /// - Throws: as ``EncryptedPartition/init(_:in:allowsAnyCipher:)`` and ``EncryptedPartition/unlock(with:)``.
  public func unlock(_ object: Descriptor, with keys: some VolumeKeyProvider) throws -> OpenedPartition {
    try EncryptedPartition(object, in: self, allowsAnyCipher: keys.allowsAnyCipher).unlock(with: keys)
  }

  /// The facts that the header of an encrypted partition states; nil for any other object, or one without a header.
  ///
  /// - Parameter budget: pays for the bytes that are read; once it is spent, nothing is read.
  public func volumeFacts(
    of object: Descriptor, _ budget: inout ContentBudget
  ) throws(StorageFault) -> VolumeFacts? {
    guard object.dataType == .partition, let reader = try? bytes(of: object) else { return nil }
    return try VolumeFacts(reading: { (count: Int, offset: Int64) throws(StorageFault) in
      budget.spend(Int64(count)) ? try reader.read(count, at: offset) : []
    })
  }
}
