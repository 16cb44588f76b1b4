import Bytes

/// Finds every structural fault of an image (spec/check.md), even if the image is too damaged to be opened.
///
/// Reading continues past every fault; each unreadable part becomes a finding.
public struct ImageCheck: Sendable {
  /// The findings, in the order of the file.
  public let findings: [Finding]
  /// The header, if the file has one.
  public let header: Header?
  /// The objects whose descriptors could be read.
  public let descriptors: [Descriptor]
  /// The length of the file in bytes.
  public let fileSize: Int64

  /// Checks the image in some storage. Nothing is written.
  ///
  /// - Throws: ``SIFError`` only if the storage itself fails.
  public init(of storage: any Storage) throws(SIFError) {
    var collector = FindingCollector()
    // The lock shows header and table in one state, whatever writers do; the objects are read without it.
    try storage.lock(.loading)
    var isLocked = true
    defer { if isLocked { storage.unlock(.loading) } }
    let size = try accessing(try storage.byteCount)
    fileSize = size
    let first = try accessing(try storage.read(Header.byteCount, at: 0))
    let (header, problem) = Header.lenient(first.span.bytes)
    if let problem {
      collector.add(problem.findingCode, .error, at: problem.offset ?? 0, problem.message)
    }
    guard let header else {
      self.header = nil
      descriptors = []
      findings = collector.findings
      return
    }
    self.header = header
    Self.checkHeader(header, first, &collector)
    guard let table = Self.checkTable(header, fileSize: size, &collector) else {
      descriptors = []
      findings = collector.findings
      return
    }
    let (objects, isComplete) = try Self.checkSlots(table, in: storage, &collector)
    descriptors = objects
    storage.unlock(.loading)
    isLocked = false
    if isComplete, table.capacity == header.descriptorsTotal {
      Self.checkCounters(header, table, objects, fileSize: size, &collector)
    }
    Self.checkReferences(header, table, objects, &collector)
    try ExtentCheck(header: header, table: table, objects: objects, fileSize: size, storage: storage)
      .run(&collector)
    var budget = ContentBudget(fileSize: size)
    for object in objects where object.end.map({ $0 <= size }) ?? false {
      let reader = ObjectReader(storage: storage, offset: object.offset, byteCount: object.size)
      do throws(SIFError) {
        try ContentCheck(object: object, reader: reader).run(&collector, &budget)
      } catch {
        collector.add(.unreadable, .error, at: object.offset, object: object.id, error.message)
      }
    }
    findings = collector.findings
  }

  /// The worst severity of any finding, or nil if there are no findings.
  public var worst: Finding.Severity? { findings.map(\.severity).max() }

  // MARK: Header

  private static func checkHeader(_ header: Header, _ bytes: [UInt8], _ collector: inout FindingCollector) {
    let script = header.launchScript
    if script.count == Header.launchScriptByteCount {
      collector.add(
        .launchScriptUnterminated, .warning, at: Header.Fields.launchScript.offset,
        "the launch script fills its 32 bytes: no NUL ends it")
    }
    if String(validating: script, as: UTF8.self) == nil || script.contains(where: { $0 < 0x20 && $0 != 0x0A })
    {
      collector.add(
        .launchScriptNotText, .warning, at: Header.Fields.launchScript.offset,
        "the launch script is not text: \"\(script.escapedText)\"")
    }
    if header.modifiedAt < header.createdAt {
      collector.add(
        .timeOrder, .note, at: Header.Fields.modifiedAt.offset,
        "the header's time of change is before its time of creation")
    }
  }

  /// Checks where the table lies; returns the part of it that is in the file, or nil if there is none.
  private static func checkTable(
    _ header: Header, fileSize: Int64, _ collector: inout FindingCollector
  ) -> DescriptorTable? {
    let (table, problem) = DescriptorTable.lenient(header, fileSize: fileSize)
    if let problem {
      let code: Finding.Code = problem.code == .truncated ? .tableTruncated : .tableMalformed
      collector.add(
        code, .error, at: problem.offset ?? Header.Fields.descriptorsTotal.offset, problem.message)
    }
    guard let table else { return nil }
    let (size, overflow) = header.descriptorsTotal.multipliedReportingOverflow(
      by: Int64(Descriptor.byteCount))
    if let capacity = header.hiddenCapacity {
      collector.add(
        .tableSize, .warning, at: Header.Fields.descriptorsTotal.offset,
        "an interrupted edit left \(capacity - header.descriptorsTotal) slots out of the descriptor table; the next edit "
          + "puts them back")
    } else if !overflow, header.descriptorsSize > size {
      collector.add(
        .tableSize, .warning, at: Header.Fields.descriptorsSize.offset,
        "the header's size of the descriptors, \(header.descriptorsSize) bytes, is more than "
          + "\(header.descriptorsTotal) descriptors of 585 bytes take (\(size))")
    }
    if table.offset < Int64(Header.byteCount) {
      collector.add(
        .tableOverlap, .error, at: Header.Fields.descriptorsOffset.offset,
        "the descriptor table begins at byte \(table.offset), inside the global header")
    }
    if header.dataOffset > max(fileSize, table.end) {
      collector.add(
        .dataOffset, .error, at: Header.Fields.dataOffset.offset,
        "the data offset, \(header.dataOffset), lies beyond the end of the file at \(fileSize)")
    }
    if header.dataOffset < table.end {
      collector.add(
        .dataOffset, header.dataOffset < 0 ? .error : .warning, at: Header.Fields.dataOffset.offset,
        "the data offset, \(header.dataOffset), lies before the end of the descriptor table at \(table.end)")
    }
    return table
  }

  // MARK: Slots

  private static func checkSlots(
    _ table: DescriptorTable, in storage: any Storage, _ collector: inout FindingCollector
  ) throws(SIFError) -> (objects: [Descriptor], isComplete: Bool) {
    var objects: [Descriptor] = []
    var variableBytes = 0
    var skipped = 0
    try table.forEachWrittenSlot(in: storage) { (slot, bytes) throws(SIFError) in
      let position = table.position(ofSlot: slot)
      let descriptor = Descriptor(decoding: bytes, slot: slot)
      guard descriptor.used != 0 else {
        collector.add(
          .unusedSlotNotZero, .note, at: position,
          "slot \(slot) is unused but not zero: the descriptor of a deleted or unfinished object "
            + "\"\(descriptor.name.escapedText)\" (\(descriptor.dataType.name), \(descriptor.size) bytes at "
            + "byte \(descriptor.offset))")
        return
      }
      variableBytes += descriptor.name.count + descriptor.extra.count
      guard objects.count < Image.maximumObjects, variableBytes <= Image.maximumVariableBytes else {
        skipped += 1
        return
      }
      objects.append(descriptor)
      SlotCheck(descriptor: descriptor, position: position).run(&collector)
    }
    if skipped > 0 {
      collector.add(
        .tableTooLarge, .error, at: table.offset,
        "the table holds more objects, names and metadata than this tool keeps in memory: \(skipped) objects "
          + "were not checked")
    }
    return (objects, skipped == 0)
  }

  // MARK: Counters and references

  private static func checkCounters(
    _ header: Header, _ table: DescriptorTable, _ objects: [Descriptor], fileSize: Int64,
    _ collector: inout FindingCollector
  ) {
    let free = table.capacity - Int64(objects.count)
    if header.descriptorsTotal == table.capacity, header.descriptorsFree != free, header.hiddenCapacity == nil
    {
      collector.add(
        .freeCount, .warning, at: Header.Fields.descriptorsFree.offset,
        "the header counts \(header.descriptorsFree) free descriptors; \(free) of "
          + "\(header.descriptorsTotal) are free")
    }
    let end = objects.compactMap(\.end).max() ?? header.dataOffset
    let needed = max(end, header.dataOffset).subtractingReportingOverflow(header.dataOffset)
    guard !needed.overflow, header.dataOffset >= 0, header.dataOffset <= fileSize else { return }
    if header.dataSize < needed.partialValue {
      collector.add(
        .dataSize, .warning, at: Header.Fields.dataSize.offset,
        "the header's data size, \(header.dataSize), ends before the last object does (\(needed.partialValue))"
      )
    } else if header.dataSize > fileSize - header.dataOffset, header.dataSize > needed.partialValue {
      collector.add(
        .dataSize, .warning, at: Header.Fields.dataSize.offset,
        "the header's data size, \(header.dataSize), reaches beyond the end of the file at \(fileSize)")
    } else if header.dataSize > needed.partialValue {
      collector.add(
        .dataSize, .note, at: Header.Fields.dataSize.offset,
        "the header's data size, \(header.dataSize), counts "
          + "\(ByteText.decimal(header.dataSize - needed.partialValue)) after the last object "
          + "(a deletion leaves this)")
    }
  }

  private static func checkReferences(
    _ header: Header, _ table: DescriptorTable, _ objects: [Descriptor], _ collector: inout FindingCollector
  ) {
    let ids = Set(objects.map(\.id))
    let groups = Set(objects.compactMap(\.group))
    for object in objects {
      let at = table.position(of: Descriptor.Fields.link, inSlot: object.slot)
      switch object.link {
      case .object(let id) where !ids.contains(id):
        collector.add(
          .linkToNothing, .warning, at: at, object: object.id,
          "object \(object.id) is linked to object \(id), which does not exist")
      case .group(let group) where !groups.contains(group):
        collector.add(
          .linkToNothing, .warning, at: at, object: object.id,
          "object \(object.id) is linked to group \(group), which has no objects")
      default: break
      }
      if object.dataType == .signature, object.link == nil {
        collector.add(
          .signatureLink, .warning, at: at, object: object.id,
          "signature \(object.id) has no link: no verifier can find what it covers")
      }
    }
    var counts: [UInt32: Int] = [:]
    for object in objects { counts[object.id, default: 0] += 1 }
    for object in objects where counts[object.id, default: 0] > 1 {
      collector.add(
        .idDuplicate, .error, at: table.position(of: Descriptor.Fields.id, inSlot: object.slot),
        object: object.id,
        "\(counts[object.id, default: 0]) objects have the id \(object.id)")
    }

    let primaries = objects.filter { $0.isPartition(.primarySystem) }
    for extra in primaries.dropFirst() {
      collector.add(
        .primaryDuplicate, .error,
        at: table.position(of: Descriptor.Fields.extra, inSlot: extra.slot)
          + PartitionMetadata.typeFieldOffset,
        object: extra.id,
        "object \(extra.id) is a second primary system partition (the first is object \(primaries[0].id)): "
          + "setting the primary partition again leaves one")
    }
    guard let primary = primaries.first, case .partition(let partition) = primary.metadata else {
      if header.architecture != .unknown {
        collector.add(
          .headerArchitecture, .warning, at: Header.Fields.architecture.offset,
          "the header names the architecture \(header.architecture.shown), but there is no primary system partition"
        )
      }
      if objects.contains(where: { $0.isPartition(.system) }) {
        collector.add(
          .primaryMissing, .note, at: Header.Fields.architecture.offset,
          "there are system partitions, but none is the primary one")
      }
      return
    }
    // SlotCheck reports an unknown architecture in the partition.
    if partition.architecture.number != nil, partition.architecture != header.architecture {
      collector.add(
        .headerArchitecture, .warning, at: Header.Fields.architecture.offset,
        "the header names the architecture \(header.architecture.shown), the primary system partition "
          + "(object \(primary.id)) \(partition.architecture.shown)")
    }
  }
}

extension Architecture {
  /// The name, or the escaped bytes of an unknown one.
  var shown: String {
    self == .unknown || number != nil ? name : "\"\(bytes.withoutTrailingNULs.escapedText)\""
  }
}

extension SIFError {
  fileprivate var findingCode: Finding.Code {
    switch code {
    case .notSIF: .notSIF
    case .unsupportedVersion: .unsupportedVersion
    default: .headerTruncated
    }
  }
}
