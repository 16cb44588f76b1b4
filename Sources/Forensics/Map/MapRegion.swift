import Partitions
public import SIF

/// A run of bytes of an image's file that belongs to one thing (spec/forensics.md, "Map").
public struct MapRegion: Sendable {
  /// The owner of a run of bytes. Raw values are stable: scripts may compare them.
  public enum Kind: String, Sendable, CaseIterable {
    /// The launch script's field of the header.
    case launchScript = "launch-script"
    /// Other fields of the header.
    case header
    /// The slot of an object's descriptor.
    case descriptor
    /// An unused slot that still holds something.
    case descriptorRemains = "descriptor-remains"
    /// Neighbouring unused slots, all of zeros.
    case unusedSlots = "unused-slots"
    /// Slots after those that are kept in memory; they are not distinguished.
    case unreadSlots = "unread-slots"
    /// The beginning of a slot that is cut off by the end of the file.
    case partialSlot = "partial-slot"
    /// Bytes of an object.
    case object
    /// Room that layout or alignment explains.
    case padding
    /// Unexplained bytes between objects.
    case gap
    /// Bytes after the last object.
    case trailing
    /// Bytes of a file in which no header was found.
    case unknown
  }

  /// The owner of the bytes.
  public let kind: Kind
  /// The offset of the region in the file.
  public let offset: Int64
  /// The length of the region in bytes; never 0.
  public let length: Int64
  /// The id of the object that the bytes or the descriptor belong to; for ``Kind/descriptorRemains`` the
  /// former id.
  public let objectID: UInt32?
  /// The type of that object.
  public let dataType: DataType?
  /// Whether that object's descriptor says that it is encrypted.
  let isDeclaredEncrypted: Bool
  /// The first slot, for regions in the descriptor table.
  public let slot: Int?
  /// The number of slots, for regions in the descriptor table.
  public let slotCount: Int
  /// The region in words, such as `object 1: partition` or `header: times and counters`; bytes of the image
  /// are escaped.
  public let what: String
  /// The results of reading the bytes.
  public internal(set) var measure = RegionMeasure()
  /// The signatures that cover the bytes.
  public internal(set) var coverage = RegionCoverage.unknown

  init(
    _ kind: Kind, _ range: Range<Int64>, _ what: String, object: Descriptor? = nil, slot: Int? = nil,
    slots: Int = 0
  ) {
    self.kind = kind
    offset = range.lowerBound
    length = range.upperBound - range.lowerBound
    objectID = object?.id
    dataType = object?.dataType
    isDeclaredEncrypted = object?.isEncryptedSquashfs ?? false
    self.slot = slot
    slotCount = slots
    self.what = what
  }

  /// The first byte after the region.
  public var end: Int64 { offset + length }
}

/// The results of reading a region.
public struct RegionMeasure: Sendable {
  /// The SHA-256 of the bytes; nil if bytes could not be read, or if there are too many bytes of holes
  /// (``ImageMap/longestHashedHoles``).
  public internal(set) var sha256: [UInt8]?
  /// Shannon's entropy of the bytes, in bits per byte, from 0 (all equal) to 8 (as if random).
  public internal(set) var entropy: Double = 0
  /// Whether every byte that could be read is zero.
  public internal(set) var isZero = true
  /// The number of bytes in holes of the file: zeros that take no space and were not read.
  public internal(set) var holeBytes: Int64 = 0
  /// The number of unreadable bytes.
  public internal(set) var unreadableBytes: Int64 = 0
  /// The kind of content that the bytes look like.
  public internal(set) var content: ContentKind = .zeros
}

/// The signatures that cover a region.
public struct RegionCoverage: Sendable, Equatable {
  /// The degree to which a signature can be relied on.
  public enum State: String, Sendable {
    /// The image is too damaged to say.
    case unknown
    /// No signature.
    case none
    /// Signatures are linked to it; they were not verified.
    case claimed
    /// Good signatures of the given keys cover it.
    case validated
    /// Signatures should cover it, but they or the covered bytes were altered.
    case broken
  }

  /// The degree to which the coverage can be relied on.
  public var state: State
  /// The ids of the signatures, ascending.
  public var signatures: [UInt32]
  /// The number of bytes of the region that they leave out: some fields of a descriptor are never signed.
  public var uncoveredBytes: Int64

  static let unknown = RegionCoverage(state: .unknown, signatures: [], uncoveredBytes: 0)
}

/// Bytes that two things claim.
public struct MapOverlap: Sendable, Equatable {
  /// The offset of the shared bytes.
  public let offset: Int64
  /// The number of shared bytes.
  public let length: Int64
  /// The object that they were not counted for.
  public let objectID: UInt32
  /// The owner that they were counted for, or another object that claims them all: `object 1`, `header`,
  /// `descriptor table`.
  public let with: String
}

/// The account of an object in the map.
public struct MappedObject: Sendable, Equatable {
  /// The object's id.
  public let id: UInt32
  /// The offset in its descriptor.
  public let offset: Int64
  /// The size in its descriptor, in bytes.
  public let size: Int64
  /// The number of bytes of the file that were counted for it.
  public let mapped: Int64
  /// The number of its bytes that were counted for something else.
  public let shared: Int64
  /// The number of its bytes beyond the end of the file.
  public let missing: Int64
}
