extension ImageEditor {
  /// Adds several objects in one step: at every moment others see all of them or none
  /// (docs/decisions/0002-crash-safety.md, "Several objects at once").
  ///
  /// - Parameter objects: everything but the bytes, and the bytes.
  /// - Returns: the new objects' descriptors.
  /// - Throws: the errors of ``add(_:from:)``; the image then stays unchanged.
  @discardableResult
  public mutating func add(
    _ objects: [(object: NewObject, bytes: [UInt8])]
  ) throws(SIFError) -> [Descriptor] {
    if objects.count == 1 {
      return [try add(objects[0].object, bytes: objects[0].bytes)]
    }
    guard !objects.isEmpty else { return [] }
    guard objects.count(where: { $0.object.isPrimarySystem }) <= 1 else {
      throw SIFError(.primaryExists, "only one of the new objects can be the primary system partition")
    }
    let slots = try freeSlots(objects.count)
    let oldSize = try accessing(try storage.byteCount)
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
    let table = image.table
    try storage.withLock(.publishing) { () throws(SIFError) in
      if slots[0] > image.descriptors.last?.slot ?? -1 {
        try writeBehindTable(descriptors)
      } else {
        try publishBetween(descriptors)
      }
      let before = image
      image.table = table
      image.descriptors = (image.descriptors + descriptors).sorted { $0.slot < $1.slot }
      do throws(SIFError) { try writeHeader(header) } catch {
        // The new slots stay hidden, and the image stays as it was.
        if before.table.capacity < table.capacity { image = before }
        throw error
      }
    }
    return descriptors
  }

  /// Slots for several objects: those after all used ones, which can be hidden together; if these are too
  /// few, the first free ones.
  private func freeSlots(_ count: Int) throws(SIFError) -> [Int] {
    let capacity = Int(image.table.capacity)
    let first = (image.descriptors.last?.slot ?? -1) + 1
    if count <= capacity - first { return Array(first..<first + count) }
    let freeCount = capacity - image.descriptors.count
    guard count <= freeCount else {
      throw SIFError(
        .noFreeDescriptor,
        "\(count) descriptors are needed, and \(freeCount) of \(capacity) are free; growing the image makes more"
      )
    }
    var free: [Int] = []
    var next = 0
    for used in image.descriptors.map(\.slot) + [capacity] {
      free += Array((next..<used).prefix(count - free.count))
      next = used + 1
    }
    return free
  }

  /// Leaves the slots after the used ones out of the table, and writes the descriptors there. The header that
  /// is written next has the whole table again: its 128 bytes lie in one sector, so nobody sees a part of
  /// them.
  private mutating func writeBehindTable(_ descriptors: [Descriptor]) throws(SIFError) {
    let table = image.table
    var hiding = image.header
    hiding.descriptorsTotal = Int64(descriptors[0].slot)
    hiding.descriptorsFree = Header.hidingFreeCount
    hiding.descriptorsSize = table.end - table.offset
    try write(hiding.encoded(), at: 0)
    try barrier()
    // If anything fails from here on, the slots stay hidden, whatever else is edited.
    image.header = hiding
    image.table = DescriptorTable(offset: table.offset, capacity: hiding.descriptorsTotal)
    try write(descriptors.flatMap { $0.encoded() }, at: table.position(ofSlot: descriptors[0].slot))
    try barrier()
  }

  /// Writes the descriptors into free slots between used ones, and makes all of them used with one write.
  private func publishBetween(_ descriptors: [Descriptor]) throws(SIFError) {
    for descriptor in descriptors { try writeHidden(descriptor) }
    try barrier()
    try write(descriptors.map { ($0.slot, Descriptor.Fields.used.offset, [1]) })
    try barrier()
  }

  /// Changes fields of several descriptors with one write, which repeats the bytes between them.
  func write(_ fields: [(slot: Int, offset: Int64, bytes: [UInt8])]) throws(SIFError) {
    let places = fields.map { image.table.position(ofSlot: $0.slot) + $0.offset }
    guard let first = places.min(), let last = places.indices.max(by: { places[$0] < places[$1] }) else {
      return
    }
    let count = Int(places[last] - first) + fields[last].bytes.count
    var bytes = try accessing(try storage.read(count, at: first))
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
  /// The number of free descriptors while an edit hides slots; no finished image has it.
  static let hidingFreeCount: Int64 = -1

  /// The number of slots in the table once no edit hides any; nil if none are hidden.
  var hiddenCapacity: Int64? {
    guard descriptorsFree == Self.hidingFreeCount, descriptorsTotal >= 0 else { return nil }
    let (capacity, rest) = descriptorsSize.quotientAndRemainder(dividingBy: Int64(Descriptor.byteCount))
    return rest == 0 && capacity > descriptorsTotal && capacity <= UInt32.max ? capacity : nil
  }
}

extension Image {
  /// Puts the slots that an interrupted edit hid back into the table, as free ones. The caller holds the
  /// writer lock.
  ///
  /// - Returns: the number of restored slots.
  mutating func restoreTable(ordersWrites: Bool) throws(SIFError) -> Int64 {
    guard let capacity = header.hiddenCapacity else { return 0 }
    let whole = DescriptorTable(offset: table.offset, capacity: capacity)
    // If something else lies on the slots, no edit has hidden them.
    guard whole.end <= min(header.dataOffset, fileSize),
      !descriptors.contains(where: { $0.size > 0 && $0.offset < whole.end })
    else { return 0 }
    let hidden = DescriptorTable(offset: table.end, capacity: capacity - header.descriptorsTotal)
    var written: [Int] = []
    try hidden.forEachWrittenSlot(in: storage) { (slot, _) throws(SIFError) in written.append(slot) }
    let zeros = [UInt8](repeating: 0, count: Descriptor.byteCount)
    for slot in written {
      try accessing(try storage.write(zeros.span.bytes, at: hidden.position(ofSlot: slot)))
    }
    if ordersWrites { try accessing(try storage.synchronize()) }
    table = whole
    header.descriptorsTotal = capacity
    header.descriptorsFree = capacity - Int64(descriptors.count)
    let encoded = header.encoded()
    let storage = storage
    try storage.withLock(.publishing) { () throws(SIFError) in
      try accessing(try storage.write(encoded.span.bytes, at: 0))
      if ordersWrites { try accessing(try storage.synchronize()) }
    }
    return hidden.capacity
  }
}
