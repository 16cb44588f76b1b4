public import ImageTrust
public import SIF

/// A complete account of an image's file: every byte exactly once (spec/forensics.md, "Map").
public struct ImageMap: Sendable {
  /// The length of the file in bytes.
  public let fileSize: Int64
  /// What the bytes belong to, in the order of the file: each begins where the one before it ends.
  public private(set) var regions: [MapRegion]
  /// Bytes that objects claim though they were counted for something else.
  public let overlaps: [MapOverlap]
  /// What became of each object, in the order of the descriptor table.
  public let objects: [MappedObject]
  /// Why header or table cannot be relied on.
  public let problems: [SIFError]
  /// Whether the coverage comes from a verification with keys, rather than from what signatures claim.
  public let isVerified: Bool

  /// Why the image is damaged, the first reason; nil for an image whose objects are all there and share nothing.
  public var damage: SIFError? {
    if let problem = problems.first { return problem }
    for object in objects where object.missing > 0 || object.size < 0 {
      return SIFError(
        .truncated, "object \(object.id) lacks \(object.missing) of its \(object.size) bytes",
        offset: object.offset, objectID: object.id)
    }
    return overlaps.first.map { overlap in
      SIFError(
        .malformed, "object \(overlap.objectID) shares \(overlap.length) bytes with \(overlap.with)",
        offset: overlap.offset, objectID: overlap.objectID)
    }
  }

  /// The most bytes of holes that are hashed in one map. A hole is not read, but the zeros that it stands for have to
  /// be hashed: a region whose holes go beyond this has no SHA-256.
  public static let longestHashedHoles: Int64 = 4 << 30

  /// Maps the image in some storage, whatever state it is in. The file is read once.
  ///
  /// - Parameters:
  ///   - verification: the outcome of a verification of this image with keys; without it coverage is what signatures
  ///     claim.
  ///   - progress: is told of bytes as they are done.
  /// - Throws: ``SIFError`` only when the storage itself fails. Bytes that cannot be read are part of the map.
  public init(
    of storage: any Storage, verification: VerificationReport? = nil, progress: ((Int64) -> Void)? = nil
  ) throws(SIFError) {
    let image = try LenientImage(reading: storage)
    let tiling = Tiling(image)
    var regions = tiling.regions
    try Measurement.run(storage, &regions, progress: progress)
    fileSize = image.fileSize
    overlaps = tiling.overlaps
    objects = tiling.objects
    problems = image.problems
    isVerified = verification != nil
    // Of an image that cannot be opened nothing is verified either.
    if let whole = try? Image(reading: storage) {
      MapCoverage(whole, verification).apply(to: &regions)
    }
    self.regions = regions
  }
}
