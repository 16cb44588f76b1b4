import Bytes
public import SIF
import Squash

/// The place of a root file system: a partition of an image, or a whole file that is a squashfs. It is chosen, but not
/// opened yet.
///
/// ```swift
/// let image = try Image(opening: "app.sif")
/// let squashfs = try Partition(of: image).unlock().squashfs()
/// ```
public struct Partition: Sendable {
  /// Where the bytes are.
  public let storage: any Storage
  /// The image; nil for a plain squashfs file.
  public let image: Image?
  /// The partition's descriptor; nil for a plain squashfs file.
  public let object: Descriptor?
  /// Where a plain squashfs begins in its file.
  private var start: Int64 = 0

  /// A partition of an image: the one with an id, or else the primary one, or else the only one.
  ///
  /// - Throws: ``SIFError`` if no object has the id, or two partitions claim to be the primary one;
  ///   ``PartitionError`` if the object is not a partition, or none can be chosen.
  public init(of image: Image, id: UInt32? = nil) throws {
    let object: Descriptor
    if let id {
      object = try image.object(id: id)
    } else if let fault = image.secondPrimary {
      // A person who adds a second one must not decide which of them runs.
      throw fault
    } else if let primary = image.primarySystemPartition {
      object = primary
    } else {
      let partitions = image.objects(ofType: .partition)
      guard let only = partitions.first else {
        throw PartitionError(.noPartition, "the image has no partition")
      }
      guard partitions.count == 1 else {
        throw PartitionError(.severalPartitions, "no partition of the image is the primary one")
      }
      object = only
    }
    guard case .partition = object.metadata else {
      throw PartitionError(.notPartition, "object \(object.id) is not a partition", object: object.id)
    }
    storage = image.storage
    self.image = image
    self.object = object
  }

  /// A whole file that is a squashfs, or one behind the launch line of an image of Singularity 2; nil for any other file.
  public init?(squashfs storage: any Storage) throws(SIFError) {
    let start = try Self.start(in: storage)
    guard try storage.starts(with: ContentMagic.squashfs, at: start) else { return nil }
    self.storage = storage
    self.start = start
    image = nil
    object = nil
  }

  /// Where the file system begins in a file that is not a SIF image: behind the launch line, if there is one.
  package static func start(in storage: any Storage) throws(SIFError) -> Int64 {
    do { return Int64(LaunchLine.byteCount(of: try storage.read(LaunchLine.longest, at: 0))) } catch {
      throw SIFError(error)
    }
  }

  /// Refuses a file that is the content of a partition other than a squashfs, and says what it is. Any other file
  /// passes.
  ///
  /// - Throws: ``PartitionError/Code/notImage``; its text completes a sentence that begins with the file's name.
  public static func refuseBare(_ storage: any Storage) throws {
    if try storage.starts(with: ContentMagic.ext, at: Int64(ContentMagic.extOffset)) {
      throw PartitionError(
        .notImage,
        "is an ext2, ext3 or ext4 file system: only `exec`, `run`, `shell` and `test` can use it, if it is ext3"
      )
    }
    if try storage.starts(with: ContentMagic.luks) {
      throw PartitionError(
        .notImage, "is an encrypted volume without an image around it: open it with cryptsetup")
    }
  }

  /// Whether a key is needed.
  public var isEncrypted: Bool { object?.isEncryptedSquashfs ?? false }

  /// Refuses a partition that is not a squashfs, encrypted or not, by its type and by its first bytes. A file system of another kind is
  /// never mounted or read.
  public func requireSquashfs() throws {
    guard let image, let object, case .partition(let partition) = object.metadata,
      partition.fileSystem != .squashfs, !isEncrypted
    else { return }
    // The type may be wrong: the first bytes decide.
    if try image.bytes(of: object).prefix(ContentMagic.squashfs.count) == ContentMagic.squashfs { return }
    throw PartitionError(
      .otherFileSystem,
      "partition \(object.id) holds \(partition.fileSystem.name); only squashfs is mounted or read",
      object: object.id)
  }

  /// The descriptor of an encrypted partition.
  ///
  /// - Throws: ``PartitionError/Code/notEncrypted`` for any other.
  public func requireEncrypted() throws(PartitionError) -> Descriptor {
    guard let object, isEncrypted else {
      throw PartitionError(
        .notEncrypted,
        object.map { "partition \($0.id) is not encrypted" } ?? "a plain squashfs file is not encrypted",
        object: object?.id)
    }
    return object
  }

  /// Opens the partition. If it is encrypted, it is decrypted while it is read.
  ///
  /// - Parameter keys: called for the keys of an encrypted partition.
  /// - Throws: ``SIFError``, ``LUKSError``, ``GocryptfsError`` or ``PartitionError``.
  public func unlock(with keys: some VolumeKeyProvider = NoVolumeKeys()) throws -> OpenedPartition {
    guard let image, let object else {
      return OpenedPartition(plain: storage, offset: start, byteCount: try storage.length() - start)
    }
    if isEncrypted {
      return try image.unlock(object, with: keys)
    }
    let bytes = try image.bytes(of: object)
    return OpenedPartition(plain: storage, offset: bytes.offset, byteCount: bytes.byteCount, object: object)
  }
}

extension Descriptor {
  /// Whether the object is a partition with an encrypted squashfs: a LUKS volume, or a file that gocryptfs encrypts.
  public var isEncryptedSquashfs: Bool {
    if case .partition(let partition) = metadata {
      partition.fileSystem == .encryptedSquashfs || partition.fileSystem == .gocryptfsSquashfs
    } else {
      false
    }
  }

  /// Whether the object is a partition with a squashfs that holds another one, which gocryptfs encrypts.
  public var isGocryptfs: Bool {
    if case .partition(let partition) = metadata { partition.fileSystem == .gocryptfsSquashfs } else { false }
  }
}

extension Storage {
  fileprivate func starts(with magic: [UInt8], at offset: Int64 = 0) throws(SIFError) -> Bool {
    do { return try read(magic.count, at: offset) == magic } catch { throw SIFError(error) }
  }

  fileprivate func length() throws(SIFError) -> Int64 {
    do { return try byteCount } catch { throw SIFError(error) }
  }
}
