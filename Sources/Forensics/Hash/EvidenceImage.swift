public import LUKS
public import SIF
public import Squash

/// An image as far as it can be read, however damaged it is.
public struct EvidenceImage: Sendable {
  /// Where the bytes are.
  public let storage: any Storage
  /// The length of the file in bytes.
  public let fileSize: Int64
  /// The header, where there is one.
  public let header: Header?
  /// The objects whose descriptors can be read, in the order of the table.
  public let descriptors: [Descriptor]
  /// Why the image is not one that can be opened as such; nil for a sound one.
  public let damage: SIFError?

  /// Reads what can be read.
  ///
  /// - Throws: ``SIFError/Code/notSIF`` for another kind of file; ``SIFError/Code/system`` where reading fails.
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
  /// - Throws: ``SIFError/Code/malformed`` for one that no file can have, ``SIFError/Code/truncated`` for one
  ///   that reaches beyond this file.
  public func extent(of descriptor: Descriptor) throws(SIFError) -> Range<Int64> {
    guard let end = descriptor.end, descriptor.offset >= 0, end >= descriptor.offset else {
      throw SIFError(
        .malformed,
        "object \(descriptor.id) has an impossible extent: offset \(descriptor.offset), size "
          + "\(descriptor.size)", objectID: descriptor.id)
    }
    guard descriptor.size > 0 else { return 0..<0 }
    guard end <= fileSize else {
      let present = max(fileSize - descriptor.offset, 0)
      throw SIFError(
        .truncated,
        "object \(descriptor.id) is truncated: \(present) of its \(descriptor.size) bytes are in the file",
        offset: fileSize, objectID: descriptor.id)
    }
    return descriptor.offset..<end
  }

  /// The bytes of an object.
  public func reader(of descriptor: Descriptor) throws(SIFError) -> EvidenceReader {
    EvidenceReader(storage, try extent(of: descriptor))
  }
}

/// A range of an image's file as what file systems are read from.
public struct EvidenceReader: RandomAccessReader {
  private let storage: any Storage
  private let range: Range<Int64>

  /// The bytes of a range.
  public init(_ storage: any Storage, _ range: Range<Int64>) {
    self.storage = storage
    self.range = range
  }

  /// How many bytes there are.
  public var byteCount: Int64 { range.upperBound - range.lowerBound }

  /// Reads at an offset until the buffer is full or the bytes end.
  public func read(
    into buffer: UnsafeMutableRawBufferPointer, at offset: Int64
  ) throws(SquashError) -> Int {
    do {
      return try storage.read(
        into: buffer, at: offset, ofWindowAt: range.lowerBound, byteCount: byteCount)
    } catch {
      throw SquashError(error)
    }
  }
}

extension SquashError {
  /// A failure of the storage that an image lies in.
  init(_ error: SIFError) {
    self.init(
      error.code == .system ? .system : error.code == .truncated ? .truncated : .corrupt, error.message,
      offset: error.offset, errno: error.system?.errno.rawValue)
  }
}

/// What a partition holds, as far as it can be known without a key.
public enum EvidenceContents: Sendable {
  /// Files that can be read.
  case squashfs(SquashImage)
  /// An encrypted volume, with what its header says.
  case encrypted(VolumeFacts)
  /// Something whose files are not read.
  case other
  /// A squashfs that cannot be read, and why.
  case unreadable(SquashError)

  /// Looks at the contents of a partition: what it begins with counts, not what its descriptor says.
  ///
  /// - Parameter reader: the bytes of the partition; of an encrypted one that is open, those of its plain text.
  public init(reading reader: any RandomAccessReader) {
    var budget = ContentBudget(fileSize: .max)
    self.init(reading: reader, &budget)
  }

  /// Looks at the contents of a partition, where a budget pays for the header of an encrypted one.
  public init(reading reader: any RandomAccessReader, _ budget: inout ContentBudget) {
    do throws(SquashError) {
      let start = try reader.bytes(6, at: 0)
      if start.starts(with: Array("hsqs".utf8)) {
        self = .squashfs(try SquashImage(reader))
      } else if let facts = try VolumeFacts(reading: { (count: Int, offset: Int64) throws(SquashError) in
        guard budget.spend(Int64(count)) else {
          throw SquashError(
            .limitExceeded, "a partition that shares its bytes with too many others: not read")
        }
        return try reader.bytes(count, at: offset)
      }) {
        self = .encrypted(facts)
      } else {
        self = .other
      }
    } catch {
      self = .unreadable(error)
    }
  }
}

extension EvidenceContents {
  /// Whether an object begins like a squashfs, whatever its descriptor says.
  public static func isSquashfs(_ object: Descriptor, of evidence: EvidenceImage) -> Bool {
    guard let reader = try? evidence.reader(of: object) else { return false }
    return (try? reader.bytes(4, at: 0)) == Array("hsqs".utf8)
  }
}

extension RandomAccessReader {
  /// The bytes at an offset, at most `count` of them, which the caller bounds; fewer at the end.
  func bytes(_ count: Int, at offset: Int64) throws(SquashError) -> [UInt8] {
    var failure: SquashError?
    let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
      do throws(SquashError) {
        filled = try read(into: UnsafeMutableRawBufferPointer(buffer), at: offset)
      } catch { failure = error }
    }
    if let failure { throw failure }
    return bytes
  }
}
