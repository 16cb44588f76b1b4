extension ImageEditor {
  /// Adds several objects in one step: at every moment others see all of them or none
  /// (docs/decisions/0002-crash-safety.md, "Several objects at once").
  ///
  /// - Parameter objects: everything but the bytes, and the bytes.
  /// - Returns: the new objects' descriptors.
  /// - Throws: as ``add(_:from:)`` does; the image then stays as it was.
  @discardableResult
  public mutating func add(
    _ objects: [(object: NewObject, bytes: [UInt8])]
  ) throws(SIFError) -> [Descriptor] {
    if objects.count == 1 {
      var source = BytesSource(objects[0].bytes)
      return [try add(objects[0].object, from: &source)]
    }
    guard !objects.isEmpty else { return [] }
    guard objects.count(where: { $0.object.isPrimarySystem }) <= 1 else {
      throw SIFError(.primaryExists, "only one of the new objects can be the primary system partition")
    }
    let slots = try freeSlots(objects.count)
    let oldSize = try storage.byteCount()
    var descriptors: [Descriptor] = []
    var end = try image.endOfData()
    do {
      for (slot, (object, bytes)) in zip(slots, objects) {
        var (descriptor, _) = try place(object, in: slot, behind: end)
        var source = BytesSource(bytes)
        try fill(&descriptor, from: &source, behind: end)
        descriptors.append(descriptor)
        end = descriptor.offset + descriptor.size
      }
    } catch {
      giveBack(oldSize)
      throw error
    }
    var header = image.header
    header.dataSize = end - header.dataOffset
    header.modifiedAt = clock.time(for: header)
    try storage.withLock(.publishing) { () throws(SIFError) in
      if slots[0] > image.descriptors.last?.slot ?? -1 {
        try publishBehindTable(descriptors)
      } else {
        try publishBetween(descriptors)
      }
      image.descriptors = (image.descriptors + descriptors).sorted { $0.slot < $1.slot }
      try writeHeader(header)
    }
    return descriptors
  }

  /// Slots for several objects: those behind all used ones, where they can be hidden together; where these are too few,
  /// the first free ones.
  private func freeSlots(_ count: Int) throws(SIFError) -> [Int] {
    let first = (image.descriptors.last?.slot ?? -1) + 1
    if Int64(first) + Int64(count) <= image.table.capacity { return Array(first..<first + count) }
    let used = Set(image.descriptors.map(\.slot))
    let free = (0..<first).filter { !used.contains($0) } + Array(first..<Int(image.table.capacity))
    guard free.count >= count else {
      throw SIFError(
        .noFreeDescriptor,
        "\(count) descriptors are needed, and \(free.count) of \(image.table.capacity) are free; growing the image "
          + "makes more")
    }
    return Array(free.prefix(count))
  }

  /// Leaves the slots behind the used ones out of the table, and writes the descriptors there. The header that is written
  /// next has the whole table again: its 128 bytes lie in one sector, and so nobody ever sees a part of them.
  private func publishBehindTable(_ descriptors: [Descriptor]) throws(SIFError) {
    var hiding = image.header
    hiding.descriptorsTotal = Int64(descriptors[0].slot)
    hiding.descriptorsFree = Header.hidingFreeCount
    try write(hiding.encoded(), at: 0)
    try barrier()
    try write(
      descriptors.flatMap { $0.encoded() }, at: image.table.position(ofSlot: descriptors[0].slot))
    try barrier()
  }

  /// Writes the descriptors into slots that used ones lie between, and makes all of them used with one write.
  private func publishBetween(_ descriptors: [Descriptor]) throws(SIFError) {
    for descriptor in descriptors { try writeHidden(descriptor) }
    try barrier()
    try write(descriptors.map { ($0.slot, Descriptor.usedFieldOffset, [1]) })
    try barrier()
  }

  /// Changes fields of descriptors with one write, which has what lies between them as it is.
  func write(_ fields: [(slot: Int, offset: Int, bytes: [UInt8])]) throws(SIFError) {
    let places = fields.map { image.table.position(ofSlot: $0.slot) + Int64($0.offset) }
    guard let first = places.min(), let last = places.indices.max(by: { places[$0] < places[$1] }) else {
      return
    }
    let count = Int(places[last] - first) + fields[last].bytes.count
    var bytes = try storage.read(count, at: first)
    guard bytes.count == count else {
      throw SIFError(.truncated, "the file became shorter while it was edited", offset: first)
    }
    for (place, field) in zip(places, fields) {
      bytes.replaceSubrange(Int(place - first)..<Int(place - first) + field.bytes.count, with: field.bytes)
    }
    try write(bytes, at: first)
  }
}

extension Header {
  /// The number of free descriptors while an edit hides slots: none that an image can have.
  static let hidingFreeCount: Int64 = -1

  /// The number of slots in the table once no edit hides any of them; nil where none does.
  var hiddenCapacity: Int64? {
    guard descriptorsFree == Self.hidingFreeCount, descriptorsTotal >= 0 else { return nil }
    let (capacity, rest) = descriptorsSize.quotientAndRemainder(dividingBy: Int64(Descriptor.byteCount))
    return rest == 0 && capacity > descriptorsTotal && capacity <= UInt32.max ? capacity : nil
  }
}

extension Image {
  /// Ends what an interrupted edit began: the slots that it hid are in the table again, and free. The caller holds the
  /// writer lock.
  ///
  /// - Returns: how many slots there were.
  mutating func restoreTable(ordersWrites: Bool) throws(SIFError) -> Int64 {
    guard let capacity = header.hiddenCapacity else { return 0 }
    let whole = DescriptorTable(offset: table.offset, capacity: capacity)
    // Slots that something else lies on were never hidden.
    guard whole.end <= min(header.dataOffset, fileSize),
      !descriptors.contains(where: { $0.size > 0 && $0.offset < whole.end })
    else { return 0 }
    let hidden = DescriptorTable(offset: table.end, capacity: capacity - header.descriptorsTotal)
    var written: [Int] = []
    try hidden.forEachWrittenSlot(in: storage) { (slot, _) throws(SIFError) in written.append(slot) }
    let zeros = [UInt8](repeating: 0, count: Descriptor.byteCount)
    for slot in written { try storage.write(zeros.span.bytes, at: hidden.position(ofSlot: slot)) }
    if ordersWrites { try storage.synchronize() }
    table = whole
    header.descriptorsTotal = capacity
    header.descriptorsFree = capacity - Int64(descriptors.count)
    let encoded = header.encoded()
    let storage = storage
    try storage.withLock(.publishing) { () throws(SIFError) in
      try storage.write(encoded.span.bytes, at: 0)
      if ordersWrites { try storage.synchronize() }
    }
    return hidden.capacity
  }
}
