import Bytes
public import SystemPackage

/// Changes an image in place; others see either the old image or the new one at every moment (spec/format.md,
/// "Editing in place"; docs/decisions/0002-crash-safety.md).
///
/// An editor holds the image's writer lock for as long as it lives. Each edit first writes what nobody sees
/// yet (data, a slot whose used byte is 0), then changes the one byte that makes it visible, then the
/// header's counters, with a synchronisation between these steps; deletion takes the steps in reverse. The
/// next edit repairs what an interrupted one left, such as stale counters.
public struct ImageEditor: ~Copyable {
  /// The image as the last edit left it.
  public internal(set) var image: Image
  let storage: any Storage
  let clock: EditClock
  private let ordersWrites: Bool
  /// The number of slots that an interrupted edit had left out of the table.
  let restoredSlots: Int64

  /// Begins editing.
  ///
  /// - Parameters:
  ///   - storage: the image. If somebody else is editing it, the editor waits until the lock's patience ends.
  ///   - clock: the source of times.
  ///   - ordersWrites: whether to wait for stable storage between steps. Without it a crash may leave any
  ///     mixture; leave it out only for new images that get their name when complete.
  public init(
    editing storage: any Storage, clock: EditClock = .automatic, ordersWrites: Bool = true
  ) throws(SIFError) {
    try storage.lock(.writing)
    try self.init(locked: storage, clock: clock, ordersWrites: ordersWrites)
  }

  /// Takes over storage whose writer lock is held, and releases the lock if the image cannot be edited.
  private init(locked storage: any Storage, clock: EditClock, ordersWrites: Bool) throws(SIFError) {
    do {
      var loaded = try Image(loading: storage)
      try loaded.validateForEditing()
      let restored = try loaded.restoreTable(ordersWrites: ordersWrites)
      self.init(of: loaded, restored: restored, clock: clock, ordersWrites: ordersWrites)
    } catch {
      storage.unlock(.writing)
      throw error
    }
  }

  private init(of image: Image, restored: Int64, clock: EditClock, ordersWrites: Bool) {
    self.image = image
    restoredSlots = restored
    storage = image.storage
    self.clock = clock
    self.ordersWrites = ordersWrites
  }

  /// Begins editing the image in a file.
  public init(opening path: String, clock: EditClock = .automatic) throws(SIFError) {
    try self.init(opening: FilePath(path), clock: clock)
  }

  /// Begins editing the image in a file.
  ///
  /// A writer that replaces the file (``ImageRewriter``) meanwhile holds the lock of the old file. After
  /// waiting for that lock, the editor opens the path again, so that no edit goes into a file that has lost
  /// its name.
  public init(opening path: FilePath, clock: EditClock = .automatic) throws(SIFError) {
    do {
      var storage = try FileStorage(opening: path, writable: true)
      try storage.lock(.writing)
      while try storage.hasLostItsName() {
        storage = try FileStorage(opening: path, writable: true)
        try storage.lock(.writing)
      }
      try self.init(locked: storage, clock: clock, ordersWrites: true)
    } catch {
      throw error.naming(path)
    }
  }

  deinit { storage.unlock(.writing) }

  /// Waits until everything written so far is on stable storage.
  func barrier() throws(SIFError) {
    if ordersWrites { try accessing(try storage.synchronize()) }
  }

  func write(_ bytes: [UInt8], at offset: Int64) throws(SIFError) {
    try accessing(try storage.write(bytes.span.bytes, at: offset))
  }

  /// Writes a header with correct counters and, if it is known, the architecture of the primary partition,
  /// whatever an interrupted edit left there. The last step of every edit.
  mutating func writeHeader(_ header: Header) throws(SIFError) {
    var header = header
    header.architecture = image.primaryArchitecture ?? header.architecture
    header.descriptorsFree = image.table.capacity - Int64(image.descriptors.count)
    try write(header.encoded(), at: 0)
    try barrier()
    image.header = header
    image.fileSize = try accessing(try storage.byteCount)
  }

  // MARK: Delete

  /// Options for the bytes of a deleted object.
  public struct Deletion: OptionSet, Sendable {
    /// The bits.
    public let rawValue: Int
    /// A set of options.
    public init(rawValue: Int) { self.rawValue = rawValue }
    /// Overwrite the object's bytes with zeros.
    public static let zero = Deletion(rawValue: 1)
    /// Recompute the data size, and cut the file after the last remaining object.
    public static let compact = Deletion(rawValue: 2)
  }

  /// Deletes an object: its descriptor becomes zero. Its bytes stay unless `options` say otherwise.
  ///
  /// - Throws: ``SIFError/Code/objectNotFound``; ``SIFError/Code/malformed`` if zeroing would destroy bytes
  ///   that another part of the image uses too.
  public mutating func delete(id: UInt32, options: Deletion = []) throws(SIFError) {
    let victim = try image.object(id: id)
    var header = image.header
    header.modifiedAt = clock.time(for: header)
    if victim.isPartition(.primarySystem) { header.architecture = .unknown }
    var remaining = image.descriptors
    remaining.removeAll { $0.slot == victim.slot }
    if options.contains(.zero) { try image.requireExclusive(victim) }
    var newSize: Int64?
    if options.contains(.compact) {
      try image.requireWholeObjects("compacting would fill the missing bytes with zeros")
      var rest = image
      rest.descriptors = remaining
      let end = try rest.endOfData()
      newSize = end
      header.dataSize = end - header.dataOffset
    }

    let position = image.table.position(ofSlot: victim.slot)
    try storage.withLock(.publishing) { () throws(SIFError) in
      try write([0], at: position + Descriptor.Fields.used.offset)
      try barrier()
      try write(Array(repeating: 0, count: Descriptor.byteCount), at: position)
      image.descriptors = remaining
      try writeHeader(header)
    }
    if options.contains(.zero) {
      try zero(victim)
      try barrier()
    }
    if let newSize {
      try accessing(try storage.truncate(to: newSize))
      try barrier()
      image.fileSize = newSize
    }
  }

  /// Overwrites with zeros those of an object's bytes that are in the file.
  private func zero(_ descriptor: Descriptor) throws(SIFError) {
    let zeros = [UInt8](repeating: 0, count: 1 << 16)
    var position = descriptor.offset
    let end = min(descriptor.end ?? position, image.fileSize)
    while position < end {
      // A hole is zero already, and stays a hole.
      guard let data = try accessing(try storage.nextData(from: position)), data < end else { return }
      position = max(position, data)
      let count = Int(min(Int64(zeros.count), end - position))
      try accessing(try storage.write(zeros.span.bytes.extracting(..<count), at: position))
      position += Int64(count)
    }
  }

  // MARK: Set primary

  /// Makes a system partition the primary one; the previous one becomes an ordinary system partition.
  ///
  /// Does nothing if it is already the primary one. One write changes both types; if they do not lie in one
  /// page of the file, the new one is marked before the old one is unmarked.
  ///
  /// - Throws: ``SIFError/Code/objectNotFound``, ``SIFError/Code/notPartition``,
  ///   ``SIFError/Code/notSystemPartition``.
  public mutating func setPrimaryPartition(id: UInt32) throws(SIFError) {
    let chosen = try image.object(id: id)
    guard case .partition(let partition) = chosen.metadata else {
      throw SIFError(.notPartition, "object \(id) is not a partition", objectID: id)
    }
    let others = image.descriptors.filter { $0.isPartition(.primarySystem) && $0.slot != chosen.slot }
    if partition.type == .primarySystem, others.isEmpty, image.header.architecture == partition.architecture {
      return
    }
    guard partition.type == .system || partition.type == .primarySystem else {
      throw SIFError(
        .notSystemPartition, "object \(id) is a partition of type \(partition.type.name), not system",
        objectID: id)
    }
    let time = clock.time(for: image.header)
    var header = image.header
    header.architecture = partition.architecture
    header.modifiedAt = time

    var types = [(slot: chosen.slot, type: PartitionType.primarySystem)]
    types += others.map { ($0.slot, .system) }
    try storage.withLock(.publishing) { () throws(SIFError) in
      try setTypes(types)
      var stamp = LittleEndianWriter(capacity: 8)
      stamp.append(time.seconds)
      for (slot, _) in types {
        let position = image.table.position(ofSlot: slot)
        try write(stamp.bytes, at: position + Descriptor.Fields.modifiedAt.offset)
      }
      for (slot, type) in types { remember(type, ofSlot: slot, time: time) }
      try writeHeader(header)
    }
  }

  /// The number of bytes that the kernel writes before it checks whether to kill the process.
  private static let pageBytes: Int64 = 4096

  /// Writes the types of partitions: in one write if possible, otherwise in the given order.
  private func setTypes(_ types: [(slot: Int, type: PartitionType)]) throws(SIFError) {
    let offset = Descriptor.Fields.extra.offset + PartitionMetadata.typeFieldOffset
    let fields = types.map { ($0.slot, offset, $0.type.encoded) }
    let pages = types.flatMap { type in
      let start = image.table.position(ofSlot: type.slot) + offset
      return [start / Self.pageBytes, (start + 3) / Self.pageBytes]
    }
    for step in Set(pages).count == 1 ? [fields] : fields.map({ [$0] }) {
      try write(step)
      try barrier()
    }
  }

  private mutating func remember(_ type: PartitionType, ofSlot slot: Int, time: Timestamp) {
    guard let index = image.descriptors.firstIndex(where: { $0.slot == slot }) else { return }
    image.descriptors[index].modifiedAt = time
    // Only the type's field changes; the rest of the extra field stays.
    var extra = image.descriptors[index].extra
    extra += Array(repeating: 0, count: max(0, 8 - extra.count))
    extra.replaceSubrange(4..<8, with: type.encoded)
    image.descriptors[index].extra = extra.withoutTrailingNULs
  }
}

extension PartitionType {
  /// The four bytes of the field.
  fileprivate var encoded: [UInt8] {
    var writer = LittleEndianWriter(capacity: 4)
    writer.append(rawValue)
    return writer.bytes
  }
}
