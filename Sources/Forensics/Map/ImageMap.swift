public import ImageTrust
public import SIF

/// A complete account of an image's file, with every byte exactly once (spec/forensics.md, "Map").
public struct ImageMap: Sendable {
  /// The length of the file in bytes.
  public let fileSize: Int64
  /// The regions, in the order of the file: each begins where the previous one ends.
  public private(set) var regions: [MapRegion]
  /// Bytes that objects claim although they were counted for something else.
  public let overlaps: [MapOverlap]
  /// The account of each object, in the order of the descriptor table.
  public let objects: [MappedObject]
  /// The reasons why header or table cannot be relied on.
  public let problems: [SIFError]
  /// Whether the coverage comes from a verification with keys, instead of signatures' claims.
  public let isVerified: Bool

  /// The first reason why the image is damaged; nil if all objects are complete and share nothing.
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

  /// The most bytes of holes that are hashed in one map. A hole is not read, but its zeros have to be hashed:
  /// a region with more holes than this has no SHA-256.
  public static let longestHashedHoles: Int64 = 4 << 30

  /// Maps the image in some storage, whatever state it is in. The file is read once.
  ///
  /// - Parameters:
  ///   - verification: the result of verifying this image with keys; without it, coverage shows signatures'
  ///     claims.
  ///   - progress: called with numbers of bytes as they are done.
  /// - Throws: ``SIFError`` only if the storage itself fails. Unreadable bytes are part of the map.
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
    // An image that cannot be opened cannot be verified either.
    if let whole = try? Image(reading: storage) {
      MapCoverage(whole, verification).apply(to: &regions)
    }
    self.regions = regions
  }
}
