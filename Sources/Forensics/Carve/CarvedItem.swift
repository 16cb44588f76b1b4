public import SIF

/// Something that was found outside of all objects (spec/forensics.md, "Carving").
public struct CarvedItem: Sendable, Equatable {
  /// The confidence that kind and extent are right.
  public enum Confidence: String, Sendable, Comparable, CaseIterable {
    /// Unclaimed bytes; their kind or their extent is a guess.
    case low
    /// Either magic and lengths fit, or the neighbours show where it begins and ends, but not both.
    case medium
    /// The structure was followed to its end, or a descriptor and the content agree.
    case high

    /// More confidence is greater.
    public static func < (left: Confidence, right: Confidence) -> Bool { left.rank < right.rank }
    private var rank: Int { Self.allCases.firstIndex(of: self) ?? 0 }
  }

  /// Its offset in the file.
  public let offset: Int64
  /// Its probable length in bytes.
  public let length: Int64
  /// The kind of content that it looks like.
  public let kind: ContentKind
  /// The confidence in kind and length.
  public let confidence: Confidence
  /// The reason, as a clause without a final stop; bytes of the image are escaped.
  public let reason: String
  /// Whether it is complete by its own structure; nil if its structure does not tell.
  public let isComplete: Bool?
  /// The descriptor that it had, if an unused slot or a damaged table still holds it.
  public let descriptor: Descriptor?

  /// The first byte after it.
  public var end: Int64 { offset + length }
}

/// The result of following a format's structure from its magic on.
struct CarvedShape {
  /// Its length.
  var length: Int64
  /// Its length including the zeros that its writers commonly append.
  var paddedLength: Int64
  var confidence: CarvedItem.Confidence
  var reason: String
  var isComplete: Bool? = true
  /// If its end is unknown: the number of bytes that certainly belong to it. It ends where the next thing
  /// begins.
  var openAfter: Int64?
  /// The ends of its members, counted from its own beginning.
  var partEnds: [Int64] = []

  /// The most members that are listed one by one: a stream of more members is one thing that was written in
  /// blocks.
  static let mostParts = 256

  init(_ length: Int64, padded: Int64? = nil, _ confidence: CarvedItem.Confidence, _ reason: String) {
    self.length = length
    paddedLength = max(padded ?? length, length)
    self.confidence = confidence
    self.reason = reason
  }

  /// A structure that continues beyond the window.
  static func truncated(_ window: StorageWindow, _ needed: Int64, _ what: String) -> CarvedShape {
    var shape = CarvedShape(
      window.byteCount, .low, "\(what) says it is \(needed) bytes long; \(window.byteCount) are present")
    shape.isComplete = false
    shape.openAfter = min(64, window.byteCount)
    return shape
  }
}

extension Int64 {
  /// The next multiple of a unit, or the number itself if there is none.
  func roundedUp(to unit: Int64) -> Int64 {
    let (sum, overflow) = addingReportingOverflow(unit - 1)
    return overflow ? self : sum / unit * unit
  }
}
