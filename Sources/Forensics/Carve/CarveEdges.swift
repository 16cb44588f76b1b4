import SIF

/// The places where something ends, or ended when an object was added. Bytes without a recognised structure
/// are cut there.
struct CarveEdges {
  private let sorted: [Int64]
  private let all: Set<Int64>
  /// The offsets of objects whose slots are known, in the order of the file.
  private var objects: [(offset: Int64, slot: Int)] = []

  init(_ places: Set<Int64>) {
    all = places
    sorted = places.sorted()
  }

  /// The edges of an image. An object's size with padding shows where the data ended before it was added.
  init(of image: LenientImage, items: [CarvedItem]) {
    var edges: Set<Int64> = [image.fileSize]
    // Without a table, the beginning of the file is not an edge.
    if !image.table.isEmpty { edges.insert(image.table.upperBound) }
    func add(_ place: (partialValue: Int64, overflow: Bool)) {
      if !place.overflow, place.partialValue > 0, place.partialValue < image.fileSize {
        edges.insert(place.partialValue)
      }
    }
    if let header = image.header {
      add((header.dataOffset, false))
      add(header.dataOffset.addingReportingOverflow(header.dataSize))
    }
    for object in image.descriptors {
      add((object.offset, false))
      if let end = object.end { add((end, false)) }
      let (padding, overflow) = object.sizeWithPadding.subtractingReportingOverflow(object.size)
      if !overflow, padding > 0 { add(object.offset.subtractingReportingOverflow(padding)) }
    }
    for item in items { edges.formUnion([item.offset, item.end]) }
    self.init(edges)
    let known = image.descriptors.filter { $0.size > 0 } + items.compactMap(\.descriptor)
    objects = known.map { ($0.offset, $0.slot) }.sorted { $0 < $1 }
  }

  /// The number of objects that may have lain between the two neighbours of a range, by the slots between
  /// theirs, and the range of the neighbours' offsets; nil if no neighbour follows.
  func neighbours(of range: Range<Int64>) -> (places: Range<Int64>, slots: Int)? {
    var (low, high) = (0, objects.count)
    while low < high {
      let middle = (low + high) / 2
      if objects[middle].offset < range.upperBound { low = middle + 1 } else { high = middle }
    }
    guard low < objects.count else { return nil }
    let before = low > 0 ? objects[low - 1] : (offset: 0, slot: -1)
    return (before.offset..<objects[low].offset, objects[low].slot - before.slot - 1)
  }

  /// The number of edges in a range.
  func count(in range: Range<Int64>) -> Int { index(from: range.upperBound) - index(from: range.lowerBound) }

  func contains(_ place: Int64) -> Bool { all.contains(place) }

  /// The index of the first edge at or after a place.
  private func index(from place: Int64) -> Int {
    var (low, high) = (0, sorted.count)
    while low < high {
      let middle = (low + high) / 2
      if sorted[middle] < place { low = middle + 1 } else { high = middle }
    }
    return low
  }

  /// The first edge in a range, both ends included.
  func first(from start: Int64, through end: Int64) -> Int64? {
    let index = index(from: start)
    return index < sorted.count && sorted[index] <= end ? sorted[index] : nil
  }

  /// A stretch cut at the edges inside it.
  func segments(of stretch: Range<Int64>) -> [Range<Int64>] {
    var segments: [Range<Int64>] = []
    var start = stretch.lowerBound
    for edge in sorted[index(from: stretch.lowerBound + 1)...] {
      guard edge < stretch.upperBound else { break }
      segments.append(start..<edge)
      start = edge
    }
    return segments + [start..<stretch.upperBound]
  }
}
