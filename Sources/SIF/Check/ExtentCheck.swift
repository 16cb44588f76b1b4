import Bytes

/// Checks where everything lies: inside the file, without overlaps and gaps.
struct ExtentCheck {
  let header: Header
  let table: DescriptorTable
  let objects: [Descriptor]
  let fileSize: Int64
  let storage: any Storage

  /// The longest padding whose bytes are read; alignment needs no more.
  private static let longestPadding: Int64 = 1 << 16

  func run(_ collector: inout FindingCollector) throws(SIFError) {
    checkEach(&collector)
    let extents = Extents(table: table, objects: objects)
    try checkNeighbours(extents, &collector)
    checkTruncation(extents, &collector)
  }

  private func checkEach(_ collector: inout FindingCollector) {
    for object in objects {
      func place(_ field: StructureField) -> Int64 { table.position(of: field, inSlot: object.slot) }
      guard let end = object.end else {
        collector.add(
          .extentImpossible, .error, at: place(Descriptor.Fields.offset), object: object.id,
          "object \(object.id) has an impossible extent: offset \(object.offset), size \(object.size)")
        continue
      }
      if end > fileSize, object.size > 0 {
        let present = max(min(fileSize - object.offset, object.size), 0)
        collector.add(
          .objectTruncated, .error, at: place(Descriptor.Fields.offset), object: object.id,
          "object \(object.id) reaches to byte \(end), beyond the end of the file at \(fileSize): "
            + "\(ByteText.part(present, of: object.size)) present")
      }
      if object.size > 0, object.offset < header.dataOffset {
        collector.add(
          .objectBeforeData, .warning, at: place(Descriptor.Fields.offset), object: object.id,
          "object \(object.id) begins at byte \(object.offset), before the data offset \(header.dataOffset)")
      }
      if object.sizeWithPadding < object.size || object.sizeWithPadding - object.size >= object.offset {
        collector.add(
          .sizeWithPadding, .note, at: place(Descriptor.Fields.sizeWithPadding), object: object.id,
          "the size with padding of object \(object.id), \(object.sizeWithPadding), does not fit its size "
            + "\(object.size)")
      }
      if object.dataType == .partition, object.offset % NewObject.partitionAlignment != 0 {
        collector.add(
          .partitionUnaligned, .note, at: place(Descriptor.Fields.offset), object: object.id,
          "partition \(object.id) is not aligned to 4096 bytes: not every system can mount it in place")
      }
    }
  }

  private func checkNeighbours(_ extents: Extents, _ collector: inout FindingCollector) throws(SIFError) {
    let reached = try extents.forEachNeighbours { (before, extent) throws(SIFError) in
      if extent.start < before.end {
        let shared = min(extent.end, before.end) - extent.start
        if let object = (extent.index ?? before.index).map({ objects[$0] }) {
          collector.add(
            .objectOverlap, .error, at: extent.start, object: object.id,
            "\(extents.name(of: before)) and \(extents.name(of: extent)) share \(ByteText.decimal(shared))")
        }
      } else if extent.start > before.end {
        try checkBetween(before, extent, extents, &collector)
      }
    }
    // Bytes up to the data offset belong to the layout, even if no object follows.
    let end = max(reached.end, min(header.dataOffset, fileSize))
    if end < fileSize {
      collector.add(
        .trailingBytes, .note, at: end,
        "\(ByteText.decimal(fileSize - end)) follow \(extents.name(of: reached)), which is the last part of the image"
      )
    }
  }

  /// Checks the bytes between two neighbours: room that layout or alignment explains, or a gap.
  private func checkBetween(
    _ before: Extents.Extent, _ after: Extents.Extent, _ extents: Extents,
    _ collector: inout FindingCollector
  ) throws(SIFError) {
    let length = after.start - before.end
    let explained =
      switch after.index.map({ objects[$0] }) {
      case nil: true
      case let object?: object.accountsForPadding(length, header)
      }
    guard explained else {
      collector.add(
        .gap, .note, at: before.end, object: nil,
        "\(ByteText.decimal(length)) between \(extents.name(of: before)) and \(extents.name(of: after)) belong to nothing "
          + "(a deleted object leaves such a gap)")
      return
    }
    guard length <= Self.longestPadding else { return }
    let padding = try accessing(try storage.read(Int(length), at: before.end))
    if let index = padding.firstIndex(where: { $0 != 0 }) {
      collector.add(
        .paddingNotZero, .note, at: before.end + Int64(index),
        "the padding between \(extents.name(of: before)) and \(extents.name(of: after)) is not zero")
    }
  }

  /// Adds one sentence that sums up what a truncated file still holds.
  private func checkTruncation(_ extents: Extents, _ collector: inout FindingCollector) {
    guard let needed = extents.sorted.map(\.end).max(), needed > fileSize else { return }
    let whole = objects.filter { $0.size == 0 || $0.end.map { $0 <= fileSize } ?? false }.map(\.id)
    let intact =
      switch whole.count {
      case 0: "no object is intact"
      case 1: "object \(whole[0]) is intact"
      default: "objects \(ByteText.ranges(whole)) intact"
      }
    collector.add(
      .truncated, .error, at: fileSize, "truncated: \(ByteText.part(fileSize, of: needed)) present; \(intact)"
    )
  }
}
