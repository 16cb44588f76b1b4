/// The descriptor table: where it lies, and how it is read in bounded memory (spec/format.md, "Descriptor table").
package struct DescriptorTable {
  /// The offset of the table in the file.
  package let offset: Int64
  /// The number of slots.
  package let capacity: Int64

  /// A table whose place was checked already, or the part of one that is in the file.
  init(offset: Int64, capacity: Int64) {
    self.offset = offset
    self.capacity = capacity
  }

  /// The table of a header.
  ///
  /// - Parameter fileSize: the length of the file; a table must lie inside.
  init(_ header: Header, fileSize: Int64) throws(SIFError) {
    func malformed(_ message: String, at field: StructureField) -> SIFError {
      SIFError(.malformed, message, offset: field.offset)
    }
    let total = header.descriptorsTotal
    guard total >= 0 else {
      throw malformed(
        "the header's number of descriptors is negative (\(total))", at: Header.Fields.descriptorsTotal)
    }
    guard header.descriptorsOffset >= 0 else {
      throw malformed(
        "the header's offset of the descriptors is negative (\(header.descriptorsOffset))",
        at: Header.Fields.descriptorsOffset)
    }
    let (size, overflow) = total.multipliedReportingOverflow(by: Int64(Descriptor.byteCount))
    guard !overflow, total <= UInt32.max else {
      throw malformed(
        "the header's number of descriptors is impossible (\(total))", at: Header.Fields.descriptorsTotal)
    }
    guard header.descriptorsSize >= size else {
      throw malformed(
        "the header's size of the descriptors, \(header.descriptorsSize) bytes, is less than "
          + "\(total) descriptors of 585 bytes need", at: Header.Fields.descriptorsSize)
    }
    // An empty table takes no bytes, whatever its offset says.
    guard size == 0 || size <= fileSize - min(header.descriptorsOffset, fileSize) else {
      let present = max(fileSize - header.descriptorsOffset, 0)
      throw SIFError(
        .truncated,
        "truncated: \(present) of the \(size) bytes of the descriptor table are present, "
          + "\(present / Int64(Descriptor.byteCount)) of \(total) descriptors",
        offset: fileSize)
    }
    offset = header.descriptorsOffset
    capacity = total
  }

  /// The part of a header's table that is in the file, and what is wrong with the table.
  ///
  /// - Returns: no table if not even its beginning is in the file.
  static func lenient(_ header: Header, fileSize: Int64) -> (table: DescriptorTable?, problem: SIFError?) {
    do throws(SIFError) {
      return (try DescriptorTable(header, fileSize: fileSize), nil)
    } catch {
      let offset = header.descriptorsOffset
      guard header.descriptorsTotal > 0, offset >= 0, offset < fileSize else { return (nil, error) }
      // If the length makes no sense, keep only the part before the data.
      let isTruncated = error.code == .truncated
      let end = isTruncated || header.dataOffset <= offset ? fileSize : min(fileSize, header.dataOffset)
      let whole = min(header.descriptorsTotal, (end - offset) / Int64(Descriptor.byteCount))
      return (DescriptorTable(offset: offset, capacity: min(whole, Int64(UInt32.max))), error)
    }
  }

  /// The first byte after the table.
  package var end: Int64 { offset + capacity * Int64(Descriptor.byteCount) }

  /// The offset of a slot in the file. A descriptor that a caller has made may have any slot.
  package func position(ofSlot slot: Int) -> Int64 { offset &+ Int64(slot) &* Int64(Descriptor.byteCount) }

  /// The offset of a field of a slot in the file.
  package func position(of field: StructureField, inSlot slot: Int) -> Int64 {
    position(ofSlot: slot) &+ field.offset
  }

  /// The descriptors of the used slots, in order.
  ///
  /// - Throws: ``SIFError/Code/limitExceeded`` beyond ``Image/maximumObjects`` or
  ///   ``Image/maximumVariableBytes``.
  func usedDescriptors(in storage: any Storage) throws(SIFError) -> [Descriptor] {
    var found: [Descriptor] = []
    var variableBytes = 0
    try forEachWrittenSlot(in: storage) { (slot, bytes) throws(SIFError) in
      guard bytes.unsafeLoad(fromByteOffset: Int(Descriptor.Fields.used.offset), as: UInt8.self) != 0 else {
        return
      }
      let descriptor = Descriptor(decoding: bytes, slot: slot)
      variableBytes += descriptor.name.count + descriptor.extra.count
      guard found.count < Image.maximumObjects, variableBytes <= Image.maximumVariableBytes else {
        throw SIFError(
          .limitExceeded,
          "the descriptor table holds more than \(Image.maximumObjects) objects or "
            + "\(Image.maximumVariableBytes >> 20) MiB of names and metadata",
          offset: position(ofSlot: slot))
      }
      found.append(descriptor)
    }
    return found
  }

  /// Calls `body` with the bytes of each slot that is not all zero, in order.
  ///
  /// Reads in blocks of about 1 MiB and skips holes, so that the cost of a table follows its contents: 10^9
  /// empty slots in a sparse file cost almost nothing.
  func forEachWrittenSlot(
    in storage: any Storage, _ body: (_ slot: Int, _ bytes: RawSpan) throws(SIFError) -> Void
  ) throws(SIFError) {
    let slotBytes = Int64(Descriptor.byteCount)
    let slotsInBlock: Int64 = 1792
    var slot: Int64 = 0
    while slot < capacity {
      // Skip whole slots that lie in a hole.
      guard let data = try accessing(try storage.nextData(from: offset + slot * slotBytes)) else { return }
      slot = max(slot, (data - offset) / slotBytes)
      guard slot < capacity else { return }

      let count = min(slotsInBlock, capacity - slot)
      let block = try accessing(try storage.read(Int(count * slotBytes), at: offset + slot * slotBytes))
      let span = block.span.bytes
      for index in 0..<(block.count / Descriptor.byteCount) {
        let start = index * Descriptor.byteCount
        let bytes = span.extracting(start..<start + Descriptor.byteCount)
        if !bytes.isZero { try body(Int(slot) + index, bytes) }
      }
      // A file that shrank meanwhile ends the table; the users of the missing slots report them.
      if block.count < count * slotBytes { return }
      slot += count
    }
  }
}
