extension ImageEditor {
  /// Repairs what can be repaired without losing a byte: the header's counters and architecture, if the
  /// descriptors prove them stale, and the slots that an interrupted edit left out of the table. Everything
  /// else, times included, stays unchanged.
  ///
  /// - Returns: a sentence for each repair; empty if there was nothing to do.
  public mutating func repairCounters() throws(SIFError) -> [String] {
    var header = image.header
    var mended: [String] = []
    // Opening the image for editing has done this.
    if restoredSlots > 0 {
      mended.append("descriptor table: restored \(restoredSlots) slots that an interrupted edit had left out")
    }
    let free = image.table.capacity - Int64(image.descriptors.count)
    if header.descriptorsFree != free {
      mended.append("free descriptors: \(header.descriptorsFree) became \(free)")
    }
    let size = try image.endOfData() - header.dataOffset
    if header.dataSize < size {
      mended.append("data size: \(header.dataSize) became \(size)")
      header.dataSize = size
    }
    // Without a primary partition the image has no architecture; an unknown one proves nothing about the
    // header.
    let architecture =
      image.primaryArchitecture ?? (image.primarySystemPartition == nil ? .unknown : header.architecture)
    if header.architecture != architecture {
      mended.append("architecture: \(header.architecture.shown) became \(architecture.shown)")
    }
    header.architecture = architecture
    // Writing the header sets the free count and the architecture to what the descriptors say.
    guard mended.count > (restoredSlots > 0 ? 1 : 0) else { return mended }
    try storage.withLock(.publishing) { () throws(SIFError) in try writeHeader(header) }
    return mended
  }
}
