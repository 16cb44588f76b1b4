public import SIF

/// Something that was found where no object is (spec/forensics.md, "Carving").
public struct CarvedItem: Sendable, Equatable {
  /// How sure it is that the bytes are what they are said to be, and end where they are said to end.
  public enum Confidence: String, Sendable, Comparable, CaseIterable {
    /// Bytes that nobody claims; what they are or where they end is a guess.
    case low
    /// Magic and lengths fit, or the neighbours say where it begins and ends, but not both.
    case medium
    /// The structure was followed to its end, or a descriptor and the content agree.
    case high

    /// More is greater.
    public static func < (left: Confidence, right: Confidence) -> Bool { left.rank < right.rank }
    private var rank: Int { Self.allCases.firstIndex(of: self) ?? 0 }
  }

  /// Where it begins in the file.
  public let offset: Int64
  /// How many bytes it probably has.
  public let length: Int64
  /// What it looks like.
  public let kind: ContentKind
  /// How sure that is.
  public let confidence: Confidence
  /// Why, as a clause without a final stop; bytes of the image are escaped.
  public let reason: String
  /// Whether all of it is there, as far as its own structure says; nil where that says nothing.
  public let isComplete: Bool?
  /// The descriptor that it had, where an unused slot or a damaged table still holds it.
  public let descriptor: Descriptor?

  /// The first byte behind it.
  public var end: Int64 { offset + length }
}

/// What following a format's structure from its magic on came to.
struct CarvedShape {
  /// How long it is.
  var length: Int64
  /// How long it may be with zeros that its writers commonly append.
  var paddedLength: Int64
  var confidence: CarvedItem.Confidence
  var reason: String
  var isComplete: Bool? = true
  /// Where its end is unknown: how many bytes belong to it for certain. It ends where the next thing begins.
  var openAfter: Int64?
  /// Behind each of the members that it is made of, from its own beginning on.
  var partEnds: [Int64] = []

  /// The most members that are listed one by one: a stream of more is one thing that was written in blocks.
  static let mostParts = 256

  init(_ length: Int64, padded: Int64? = nil, _ confidence: CarvedItem.Confidence, _ reason: String) {
    self.length = length
    paddedLength = max(padded ?? length, length)
    self.confidence = confidence
    self.reason = reason
  }

  /// One that the window ends before it does.
  static func truncated(_ window: StorageWindow, _ needed: Int64, _ what: String) -> CarvedShape {
    var shape = CarvedShape(
      window.byteCount, .low, "\(what) says it is \(needed) bytes long; \(window.byteCount) are there")
    shape.isComplete = false
    shape.openAfter = min(64, window.byteCount)
    return shape
  }
}

extension Int64 {
  /// The next multiple of a unit, or as it is where there is none.
  func roundedUp(to unit: Int64) -> Int64 {
    let (sum, overflow) = addingReportingOverflow(unit - 1)
    return overflow ? self : sum / unit * unit
  }
}
