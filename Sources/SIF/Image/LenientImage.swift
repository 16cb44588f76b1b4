/// The readable parts of an image, however damaged it is: for tools that account for its bytes and trust none
/// of them.
///
/// Reading stops only if the storage itself fails. Faults are in ``problems``; ``ImageCheck`` finds the rest.
public struct LenientImage: Sendable {
  /// The storage with the bytes.
  public let storage: any Storage
  /// The length of the file in bytes.
  public let fileSize: Int64
  /// The header; nil if the magic is missing or the header is truncated.
  public let header: Header?
  /// The header's fields if only its magic is damaged.
  public let presumedHeader: Header?
  /// The reasons why header or table cannot be relied on, in the order of the file.
  public let problems: [SIFError]
  /// The range of the descriptor table's whole slots that are in the file; empty if there are none.
  public let table: Range<Int64>
  /// The objects: the used slots, in the order of the table, at most ``Image/maximumObjects``.
  public let descriptors: [Descriptor]
  /// The descriptors that unused slots still hold, in the order of the table, at most ``maximumRemains``.
  public let remains: [Descriptor]
  /// The first slot that was not read, because the table holds more than is kept in memory; nil for none.
  public let firstUnreadSlot: Int?

  /// The most unused slots that are kept.
  public static let maximumRemains = 65_536

  /// Reads every part that is readable.
  ///
  /// - Throws: ``SIFError`` only if the storage fails.
  public init(reading storage: any Storage) throws(SIFError) {
    self = try storage.withLock(.loading) { () throws(SIFError) in try LenientImage(loading: storage) }
  }

  private init(loading storage: any Storage) throws(SIFError) {
    self.storage = storage
    let size = try accessing(try storage.byteCount)
    fileSize = size
    let first = try accessing(try storage.read(Header.byteCount, at: 0))
    let (header, problem) = Header.lenient(first.span.bytes)
    self.header = header
    presumedHeader = header == nil ? Header.withoutMagic(first.span.bytes) : nil
    var problems = problem.map { [$0] } ?? []
    var used: [Descriptor] = []
    var unused: [Descriptor] = []
    var firstUnread: Int?
    var extent: Range<Int64> = 0..<0
    if let header {
      let (table, problem) = DescriptorTable.lenient(header, fileSize: size)
      if let problem { problems.append(problem) }
      if let table, table.capacity > 0 {
        extent = table.offset..<table.end
        var variableBytes = 0
        try table.forEachWrittenSlot(in: storage) { (slot, bytes) throws(SIFError) in
          guard firstUnread == nil else { return }
          let descriptor = Descriptor(decoding: bytes, slot: slot)
          variableBytes += descriptor.name.count + descriptor.extra.count
          guard used.count < Image.maximumObjects, unused.count < Self.maximumRemains,
            variableBytes <= Image.maximumVariableBytes
          else {
            firstUnread = slot
            return
          }
          if descriptor.used == 0 { unused.append(descriptor) } else { used.append(descriptor) }
        }
      }
    }
    self.problems = problems
    table = extent
    descriptors = used
    remains = unused
    firstUnreadSlot = firstUnread
  }

  /// The offset of a slot in the file. For a slot that no table has, the result means nothing.
  public func position(ofSlot slot: Int) -> Int64 {
    table.lowerBound &+ Int64(slot) &* Int64(Descriptor.byteCount)
  }

  /// Descriptors outside of the table, if header or table is damaged: bytes at the usual places of tables
  /// that make sense as descriptors of objects in the file.
  public func orphans() throws(SIFError) -> [Descriptor] {
    guard !problems.isEmpty || isTableDoubtful || isTableShort else { return [] }
    if let presumedHeader {
      let found = try orphans(
        from: presumedHeader.descriptorsOffset, capacity: Int(presumedHeader.descriptorsTotal))
      if !found.isEmpty || presumedHeader.descriptorsOffset == Header.defaultDescriptorsOffset {
        return found
      }
    }
    return try orphans(from: Header.defaultDescriptorsOffset, capacity: Int(Header.defaultCapacity))
  }

  /// Whether the header points to a table at an unusual place in which no descriptor makes sense.
  var isTableDoubtful: Bool {
    header != nil && table.lowerBound != Header.defaultDescriptorsOffset
      && !descriptors.contains(where: isPlausible)
  }

  /// Whether the table has fewer slots than usual, and than fit before the data.
  private var isTableShort: Bool {
    let usual = Header.defaultCapacity * Int64(Descriptor.byteCount)
    // Slots that an interrupted edit left out of the table never belonged to an image.
    guard let header, header.hiddenCapacity == nil,
      table.isEmpty || table.lowerBound == Header.defaultDescriptorsOffset
    else {
      return false
    }
    return table.count < usual && header.dataOffset >= Header.defaultDescriptorsOffset + usual
  }

  private func orphans(from start: Int64, capacity: Int) throws(SIFError) -> [Descriptor] {
    guard (0..<fileSize).contains(start) else { return [] }
    let slotBytes = Descriptor.byteCount
    // The slots of the table were read already.
    let isTable = table.lowerBound == start
    if isTable, table.count / slotBytes >= capacity { return [] }
    let known = isTable ? Set(descriptors.map(\.slot)) : []
    var found: [Descriptor] = []
    for first in stride(from: 0, to: capacity, by: 1024) {
      let count = min(1024, capacity - first)
      let bytes = try accessing(try storage.read(count * slotBytes, at: start + Int64(first * slotBytes)))
      let span = bytes.span.bytes
      for index in 0..<bytes.count / slotBytes {
        let slot = span.extracting(index * slotBytes..<(index + 1) * slotBytes)
        let descriptor = Descriptor(decoding: slot, slot: first + index)
        if isPlausible(descriptor), !known.contains(descriptor.slot) { found.append(descriptor) }
      }
    }
    return found
  }

  private func isPlausible(_ descriptor: Descriptor) -> Bool {
    guard let end = descriptor.end else { return false }
    return descriptor.used == 1 && Int64(descriptor.id) == Int64(descriptor.slot) + 1
      && descriptor.dataType.isKnown && descriptor.groupField & Descriptor.groupMask == Descriptor.groupMask
      && descriptor.offset >= Int64(Header.byteCount) && descriptor.size > 0 && end <= fileSize
  }
}
