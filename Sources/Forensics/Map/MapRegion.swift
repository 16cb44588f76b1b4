public import SIF

/// A run of bytes of an image's file that belongs to one thing (spec/forensics.md, "Map").
public struct MapRegion: Sendable {
  /// What a run of bytes belongs to. Raw values are stable: scripts may compare them.
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
    /// Slots behind those that are kept in memory: not told apart.
    case unreadSlots = "unread-slots"
    /// The beginning of a slot that the file ends within.
    case partialSlot = "partial-slot"
    /// Bytes of an object.
    case object
    /// Room that layout or alignment explains.
    case padding
    /// Bytes between objects that nothing explains.
    case gap
    /// Bytes behind the last object.
    case trailing
    /// Bytes of a file in which no header was found.
    case unknown
  }

  /// What the bytes belong to.
  public let kind: Kind
  /// Where they begin in the file.
  public let offset: Int64
  /// How many they are; never 0.
  public let length: Int64
  /// The object that they are of, or whose descriptor they are; of ``Kind/descriptorRemains`` the id that it had.
  public let objectID: UInt32?
  /// The type of that object.
  public let dataType: DataType?
  /// The first slot, of regions in the descriptor table.
  public let slot: Int?
  /// How many slots, of regions in the descriptor table.
  public let slotCount: Int
  /// What it is in words, such as `object 1: partition` or `header: times and counters`; bytes of the image are escaped.
  public let what: String
  /// What was found out by reading the bytes.
  public internal(set) var measure = RegionMeasure()
  /// Which signatures cover the bytes.
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
    self.slot = slot
    slotCount = slots
    self.what = what
  }

  /// The first byte behind the region.
  public var end: Int64 { offset + length }
}

/// What reading a region came to.
public struct RegionMeasure: Sendable {
  /// The SHA-256 of the bytes; nil where bytes could not be read, or where hashing the holes was not affordable
  /// (``ImageMap/longestHashedHoles``).
  public internal(set) var sha256: [UInt8]?
  /// Shannon's entropy of the bytes, in bits for each byte, from 0 (all alike) to 8 (as if random).
  public internal(set) var entropy: Double = 0
  /// Whether every byte that could be read is zero.
  public internal(set) var isZero = true
  /// How many bytes lie in holes of the file: zeros that take no room and were not read.
  public internal(set) var holeBytes: Int64 = 0
  /// How many bytes could not be read.
  public internal(set) var unreadableBytes: Int64 = 0
  /// What the bytes look like.
  public internal(set) var content: ContentKind = .zeros
}

/// Which signatures cover a region.
public struct RegionCoverage: Sendable, Equatable {
  /// How far a signature can be relied on.
  public enum State: String, Sendable {
    /// The image is too damaged to say.
    case unknown
    /// No signature.
    case none
    /// Signatures are linked to it; nobody looked whether they are good.
    case claimed
    /// Good signatures of the given keys cover it.
    case validated
    /// Signatures should cover it, but they or what they cover were altered.
    case broken
  }

  /// How far it can be relied on.
  public var state: State
  /// The ids of the signatures, ascending.
  public var signatures: [UInt32]
  /// How many bytes of the region they leave out: some fields of a descriptor are never signed.
  public var uncoveredBytes: Int64

  static let unknown = RegionCoverage(state: .unknown, signatures: [], uncoveredBytes: 0)
}

/// Bytes that two things claim.
public struct MapOverlap: Sendable, Equatable {
  /// Where the shared bytes begin.
  public let offset: Int64
  /// How many they are.
  public let length: Int64
  /// The object that they were not counted for.
  public let objectID: UInt32
  /// The one that they were counted for, or another object that claims them all: `object 1`, `header`,
  /// `descriptor table`.
  public let with: String
}

/// What became of an object in the map.
public struct MappedObject: Sendable, Equatable {
  /// The object's id.
  public let id: UInt32
  /// Where it says it begins.
  public let offset: Int64
  /// How long it says it is, in bytes.
  public let size: Int64
  /// How many bytes of the file were counted for it.
  public let mapped: Int64
  /// How many bytes were counted for something that lies there as well.
  public let shared: Int64
  /// How many bytes lie behind the end of the file.
  public let missing: Int64
}
