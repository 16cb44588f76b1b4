import Bytes

/// Makes a sound image from the intact parts of a damaged one (spec/forensics.md, "Salvage").
///
/// The damaged image is only read. An object is kept whole or left out: its bytes have to be in the file,
/// readable, and of the type that the descriptor says. Only the places in descriptors change, so that
/// signatures over intact objects stay valid.
public struct ImageSalvage: Sendable {
  /// The reason why an object is not in the new image.
  public struct Loss: Sendable, Equatable {
    /// The object's id.
    public let id: UInt32
    /// One sentence, without a final stop. Bytes of the image appear escaped.
    public let sentence: String
  }

  /// The ids of the objects in the new image, in the order of its table.
  public private(set) var kept: [UInt32] = []
  /// The objects that could not be kept.
  public private(set) var lost: [Loss] = []
  /// Further changes from the old image, as sentences without a final stop.
  public private(set) var changes: [String] = []

  private let source: LenientImage
  private let candidates: [Descriptor]
  private let header: Header
  /// The place of the candidates' descriptors.
  private let table: Range<Int64>
  private var slots: Set<Int> = []
  private var ids: Set<UInt32> = []
  private var keptBytes: Int64 = 0
  private var budget: ContentBudget

  /// Writes the intact parts of the image in `storage` into `destination`, which is empty.
  ///
  /// - Throws: ``SIFError/Code/notSIF`` if neither a header nor a descriptor was found; ``SIFError`` if
  ///   storage fails.
  public init(
    of storage: any Storage, into destination: any Storage, clock: EditClock = .automatic
  ) throws(SIFError) {
    source = try LenientImage(reading: storage)
    budget = ContentBudget(fileSize: source.fileSize)
    let orphans = try source.orphans()
    // The header points elsewhere: the bytes there are not descriptors.
    let isAstray = source.isTableDoubtful && !orphans.isEmpty
    candidates = (isAstray ? [] : source.descriptors) + orphans
    guard let old = source.header ?? source.presumedHeader ?? (orphans.isEmpty ? nil : Self.blankHeader)
    else {
      throw SIFError(
        .notSIF, "nothing can be salvaged: neither a header nor a descriptor was found", offset: 0)
    }
    header = old
    let slots = (candidates.map(\.slot).max() ?? -1) + 1
    if source.table.isEmpty || isAstray {
      let start = source.presumedHeader?.descriptorsOffset ?? Header.defaultDescriptorsOffset
      let (end, overflow) = start.addingReportingOverflow(Int64(slots * Descriptor.byteCount))
      table = overflow ? 0..<0 : start..<end
    } else {
      table = source.table
    }
    if isAstray {
      changes.append(
        "the descriptor table was found at byte \(table.lowerBound), not where the header says")
    }
    if source.header == nil {
      changes.append(
        source.presumedHeader == nil ? "the header is new" : "the header's magic is restored")
    }
    try write(into: destination, clock)
    let check = try ImageCheck(of: destination)
    if let fault = check.findings.first(where: { $0.severity == .error }) {
      throw SIFError(.malformed, "the salvaged image is not sound: \(fault.sentence)", offset: fault.offset)
    }
  }

  private static let blankHeader = Header(id: .none, createdAt: .none)

  private mutating func write(into destination: any Storage, _ clock: EditClock) throws(SIFError) {
    let slots = (candidates.map(\.slot).max() ?? -1) + 1
    let there = min(source.table.count / Descriptor.byteCount, Image.maximumObjects)
    let capacity = Int64(max(slots, there, Int(Header.defaultCapacity)))
    var new = Header(
      launchScript: Array(header.launchScript.prefix(Header.launchScriptByteCount - 1)), id: header.id,
      createdAt: header.createdAt, capacity: capacity)
    new.modifiedAt = clock.time(for: header)
    try accessing(try destination.truncate(to: new.dataOffset))
    var position = new.dataOffset
    var table: [Descriptor] = []
    for object in candidates.sorted(by: { ($0.offset, $0.slot) < ($1.offset, $1.slot) }) {
      guard var descriptor = try admit(object) else { continue }
      let alignment = object.keptAlignment
      let placed = object.size == 0 ? position : (position + alignment - 1) / alignment * alignment
      guard try copy(object, to: placed, in: destination) else { continue }
      descriptor.offset = placed
      descriptor.sizeWithPadding = placed - position + object.size
      table.append(descriptor)
      self.slots.insert(descriptor.slot)
      ids.insert(descriptor.id)
      position = placed + object.size
      keptBytes += object.size
    }
    new.dataSize = position - new.dataOffset
    new.descriptorsFree = capacity - Int64(table.count)
    new.architecture = settlePrimary(&table)
    // This also removes the beginning of an object that could not be read to its end.
    try accessing(try destination.truncate(to: position))
    for descriptor in table {
      let place = new.descriptorsOffset + Int64(descriptor.slot * Descriptor.byteCount)
      try accessing(try destination.write(descriptor.encoded().span.bytes, at: place))
    }
    try accessing(try destination.write(new.encoded().span.bytes, at: 0))
    kept = table.sorted { $0.slot < $1.slot }.map(\.id)
  }

  /// Leaves one primary partition, the one in the first slot; returns its architecture.
  private mutating func settlePrimary(_ table: inout [Descriptor]) -> Architecture {
    var architecture: Architecture?
    for index in table.indices.sorted(by: { table[$0].slot < table[$1].slot }) {
      guard case .partition(var partition) = table[index].metadata, partition.type == .primarySystem else {
        continue
      }
      if architecture == nil {
        architecture = partition.architecture
      } else {
        partition.type = .system
        table[index].extra = Metadata.partition(partition).encoded
        changes.append("partition \(table[index].id) is no longer primary: another one is")
      }
    }
    return architecture ?? .unknown
  }

  private mutating func lose(_ object: Descriptor, _ sentence: String) {
    lost.append(Loss(id: object.id, sentence: sentence))
  }

  /// The descriptor for the new image; nil if the object is not intact.
  private mutating func admit(_ object: Descriptor) throws(SIFError) -> Descriptor? {
    guard let end = object.end else {
      lose(object, "object \(object.id) has an impossible extent")
      return nil
    }
    guard object.size == 0 || end <= source.fileSize else {
      let present = max(min(source.fileSize - object.offset, object.size), 0)
      lose(
        object, "object \(object.id) is truncated: \(ByteText.part(present, of: object.size)) present")
      return nil
    }
    for (place, name) in [(0..<Int64(Header.byteCount), "header"), (table, "descriptor table")]
    where object.size > 0 && !place.clamped(to: object.offset..<end).isEmpty {
      lose(object, "object \(object.id) lies on the \(name)")
      return nil
    }
    var collector = FindingCollector()
    let reader = ObjectReader(storage: source.storage, offset: object.offset, byteCount: object.size)
    do throws(SIFError) {
      try ContentCheck(object: object, reader: reader).run(&collector, &budget)
    } catch {
      lose(object, "object \(object.id) cannot be read: \(error.message)")
      return nil
    }
    if let fault = collector.findings.first(where: { $0.severity == .error }) {
      lose(object, fault.sentence)
      return nil
    }
    // Objects that share bytes are each kept, but the copies may not take a thousand times the file.
    guard object.size <= 2 * source.fileSize - keptBytes,
      !collector.findings.contains(where: { $0.code == .contentNotJudged })
    else {
      lose(object, "object \(object.id) shares its bytes with too many others")
      return nil
    }
    guard !slots.contains(object.slot) else {
      lose(object, "object \(object.id) has the slot of another")
      return nil
    }
    return mended(object)
  }

  /// The descriptor with a valid id, in place of 0 or one that another object has.
  private mutating func mended(_ object: Descriptor) -> Descriptor? {
    var new = object
    new.used = 1
    if new.id == 0 || ids.contains(new.id) {
      new.id = UInt32(truncatingIfNeeded: new.slot + 1)
      guard !ids.contains(new.id) else {
        lose(object, "object \(object.id) has the id of another")
        return nil
      }
      changes.append("the object in slot \(new.slot) has the id \(new.id) instead of \(object.id)")
    }
    return new
  }

  /// Copies an object's bytes; returns false if they cannot be read.
  private mutating func copy(
    _ object: Descriptor, to offset: Int64, in destination: any Storage
  ) throws(SIFError) -> Bool {
    let reading = ReadFailures(source.storage)
    let reader = ObjectReader(storage: reading, offset: object.offset, byteCount: object.size)
    do throws(SIFError) {
      try ImageRewriter.copy(reader, to: offset, in: destination)
    } catch {
      guard reading.hasFailed else { throw error }
      lose(object, "object \(object.id) cannot be read: \(error.message)")
      return false
    }
    // A hole at the end counts as bytes too.
    if try accessing(try destination.byteCount) < offset + object.size {
      try accessing(try destination.truncate(to: offset + object.size))
    }
    return true
  }
}

/// Storage that notes its own read failures, to tell them from failures of the destination.
private final class ReadFailures: Storage, @unchecked Sendable {
  private let storage: any Storage
  /// Set by the one thread that copies.
  private(set) var hasFailed = false

  init(_ storage: any Storage) { self.storage = storage }

  private func noting<Result>(
    _ access: @autoclosure () throws(StorageFault) -> Result
  ) throws(StorageFault) -> Result {
    do { return try access() } catch {
      hasFailed = true
      throw error
    }
  }

  var byteCount: Int64 {
    get throws(StorageFault) { try storage.byteCount }
  }
  func read(into buffer: UnsafeMutableRawBufferPointer, at offset: Int64) throws(StorageFault) -> Int {
    try noting(try storage.read(into: buffer, at: offset))
  }
  func nextData(from offset: Int64) throws(StorageFault) -> Int64? {
    try noting(try storage.nextData(from: offset))
  }
  func write(_ bytes: UnsafeRawBufferPointer, at offset: Int64) throws(StorageFault) {
    try storage.write(bytes, at: offset)
  }
  func truncate(to length: Int64) throws(StorageFault) { try storage.truncate(to: length) }
  func synchronize() throws(StorageFault) { try storage.synchronize() }
}
