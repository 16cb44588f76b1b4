import ArgumentParser
import CommandKit
import Glibc
import SIF
import Squash
import SystemPackage

/// Which file system a command looks into.
struct SquashOptions: ParsableArguments {
  @Argument(help: "The image, or a plain squashfs file.") var image: PathArgument
  @Option(help: ArgumentHelp("The partition; otherwise the primary one.", valueName: "id")) var id: ObjectID?
  @OptionGroup(title: "Key of an encrypted partition") var key: VolumeKeyOptions

  /// Opens the squashfs.
  func open(_ reporter: Reporter = Reporter()) throws -> SquashImage {
    var source = key.source
    source.reporter = reporter
    return try Self.open(image, id, source)
  }

  /// Opens the squashfs of an image: that of a partition, or the primary one.
  static func open(
    _ image: PathArgument, _ id: ObjectID?, _ key: VolumeKeySource = VolumeKeySource()
  ) throws -> SquashImage {
    try image.requireFile()
    let storage = try FileStorage(opening: image.path)
    if try storage.read(4, at: 0) == Array("hsqs".utf8) {
      guard id == nil else { throw ToolFailure.usage("--id makes no sense with a plain squashfs file") }
      return try image.named {
        try openSquash(PartitionReader(storage, offset: 0, byteCount: try storage.byteCount()), nil)
      }
    }
    let sif: Image
    do { sif = try Image(reading: storage) } catch {
      if error.code == .notSIF { try refuseBareVolume(storage, image.path) }
      throw error.naming(image.path)
    }
    let object = try image.named { try PartitionChoice.choose(from: sif, id) }
    do {
      if object.isEncryptedSquashfs {
        let partition = try EncryptedPartition(object, in: sif, allowsAnyCipher: key.allowsAnyCipher)
        let opened = try partition.open(with: key, in: sif)
        return try image.named {
          try openSquash(DecryptingReader(reader: try opened.reader()), object.id)
        }
      }
      return try image.named {
        try PartitionChoice.requireSquashfs(object, in: sif)
        let bytes = try sif.bytes(of: object)
        return try openSquash(
          PartitionReader(storage, offset: bytes.offset, byteCount: bytes.byteCount), object.id)
      }
    } catch let error as SIFError {
      throw error.naming(image.path)
    }
  }

  /// Says what a file is that would be a partition's content, but not one to look into.
  private static func refuseBareVolume(_ storage: FileStorage, _ path: FilePath) throws {
    let isExt = try storage.read(2, at: 1080) == [0x53, 0xEF]
    let isLUKS = try storage.read(6, at: 0) == Array("LUKS".utf8) + [0xBA, 0xBE]
    guard isExt || isLUKS else { return }
    throw ToolFailure(
      .failure, code: "not-squashfs",
      "\(path.printable) is "
        + (isExt
          ? "an ext2, ext3 or ext4 file system, not squashfs: it is never mounted or looked into here"
          : "an encrypted volume without an image around it: open it with cryptsetup"))
  }

  private static func openSquash(_ reader: any RandomAccessReader, _ id: UInt32?) throws -> SquashImage {
    do { return try SquashImage(reader) } catch {
      var failure = ToolFailure(error)
      failure.objectID = id
      throw failure
    }
  }
}

/// Which partition of an image a command is about.
enum PartitionChoice {
  /// The partition with an id, the primary one, or the only one.
  static func choose(from image: Image, _ id: ObjectID?) throws -> Descriptor {
    let object: Descriptor
    if let id {
      object = try image.object(id: id.value)
    } else if let fault = image.secondPrimary {
      // Which of them runs must not be up to whoever put them together.
      throw fault
    } else if let primary = image.primarySystemPartition {
      object = primary
    } else {
      let partitions = image.objects(ofType: .partition)
      guard let only = partitions.first, partitions.count == 1 else {
        throw ToolFailure(
          .failure, code: "object-not-found",
          partitions.isEmpty
            ? "the image has no partition" : "no partition of the image is the primary one; choose with --id")
      }
      object = only
    }
    guard case .partition = object.metadata else {
      throw ToolFailure(.failure, code: "not-a-partition", "object \(object.id) is not a partition")
    }
    return object
  }

  /// Refuses a partition that holds anything but a squashfs.
  static func requireSquashfs(_ object: Descriptor, in image: Image) throws {
    guard case .partition(let partition) = object.metadata, partition.fileSystem != .squashfs else { return }
    // Its name may be wrong: what begins like a squashfs is one.
    if try image.bytes(of: object).prefix(4) == Array("hsqs".utf8) { return }
    throw ToolFailure(
      .failure, code: "not-squashfs",
      "partition \(object.id) holds \(partition.fileSystem.name), not squashfs, and nothing else is ever mounted or looked into; "
        + "dump writes it out")
  }
}

extension Descriptor {
  /// Whether the object is a partition with an encrypted squashfs.
  var isEncryptedSquashfs: Bool {
    if case .partition(let partition) = metadata { partition.fileSystem == .encryptedSquashfs } else { false }
  }
}

/// A range of an image's file as a reader of squashfs.
struct PartitionReader: RandomAccessReader {
  private let storage: any Storage
  private let offset: Int64
  let byteCount: Int64

  init(_ storage: any Storage, offset: Int64, byteCount: Int64) {
    self.storage = storage
    self.offset = offset
    self.byteCount = byteCount
  }

  func read(into buffer: UnsafeMutableRawBufferPointer, at position: Int64) throws(SquashError) -> Int {
    do {
      return try storage.read(into: buffer, at: position, ofWindowAt: offset, byteCount: byteCount)
    } catch {
      throw SquashError(error)
    }
  }
}

extension SquashError {
  /// A failure of the image's storage.
  init(_ error: SIFError) {
    self.init(
      error.code == .system ? .system : .truncated, error.message, offset: error.offset,
      errno: error.system?.errno.rawValue)
  }
}

extension ToolFailure {
  /// The faults of an image of which everything else was done.
  static func faults(_ faults: [SquashError], count: Int, _ reporter: Reporter) -> ToolFailure? {
    guard let first = faults.first else { return nil }
    for fault in faults { reporter.note("refused: \(fault)") }
    return ToolFailure(
      .malformed, code: first.code.rawValue,
      "\(count) \(count == 1 ? "entry was" : "entries were") refused; everything else was done")
  }
}

extension SquashImage {
  /// The selection of paths and patterns. A path is looked up first, so that one that is there is never taken
  /// for a pattern, and one that is not there is an error.
  func selection(_ paths: [BytesArgument]) throws -> PathSelection {
    guard !paths.isEmpty else { return .all }
    let reader = try SquashReader(self)
    return PathSelection(
      patterns: try paths.map { path in
        do throws(SquashError) {
          return PathSelection.literal(try reader.lookup(path.bytes).path)
        } catch {
          guard PathSelection.isPattern(path.bytes), error.code == .notFound || error.code == .notDirectory
          else { throw error }
          return path.bytes
        }
      })
  }
}
