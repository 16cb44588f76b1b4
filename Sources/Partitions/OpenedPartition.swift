public import Bytes
import Gocryptfs
public import LUKS
public import SIF
public import Squash

/// A partition whose decrypted or plain bytes can be read.
public struct OpenedPartition: Sendable {
  /// How an encrypted partition was opened.
  public enum Encryption: Sendable {
    /// It is a LUKS volume.
    case luks(Volume)
    /// It holds a file that gocryptfs encrypts, and this key opened it.
    case gocryptfs(VolumeKeyCandidate)

    /// The key that opened it.
    public var candidate: VolumeKeyCandidate {
      switch self {
      case .luks(let volume): volume.candidate
      case .gocryptfs(let candidate): candidate
      }
    }

    /// The number of the key slot that was opened; gocryptfs has none.
    public var slot: Int? {
      if case .luks(let volume) = self { volume.slot } else { nil }
    }
  }

  /// The key that opened a LUKS volume, and its place.
  public struct Volume: Sendable {
    /// The volume's header, checked.
    public let header: VolumeHeader
    /// The number of the key slot that was opened.
    public let slot: Int
    /// The key of the volume's data.
    public let key: VolumeKey
    /// The key that opened the slot.
    public let candidate: VolumeKeyCandidate
  }

  /// The file that the partition is in.
  public let storage: any Storage
  /// Where the partition starts in the file.
  public let offset: Int64
  /// Its length in the file, in bytes, encrypted or not.
  public let byteCount: Int64
  /// Its descriptor; nil for a plain squashfs file.
  public let object: Descriptor?
  /// Its plain bytes.
  public let contents: any RandomAccess
  /// How it was opened; nil if it was not encrypted.
  public let encryption: Encryption?

  init(plain storage: any Storage, offset: Int64, byteCount: Int64, object: Descriptor? = nil) {
    self.storage = storage
    self.offset = offset
    self.byteCount = byteCount
    self.object = object
    contents = Window(storage, start: offset, byteCount: byteCount)
    encryption = nil
  }

  init(_ partition: EncryptedPartition, _ volume: Volume) throws(LUKSError) {
    (storage, offset, byteCount) = (partition.storage, partition.offset, partition.volume.byteCount)
    object = partition.object
    contents = try VolumeReader(partition.volume, volume.header, key: volume.key)
    encryption = .luks(volume)
  }

  init(_ bytes: ObjectReader, of object: Descriptor, _ contents: FileReader, _ key: VolumeKeyCandidate) {
    (storage, offset, byteCount) = (bytes.storage, bytes.offset, bytes.byteCount)
    self.object = object
    self.contents = contents
    encryption = .gocryptfs(key)
  }

  /// The partition's bytes in the file, encrypted or not.
  public var bytes: WritableWindow { WritableWindow(storage, start: offset, byteCount: byteCount) }

  /// The file system.
  ///
  /// - Throws: ``SquashError``, wrapped in a ``PartitionError`` with the object's id if there is one.
  public func squashfs() throws -> SquashImage {
    do { return try SquashImage(contents) } catch { throw PartitionError(error, object: object?.id) }
  }

  /// Refuses contents that do not begin like a squashfs. Any others prove that the key is right, even if the header is
  /// wrong.
  ///
  /// - Parameter isWhole: whether to refuse an incomplete squashfs too.
  public func requireSquashfs(isWhole: Bool = false) throws {
    let head = try contents.read(SquashfsSuperblock.byteCount, at: 0)
    guard head.starts(with: ContentMagic.squashfs) else {
      throw PartitionError(.notSquashfs, "the encrypted data is not a squashfs")
    }
    guard isWhole else { return }
    try SquashfsExtent.check(head, present: try contents.byteCount)
    if case .luks(let volume) = encryption, let fault = SquashfsExtent.cut(volume.header) { throw fault }
  }
}
