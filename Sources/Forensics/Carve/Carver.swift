public import SIF

/// The contents of an image's file outside of all objects: deleted objects and other remains
/// (spec/forensics.md, "Carving").
public struct Carving: Sendable {
  /// The finds, in the order of the file.
  public private(set) var items: [CarvedItem]
  /// The number of bytes that were searched.
  public let searchedBytes: Int64
  /// The length of the file in bytes.
  public let fileSize: Int64
  /// The reasons why header or table cannot be relied on.
  public let problems: [SIFError]
  /// The unreadable ranges.
  public private(set) var unreadable: [Range<Int64>] = []
  /// Whether something was left out: more than ``mostItems``, or too many magics without a structure.
  public private(set) var isCutShort = false

  /// The most items that are listed.
  public static let mostItems = 65_536

  private let storage: any Storage
  private let edges: CarveEdges

  /// Searches the image in some storage, whatever state it is in.
  ///
  /// - Parameters:
  ///   - everywhere: whether to search the objects too; otherwise only bytes outside of all objects.
  ///   - progress: called with numbers of bytes as they are done.
  /// - Throws: ``SIFError`` only if the storage itself fails. Unreadable bytes are listed.
  public init(
    of storage: any Storage, everywhere: Bool = false, progress: ((Int64) -> Void)? = nil
  ) throws(SIFError) {
    let image = try LenientImage(reading: storage)
    self.storage = storage
    fileSize = image.fileSize
    problems = image.problems
    items = []
    let unclaimed = Self.stretches(of: image, everywhere: false)
    // Header and table of the image itself do not count as finds.
    var stretches = everywhere ? Self.stretches(of: image, everywhere: true) : unclaimed
    searchedBytes = stretches.reduce(0) { $0 + Int64($1.count) }
    let known = DescriptorRemains.items(of: image, unclaimed: unclaimed)
    items = known
    // An object that nothing has overwritten needs no search; an overwritten one may hide something.
    let whole = known.filter { $0.isComplete == true && $0.kind != .zeros }
    edges = CarveEdges(of: image, items: whole)
    stretches = Self.subtract(whole.map { $0.offset..<$0.end }, from: stretches)
    let budget = CarveBudget()
    for stretch in stretches where !isCutShort {
      search(stretch, budget)
      progress?(Int64(stretch.count))
    }
    items = Self.distinct(items)
    isCutShort = isCutShort || budget.isSpent
  }

  /// The items in the order of the file, longer ones first. Of items with the same extent, the one with the
  /// most confidence is kept.
  private static func distinct(_ items: [CarvedItem]) -> [CarvedItem] {
    var result: [CarvedItem] = []
    for item in items.sorted(by: {
      ($0.offset, $1.length, $1.confidence) < ($1.offset, $0.length, $0.confidence)
    }) where result.last?.offset != item.offset || result.last?.length != item.length {
      result.append(item)
    }
    return result
  }

  // MARK: Where to look

  /// The stretches of a file outside of objects, used slots and header; with `everywhere`, those of objects
  /// too.
  private static func stretches(of image: LenientImage, everywhere: Bool) -> [Range<Int64>] {
    var stretches: [Range<Int64>] = []
    let unclaimed: [MapRegion.Kind] = [.gap, .trailing, .padding, .unreadSlots, .partialSlot, .unknown]
    for region in Tiling(image).regions {
      guard unclaimed.contains(region.kind) || everywhere && region.kind == .object else { continue }
      if let last = stretches.last, last.upperBound == region.offset {
        stretches[stretches.count - 1] = last.lowerBound..<region.end
      } else {
        stretches.append(region.offset..<region.end)
      }
    }
    return stretches
  }

  /// The stretches without some parts; the stretches are in the order of the file.
  private static func subtract(_ parts: [Range<Int64>], from stretches: [Range<Int64>]) -> [Range<Int64>] {
    var rest: [Range<Int64>] = []
    var sorted = parts.sorted { $0.lowerBound < $1.lowerBound }[...]
    var reached: Int64 = 0
    for stretch in stretches {
      var start = max(stretch.lowerBound, min(reached, stretch.upperBound))
      while let part = sorted.first, part.lowerBound < stretch.upperBound {
        if part.lowerBound > start { rest.append(start..<part.lowerBound) }
        reached = max(reached, part.upperBound)
        start = max(start, min(part.upperBound, stretch.upperBound))
        sorted = sorted.dropFirst()
      }
      if start < stretch.upperBound { rest.append(start..<stretch.upperBound) }
    }
    return rest
  }

  // MARK: Search

  private mutating func search(_ stretch: Range<Int64>, _ budget: CarveBudget) {
    var scanner = MagicScanner(storage, stretch, edges: edges, budget)
    var found: [CarvedItem] = []
    var position = stretch.lowerBound
    // The last find, while its end is unknown.
    var open: MagicScanner.Hit?
    var earliest = stretch.lowerBound
    var variants: [CarvedItem] = []
    while items.count + found.count + variants.count < Self.mostItems {
      let hit = scanner.next(from: position, earliest: earliest, isInside: open != nil)
      if let last = open {
        found.append(close(last, at: hit?.start ?? stretch.upperBound))
        open = nil
      }
      guard let hit else { break }
      if let after = hit.shape.openAfter {
        open = hit
        position = hit.start + max(after, 1)
      } else {
        let item = item(hit, in: stretch)
        found.append(item)
        variants += variant(hit, of: item) + parts(of: hit)
        position = item.end
      }
      earliest = position
    }
    unreadable += scanner.unreadable
    isCutShort = items.count + found.count + variants.count >= Self.mostItems
    let rest = leftovers(of: stretch, around: found)
    items += found + variants + rest + wholes(of: stretch, found, rest)
  }

  private func make(_ hit: MagicScanner.Hit, _ length: Int64, _ reason: String) -> CarvedItem {
    CarvedItem(
      offset: hit.start, length: length, kind: hit.kind, confidence: hit.shape.confidence, reason: reason,
      isComplete: hit.shape.isComplete, descriptor: nil)
  }

  /// Sets the end of a find whose structure tells it, apart from zeros after it.
  private func item(_ hit: MagicScanner.Hit, in stretch: Range<Int64>) -> CarvedItem {
    let (start, shape) = (hit.start, hit.shape)
    let end = min(start + shape.length, stretch.upperBound)
    let padded = min(start + shape.paddedLength, stretch.upperBound)
    if end < padded, StorageWindow(storage, end..<padded).dataBounds() == nil {
      // Use the place where the object is known to have ended; otherwise the length to which its writer would
      // have padded it.
      let edge = edges.first(from: end, through: padded)
      return make(hit, (edge ?? padded) - start, shape.reason)
    }
    return make(hit, end - start, shape.reason)
  }

  /// The same without the zeros, if only custom says that they belong to it.
  private func variant(_ hit: MagicScanner.Hit, of item: CarvedItem) -> [CarvedItem] {
    guard item.length > hit.shape.length, !edges.contains(item.end) else { return [] }
    return [
      CarvedItem(
        offset: hit.start, length: hit.shape.length, kind: hit.kind,
        confidence: min(hit.shape.confidence, .medium),
        reason: hit.shape.reason + "; without the zeros that its writer may have appended", isComplete: true,
        descriptor: nil)
    ]
  }

  /// The members of a stream, each of which may have been an object.
  private func parts(of hit: MagicScanner.Hit) -> [CarvedItem] {
    let ends = hit.shape.partEnds
    guard ends.count > 1, ends.count <= CarvedShape.mostParts else { return [] }
    return zip([0] + ends, ends).enumerated().map { index, part in
      CarvedItem(
        offset: hit.start + part.0, length: part.1 - part.0, kind: hit.kind, confidence: hit.shape.confidence,
        reason: "\(index + 1) of \(ends.count) that follow one another, if they were objects of their own",
        isComplete: true, descriptor: nil)
    }
  }

  /// Sets the end of a find that continues until something else begins.
  private func close(_ hit: MagicScanner.Hit, at limit: Int64) -> CarvedItem {
    let certain = hit.start + (hit.shape.openAfter ?? 0)
    if let edge = edges.first(from: certain + 1, through: limit) {
      return make(
        hit, edge - hit.start, hit.shape.reason + "; it ends at a known edge")
    }
    let data = StorageWindow(storage, hit.start..<limit).dataBounds()?.upperBound ?? 0
    let length = min(max(data, certain - hit.start).roundedUp(to: 512), limit - hit.start)
    return make(hit, length, hit.shape.reason + "; it ends where other things or zeros begin")
  }

  // MARK: What has no structure

  private func leftovers(of stretch: Range<Int64>, around found: [CarvedItem]) -> [CarvedItem] {
    let ends = Set(found.lazy.filter { $0.isComplete == true && $0.confidence > .low }.map(\.end))
    let rest = Self.subtract(found.map { $0.offset..<$0.end }, from: edges.segments(of: stretch))
    let starts = CarveEdges(Set(found.lazy.filter { $0.confidence > .low }.map(\.offset)))
    return rest.prefix(Self.mostItems).compactMap { range in
      // Several such objects that were deleted together look like one stretch.
      let isOne = edges.neighbours(of: range).map { $0.slots - starts.count(in: $0.places) <= 1 } ?? false
      return leftover(
        range, isStartKnown: edges.contains(range.lowerBound) || ends.contains(range.lowerBound), isOne: isOne
      )
    }
  }

  /// Bytes in which nothing was recognised, without zeros that are padding rather than content.
  ///
  /// - Parameter isOne: whether at most one object can have lain there.
  private func leftover(_ range: Range<Int64>, isStartKnown: Bool, isOne: Bool) -> CarvedItem? {
    let window = StorageWindow(storage, range)
    guard let data = window.dataBounds() else { return nil }
    let isEndKnown = edges.contains(range.upperBound)
    // Zeros up to a multiple of 4096 are alignment; other zeros may belong to the object.
    let first = range.lowerBound + data.lowerBound
    let aligned = first / 4096 * 4096
    let start = aligned > range.lowerBound ? aligned : range.lowerBound
    let end = isEndKnown ? range.upperBound : range.lowerBound + data.upperBound
    let part = StorageWindow(storage, start..<end)
    let kind = part.content
    let isBounded = isStartKnown && isEndKnown
    return CarvedItem(
      offset: start, length: end - start, kind: kind, confidence: isBounded && isOne ? .medium : .low,
      reason: isBounded
        ? "no format was recognised; the neighbours say where it begins and ends"
          + (isOne ? "" : ", but it may have been several objects")
        : "no format was recognised, and where it begins or ends is a guess", isComplete: nil, descriptor: nil
    )
  }

  /// Each segment that holds both recognised and unrecognised bytes, as a whole: perhaps one object that only
  /// contains something recognisable.
  private func wholes(
    of stretch: Range<Int64>, _ found: [CarvedItem], _ rest: [CarvedItem]
  ) -> [CarvedItem] {
    guard !found.isEmpty, !rest.isEmpty else { return [] }
    var (found, rest) = (found[...], rest[...])
    return edges.segments(of: stretch).prefix(Self.mostItems).compactMap { segment in
      /// Whether any of the items, which are in the order of the file, lies in the segment.
      func takesAny(_ items: inout ArraySlice<CarvedItem>) -> Bool {
        var isAny = false
        while let item = items.first, item.offset < segment.upperBound {
          isAny = isAny || item.offset >= segment.lowerBound && item.end <= segment.upperBound
          items = items.dropFirst()
        }
        return isAny
      }
      let isBoth = [takesAny(&found), takesAny(&rest)]
      guard isBoth == [true, true], let whole = leftover(segment, isStartKnown: false, isOne: false) else {
        return nil
      }
      return CarvedItem(
        offset: whole.offset, length: whole.length, kind: whole.kind, confidence: .low,
        reason: "everything between two neighbours, if it was one object", isComplete: nil, descriptor: nil)
    }
  }
}

extension StorageWindow {
  /// The kind of content, by the first bytes.
  var content: ContentKind {
    let counts = ByteCounts()
    let sample = bytes(64 << 10, at: 0)
    sample.withUnsafeBytes { counts.add($0) }
    return ContentKind.recognize(prefix: Array(sample.prefix(ContentKind.prefixLength)), counts)
  }
}
