import Bytes
import Gocryptfs
import ImageTrust
import LinuxSystem
public import LUKS
public import SIF
import Squash
public import SystemPackage

/// A new image in which one partition has other bytes: encrypted, or decrypted.
public struct PartitionRewrite {
  /// The image as it is.
  public let image: Image
  /// The partition that gets other bytes.
  public let partition: Descriptor
  /// The partition's new file system.
  public let fileSystem: FileSystemType
  /// The cryptographic messages that are left out.
  public let messages: [Descriptor]
  /// The signatures that are no longer valid, and are left out.
  public let signatures: [Descriptor]

  private init(
    of image: Image, _ partition: Descriptor, to fileSystem: FileSystemType, dropping messages: [Descriptor]
  ) throws {
    self.image = image
    self.partition = partition
    self.fileSystem = fileSystem
    self.messages = messages
    signatures = try image.signatures(brokenBy: [partition] + messages)
  }

  /// Plans to encrypt a partition.
  ///
  /// - Throws: ``PartitionError`` if it is encrypted already, or is not a complete squashfs.
  public static func encrypting(
    _ partition: Partition, as format: EncryptionFormat = .luks
  ) throws -> PartitionRewrite {
    guard let image = partition.image, let object = partition.object else {
      throw PartitionError(.notPartition, "a plain squashfs file is not an image")
    }
    guard !partition.isEncrypted else {
      throw PartitionError(
        .alreadyEncrypted, "partition \(object.id) is encrypted already", object: object.id)
    }
    try partition.requireSquashfs()
    let bytes = try image.bytes(of: object)
    let head = try bytes.prefix(SquashfsSuperblock.byteCount)
    guard head.starts(with: ContentMagic.squashfs) else {
      throw PartitionError(
        .notSquashfs, "partition \(object.id) does not hold a squashfs, although its type says so")
    }
    try SquashfsExtent.check(head, present: bytes.byteCount)
    return try PartitionRewrite(
      of: image, object, to: format == .luks ? .encryptedSquashfs : .gocryptfsSquashfs, dropping: [])
  }

  /// Plans to decrypt a partition, and to drop the messages with its key.
  public static func decrypting(_ partition: Descriptor, in image: Image) throws -> PartitionRewrite {
    try PartitionRewrite(
      of: image, partition, to: .squashfs, dropping: image.wrappedKeys(for: partition))
  }

  /// Writes the volume that the partition becomes.
  ///
  /// - Parameter threads: how many threads encrypt; nil for one per processor.
  /// - Returns: the volume, and the number of its bytes.
  public func encrypt(
    with key: NewVolumeKey, _ options: FormatOptions, to place: ObjectWriter, threads: Int? = nil
  ) throws -> (volume: NewVolume, byteCount: Int64) {
    let payload = try image.bytes(of: partition)
    let volume = try key.makeVolume(options, payloadByteCount: payload.byteCount)
    let sector = Int64(options.sectorSize)
    let byteCount = options.dataOffset + (payload.byteCount + sector - 1) / sector * sector
    let target = WritableWindow(place.storage, start: place.offset, byteCount: byteCount)
    try volume.writeHeader(to: target)
    try volume.encryptAll(payload, to: target, threads: threads ?? Workers.processors(limit: 256))
    return (volume, byteCount)
  }

  /// Writes the squashfs with the configuration of gocryptfs and the encrypted file that the partition becomes.
  ///
  /// - Parameters:
  ///   - clock: gives the times of the files.
  ///   - threads: how many threads encrypt; nil for one per processor.
  /// - Returns: the facts about the encryption, and the number of bytes of the squashfs.
  public func encryptFile(
    with key: NewVolumeKey, to place: ObjectWriter, clock: EditClock, threads: Int? = nil
  ) throws -> (facts: GocryptfsFacts, byteCount: Int64) {
    let (configuration, contentKey) = try key.makeConfiguration()
    let threads = threads ?? Workers.processors(limit: 256)
    let encryptor = try FileEncryptor(try image.bytes(of: partition), key: contentKey, threads: threads)
    var options = WriterOptions()
    // As the runtimes make it. Encrypted bytes do not shrink.
    options.compression = .gzip
    options.storesContent = true
    options.threads = threads
    let time = Int64(UInt32(clamping: clock.time(for: image.header).seconds))
    options.creationTime = UInt32(time)
    let writer = try SquashWriter(place, options)
    try writer.add(directory: [], FileAttributes(permissions: 0o755, modificationTime: time))
    try writer.add(
      file: Array(Configuration.name.utf8), configuration.text,
      FileAttributes(permissions: 0o400, modificationTime: time))
    // The runtimes put a random number after the same word.
    let name = Array("squashfs-\(UInt32.random(in: 1...(.max)))".utf8)
    try writer.add(
      file: name, byteCount: encryptor.byteCount,
      FileAttributes(permissions: 0o644, modificationTime: time)
    ) { (buffer) throws(SquashError) in
      do throws(GocryptfsError) { try encryptor.read(into: buffer) } catch {
        throw SquashError(StorageFault(.source, causedBy: error))
      }
    }
    let facts = GocryptfsFacts(configuration, fileName: name, fileByteCount: encryptor.byteCount)
    return (facts, try writer.finish().imageBytes)
  }

  /// Writes the decrypted bytes of an opened partition.
  ///
  /// - Returns: the number of bytes.
  public func decrypt(
    _ opened: OpenedPartition, to place: ObjectWriter, threads: Int? = nil
  ) throws -> Int64 {
    let byteCount = try opened.contents.byteCount
    let target = WritableWindow(place.storage, start: place.offset, byteCount: byteCount)
    let threads = threads ?? Workers.processors(limit: 256)
    @Sendable func write(_ bytes: UnsafeRawBufferPointer, _ offset: Int64) throws(StorageFault) {
      try target.write(bytes, at: offset)
    }
    switch opened.contents {
    case let reader as VolumeReader: try reader.decryptAll(threads: threads, to: write)
    case let reader as FileReader: try reader.decryptAll(threads: threads, to: write)
    default: throw PartitionError(.notEncrypted, "partition \(partition.id) is not encrypted")
    }
    return byteCount
  }

  /// Writes the new image, and gives it its name when it is complete.
  ///
  /// - Parameters:
  ///   - path: the new image.
  ///   - source: the old one, whose permission bits a new file gets, so that nobody else can read it.
  ///   - watch: wraps the storage that is written to, to show progress.
  ///   - body: writes the partition's bytes, and returns their number.
  ///   - more: makes further changes to the new image.
  public func write(
    to path: FilePath, like source: FilePath, clock: EditClock,
    watching watch: (any Storage) -> any Storage = { $0 },
    _ body: (ObjectWriter) throws -> Int64, then more: (inout ImageEditor, Descriptor) throws -> Void
  ) throws {
    guard case .partition(var metadata) = partition.metadata else { return }
    metadata.fileSystem = fileSystem
    let dropped = Set((messages + signatures).map(\.id))
    try NewImageFile.write(replacing: path, mode: NewImageFile.mode(like: source)) { storage in
      try ImageRewriter(image, clock: clock).replace(
        id: partition.id, metadata: .partition(metadata), dropping: dropped, into: watch(storage),
        writing: body)
      var editor = try ImageEditor(editing: storage, clock: clock, ordersWrites: false)
      try more(&editor, try editor.image.object(id: partition.id))
    }
  }
}
