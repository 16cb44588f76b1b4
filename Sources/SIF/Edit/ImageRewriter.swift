/// Makes a new image from an old one, for changes that no single byte can make visible in place.
///
/// The old image is only read. Signatures do not cover descriptors' offsets (spec/signatures.md), so objects
/// may move without breaking one. The new image goes into empty storage; the caller gives it the old one's
/// name once it is complete (``ReplacementFile``).
public struct ImageRewriter: Sendable {
  /// The image that is read.
  public let image: Image
  private let clock: EditClock

  /// A rewriter of an image.
  public init(_ image: Image, clock: EditClock = .automatic) {
    self.image = image
    self.clock = clock
  }

  private var editedHeader: Header {
    var header = image.header
    header.modifiedAt = clock.time(for: header)
    header.architecture = image.primaryArchitecture ?? header.architecture
    header.descriptorsFree = image.table.capacity - Int64(image.descriptors.count)
    header.descriptorsSize = image.table.end - image.table.offset
    return header
  }

  // MARK: Compact

  /// Writes the image without dead bytes: objects follow each other in their old order, without deleted
  /// descriptors, gaps, or bytes after the last object.
  ///
  /// Partitions stay aligned to 4096 bytes, and objects that were aligned by padding keep their alignment.
  ///
  /// - Throws: ``SIFError/Code/truncated`` or ``SIFError/Code/malformed`` if an object is not wholly in the
  ///   file or shares bytes with another: then no bytes are known to be dead.
  public func compact(into destination: any Storage) throws(SIFError) {
    try layOut(image.descriptors, into: destination, { $0 }) {
      (descriptor, bytes, offset) throws(SIFError) in
      try Self.copy(bytes, to: offset, in: destination)
      return descriptor
    }
  }

  // MARK: Replace an object's bytes

  /// Writes the image with new bytes for one object and without some other objects, compacted as by
  /// ``compact(into:)``.
  ///
  /// - Parameters:
  ///   - id: the object.
  ///   - metadata: its new metadata.
  ///   - dropped: the ids of objects that are left out; their slots become free.
  ///   - body: writes the new bytes; returns their number.
  public func replace(
    id: UInt32, metadata: Metadata, dropping dropped: Set<UInt32>, into destination: any Storage,
    writing body: (ObjectWriter) throws -> Int64
  ) throws {
    try metadata.validate()
    let chosen = try image.object(id: id)
    let kept = image.descriptors.filter { !dropped.contains($0.id) || $0.slot == chosen.slot }
    let time = clock.time(for: image.header)
    try layOut(kept, into: destination, { $0 as any Error }) { descriptor, bytes, offset throws(any Error) in
      guard descriptor.slot == chosen.slot else {
        try Self.copy(bytes, to: offset, in: destination)
        return descriptor
      }
      var new = descriptor
      new.size = try body(ObjectWriter(storage: destination, offset: offset))
      new.extra = metadata.encoded
      new.modifiedAt = time
      return new
    }
  }

  /// Writes objects one after another in their old order.
  ///
  /// - Parameters:
  ///   - kept: the objects.
  ///   - failing: converts a fault of the image into an error that the body may throw.
  ///   - body: writes an object's bytes at an offset; returns its descriptor, whose size may be new.
  private func layOut<Failure: Error>(
    _ kept: [Descriptor], into destination: any Storage, _ failing: (SIFError) -> Failure,
    _ body: (Descriptor, ObjectReader, Int64) throws(Failure) -> Descriptor
  ) throws(Failure) {
    func judged<Result>(_ step: () throws(SIFError) -> Result) throws(Failure) -> Result {
      do { return try step() } catch { throw failing(error) }
    }
    try judged { () throws(SIFError) in try image.validateForEditing() }
    var header = editedHeader
    header.descriptorsFree = image.table.capacity - Int64(kept.count)
    var position = max(image.table.end, Int64(Header.byteCount))
    // The table keeps its place; the data follows it, even if the table lay after the data before.
    header.dataOffset = position
    var moved: [Descriptor] = []
    var lastEnd: Int64 = 0
    for descriptor in kept.sorted(by: { ($0.offset, $0.slot) < ($1.offset, $1.slot) }) {
      let bytes = try judged { () throws(SIFError) in try image.bytes(of: descriptor) }
      guard descriptor.size == 0 || descriptor.offset >= lastEnd else {
        throw failing(
          SIFError(
            .malformed, "object \(descriptor.id) shares bytes with another: not compacted",
            offset: descriptor.offset, objectID: descriptor.id))
      }
      lastEnd = max(lastEnd, descriptor.offset + descriptor.size)
      let alignment = descriptor.keptAlignment
      let placed = (position + alignment - 1) / alignment * alignment
      var new = try body(descriptor, bytes, placed)
      new.offset = placed
      new.sizeWithPadding = placed - position + new.size
      moved.append(new)
      position = placed + new.size
    }
    header.dataSize = position - header.dataOffset
    try judged { () throws(SIFError) in
      // Zero-length objects at the end own no bytes; setting the length makes room for them.
      try accessing(try destination.truncate(to: position))
      try writeTable(moved, at: image.table.offset, in: destination)
      try accessing(try destination.write(header.encoded().span.bytes, at: 0))
    }
  }

  // MARK: Grow

  /// Writes the image with a larger descriptor table.
  ///
  /// Everything from the data offset on, used or not, moves by one distance, a multiple of 4096, which keeps
  /// all alignments. Nothing is dropped.
  ///
  /// - Parameter capacity: the new number of slots, more than the present number.
  public func grow(toCapacity capacity: Int64, into destination: any Storage) throws(SIFError) {
    try image.validateForEditing()
    guard capacity > image.table.capacity else {
      throw SIFError(
        .invalidArgument, "the image already has \(image.table.capacity) descriptors; \(capacity) is not more"
      )
    }
    guard capacity <= Image.Creation.maximumCapacity else {
      throw SIFError(
        .invalidArgument, "\(capacity) descriptors are more than \(Image.Creation.maximumCapacity)")
    }
    var header = editedHeader
    let oldData = header.dataOffset
    let first = image.descriptors.map(\.offset).min() ?? oldData
    guard oldData >= image.table.end, first >= oldData else {
      throw SIFError(
        .malformed, "data lies before the end of the descriptor table: not grown",
        offset: min(first, oldData))
    }
    let size = capacity * Int64(Descriptor.byteCount)
    let shortage = max(image.table.offset + size - oldData, 0)
    let shift = (shortage + 4095) / 4096 * 4096
    let (newEnd, overflow) = max(image.fileSize, oldData).addingReportingOverflow(shift)
    guard !overflow, image.descriptors.allSatisfy({ !$0.offset.addingReportingOverflow(shift).overflow })
    else {
      throw SIFError(.malformed, "an object lies too far out to be moved: not grown")
    }

    try accessing(try destination.truncate(to: newEnd))
    let newTableEnd = image.table.offset + size
    try Self.copy(image.wholeFile, from: 0, to: 0, count: image.table.end, in: destination)
    // The bytes between the old table and the data make room for new slots, which begin as zeros.
    try Self.copy(
      image.wholeFile, from: newTableEnd, to: newTableEnd, count: oldData - newTableEnd, in: destination)
    try Self.copy(
      image.wholeFile, from: oldData, to: oldData + shift, count: image.fileSize - oldData, in: destination)
    header.descriptorsTotal = capacity
    header.descriptorsSize = size
    header.descriptorsFree = capacity - Int64(image.descriptors.count)
    header.dataOffset = oldData + shift
    var moved = image.descriptors
    for index in moved.indices { moved[index].offset += shift }
    try writeTable(moved, at: image.table.offset, in: destination)
    try accessing(try destination.write(header.encoded().span.bytes, at: 0))
  }

  // MARK: Change a descriptor

  /// Writes the image with one descriptor changed: its metadata, name, group or link.
  ///
  /// - Parameters:
  ///   - id: the object.
  ///   - change: makes the change. The extent, the id and the slot are kept in any case.
  public func update(
    id: UInt32, into destination: any Storage, _ change: (inout Descriptor) throws(SIFError) -> Void
  ) throws(SIFError) {
    try image.validateForEditing()
    let old = try image.object(id: id)
    var new = old
    try change(&new)
    (new.slot, new.id, new.used) = (old.slot, old.id, old.used)
    (new.offset, new.size, new.sizeWithPadding) = (old.offset, old.size, old.sizeWithPadding)
    guard new.name.count <= Descriptor.nameByteCount, new.extra.count <= Descriptor.extraByteCount else {
      throw SIFError(.invalidArgument, "the name or the metadata is longer than its field", objectID: id)
    }
    var header = editedHeader
    new.modifiedAt = header.modifiedAt
    if new.isPartition(.primarySystem), case .partition(let partition) = new.metadata {
      header.architecture = partition.architecture
    } else if old.isPartition(.primarySystem) {
      header.architecture = .unknown
    }
    try accessing(try destination.truncate(to: image.fileSize))
    try Self.copy(image.wholeFile, from: 0, to: 0, count: image.fileSize, in: destination)
    try writeTable([new], at: image.table.offset, in: destination)
    try accessing(try destination.write(header.encoded().span.bytes, at: 0))
  }

  // MARK: Parts

  private func writeTable(
    _ descriptors: [Descriptor], at offset: Int64, in destination: any Storage
  ) throws(SIFError) {
    for descriptor in descriptors {
      try accessing(
        try destination.write(
          descriptor.encoded().span.bytes, at: image.table.position(ofSlot: descriptor.slot)))
    }
  }

  static func copy(
    _ object: ObjectReader, to offset: Int64, in destination: any Storage
  ) throws(SIFError) {
    try copy(object, from: 0, to: offset, count: object.byteCount, in: destination)
  }

  /// Copies a range; holes in the source stay holes.
  static func copy(
    _ source: ObjectReader, from start: Int64, to offset: Int64, count: Int64, in destination: any Storage
  ) throws(SIFError) {
    guard count > 0 else { return }
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 4096)
    defer { buffer.deallocate() }
    var position: Int64 = start
    let end = start + count
    while position < end {
      guard let data = try accessing(try source.storage.nextData(from: source.offset + position)) else {
        return
      }
      position = max(position, data - source.offset)
      guard position < end else { return }
      let wanted = Int(min(Int64(buffer.count), end - position))
      let part = UnsafeMutableRawBufferPointer(rebasing: buffer[..<wanted])
      let read = try accessing(try source.read(into: part, at: position))
      guard read > 0 else {
        throw SIFError(
          .truncated, "the file became shorter while it was read", offset: source.offset + position)
      }
      let block = UnsafeRawBufferPointer(rebasing: buffer[..<read])
      try accessing(try destination.write(block.bytes, at: offset + position - start))
      position += Int64(read)
    }
  }
}

extension Image {
  /// The whole file as one run of bytes.
  var wholeFile: ObjectReader { ObjectReader(storage: storage, offset: 0, byteCount: fileSize) }
}

extension Descriptor {
  /// The alignment that the object keeps when it moves: 4096 for a partition; for another object that was
  /// aligned by padding the largest power of two, up to 4096, that divides its offset; otherwise 1.
  var keptAlignment: Int64 {
    if dataType == .partition { return NewObject.partitionAlignment }
    guard sizeWithPadding != size, offset > 0 else { return 1 }
    return min(1 << Int64(offset.trailingZeroBitCount), NewObject.partitionAlignment)
  }
}
