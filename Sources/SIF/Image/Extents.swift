import Bytes

/// The extents of header, descriptor table and objects, in the order of the file.
///
/// Objects without bytes, and those whose extent is not a range of a file, are left out.
struct Extents {
  /// A range of the file that something claims.
  struct Extent {
    let start: Int64
    let end: Int64
    /// The place of the object among ``objects``; nil for the header and the table.
    let index: Int?
  }

  let objects: [Descriptor]
  let sorted: [Extent]

  init(table: DescriptorTable, objects: [Descriptor]) {
    self.objects = objects
    var extents = [Extent(start: 0, end: Int64(Header.byteCount), index: nil)]
    if table.capacity > 0 {
      extents.append(Extent(start: table.offset, end: table.end, index: nil))
    }
    for (index, object) in objects.enumerated() {
      guard let end = object.end, object.size > 0 else { continue }
      extents.append(Extent(start: object.offset, end: end, index: index))
    }
    sorted = extents.sorted { ($0.start, $0.end) < ($1.start, $1.end) }
  }

  /// The name of the owner, for messages.
  func name(of extent: Extent) -> String {
    if let index = extent.index { return "object \(objects[index].id)" }
    return extent.start == 0 && extent.end == Int64(Header.byteCount)
      ? "the global header" : "the descriptor table"
  }

  /// Calls `body` with each range and the one before it that reaches farthest: if that one reaches beyond the
  /// range's start, the two share bytes. Returns the range that reaches farthest of all.
  func forEachNeighbours<Failure: Error>(
    _ body: (_ before: Extent, _ extent: Extent) throws(Failure) -> Void
  ) throws(Failure) -> Extent {
    var reached = sorted[0]
    for extent in sorted.dropFirst() {
      try body(reached, extent)
      if extent.end > reached.end { reached = extent }
    }
    return reached
  }
}

extension Image {
  /// The first bytes that two of header, descriptor table and objects claim; nil if each has its own.
  package var sharedBytes: SIFError? {
    let extents = Extents(table: table, objects: descriptors)
    var fault: SIFError?
    _ = extents.forEachNeighbours { before, extent in
      guard fault == nil, extent.start < before.end else { return }
      let shared = min(extent.end, before.end) - extent.start
      fault = SIFError(
        .malformed,
        "\(extents.name(of: before)) and \(extents.name(of: extent)) share \(ByteText.decimal(shared))",
        offset: extent.start, objectID: (extent.index ?? before.index).map { descriptors[$0].id })
    }
    return fault
  }
}
