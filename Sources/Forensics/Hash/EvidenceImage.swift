import Bytes
public import LUKS
public import SIF
public import Squash

/// The readable parts of an image, however damaged it is.
public struct EvidenceImage: Sendable {
  /// The storage with the bytes.
  public let storage: any Storage
  /// The length of the file in bytes.
  public let fileSize: Int64
  /// The header, if there is one.
  public let header: Header?
  /// The objects whose descriptors can be read, in the order of the table.
  public let descriptors: [Descriptor]
  /// The reason why the image cannot be opened as a whole; nil for a sound image.
  public let damage: SIFError?

  /// Reads every part that is readable.
  ///
  /// - Throws: ``SIFError/Code/notSIF`` for another kind of file; ``SIFError/Code/system`` if reading fails.
  public init(_ storage: any Storage) throws(SIFError) {
    self.storage = storage
    do {
      let image = try Image(reading: storage)
      fileSize = image.fileSize
      header = image.header
      descriptors = image.descriptors
      damage = nil
    } catch {
      guard error.code != .notSIF, error.code != .system else { throw error }
      let check = try ImageCheck(of: storage)
      fileSize = check.fileSize
      header = check.header
      descriptors = check.descriptors
      damage = error
    }
  }

  /// The range of an object's bytes.
  ///
  /// - Throws: ``SIFError/Code/malformed`` for an impossible range, ``SIFError/Code/truncated`` for one that
  ///   reaches beyond this file.
  public func extent(of descriptor: Descriptor) throws(SIFError) -> Range<Int64> {
    try descriptor.extent(inFileOf: fileSize)
  }

  /// The bytes of an object.
  public func reader(of descriptor: Descriptor) throws(SIFError) -> Window {
    Window(storage, try extent(of: descriptor))
  }
}

/// The contents of a partition, as far as they can be known without a key.
public enum EvidenceContents: Sendable {
  /// Readable files.
  case squashfs(SquashImage)
  /// An encrypted volume, with the facts of its header.
  case encrypted(VolumeFacts)
  /// Something whose files this library cannot read.
  case other
  /// A squashfs that cannot be read, and why.
  case unreadable(SquashError)

  /// Recognises the contents of a partition by its first bytes, whatever its descriptor says.
  ///
  /// - Parameter reader: the bytes of the partition; for an unlocked encrypted one, its plain text.
  public init(reading reader: any RandomAccess) {
    var budget = ContentBudget(fileSize: .max)
    self.init(reading: reader, &budget)
  }

  /// Recognises the contents of a partition. Reading an encrypted one's header is paid from a budget.
  public init(reading reader: any RandomAccess, _ budget: inout ContentBudget) {
    let facts: VolumeFacts?
    do throws(StorageFault) {
      if try reader.read(ContentMagic.squashfs.count, at: 0) == ContentMagic.squashfs {
        do { self = .squashfs(try SquashImage(reader)) } catch { self = .unreadable(error) }
        return
      }
      facts = try VolumeFacts(reading: { (count: Int, offset: Int64) throws(StorageFault) in
        guard budget.spend(Int64(count)) else {
          throw StorageFault(
            .limitExceeded, "the partition shares its bytes with too many others: not read")
        }
        return try reader.read(count, at: offset)
      })
    } catch {
      self = .unreadable(SquashError(error))
      return
    }
    self = facts.map { .encrypted($0) } ?? .other
  }
}

extension EvidenceContents {
  /// Whether an object begins like a squashfs, whatever its descriptor says.
  public static func isSquashfs(_ object: Descriptor, of evidence: EvidenceImage) -> Bool {
    guard let reader = try? evidence.reader(of: object) else { return false }
    return (try? reader.read(ContentMagic.squashfs.count, at: 0)) == ContentMagic.squashfs
  }
}
