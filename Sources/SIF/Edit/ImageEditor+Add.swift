public import Bytes
import Gcrypt

extension ImageEditor {
  /// Adds an object after the data in use, in the first free slot.
  ///
  /// If the bytes cannot be read or written completely, the image stays unchanged.
  ///
  /// - Parameters:
  ///   - object: everything but the bytes.
  ///   - source: the bytes, read to their end.
  /// - Returns: the new object's descriptor.
  /// - Throws: ``SIFError/Code/noFreeDescriptor``, ``SIFError/Code/primaryExists``,
  ///   ``SIFError/Code/invalidArgument``, or a failure of the source or the storage.
  @discardableResult
  public mutating func add(
    _ object: NewObject, from source: inout some ByteSource & ~Copyable
  ) throws(SIFError) -> Descriptor {
    var (descriptor, end) = try place(object)
    let oldSize = try accessing(try storage.byteCount)
    do {
      try fill(&descriptor, from: &source, behind: end)
      try writeHidden(descriptor)
      try barrier()
    } catch {
      giveBack(oldSize)
      throw error
    }
    try publish(descriptor, behind: end)
    return descriptor
  }

  /// Adds an object whose bytes are in memory.
  ///
  /// ```swift
  /// var editor = try ImageEditor(opening: "app.sif")
  /// try editor.add(NewObject(.generic, name: "notes"), bytes: Array("hello\n".utf8))
  /// ```
  ///
  /// - Returns: the new object's descriptor.
  /// - Throws: the errors of ``add(_:from:)``.
  @discardableResult
  public mutating func add(_ object: NewObject, bytes: [UInt8]) throws(SIFError) -> Descriptor {
    var source = BytesSource(bytes)
    return try add(object, from: &source)
  }

  /// Adds an object whose bytes are made in place, in any order, without a copy elsewhere.
  ///
  /// - Parameter body: writes the bytes; returns the object's length, and its metadata if that became known
  ///   only now. If it throws, the image stays unchanged.
  /// - Returns: the new object's descriptor.
  @discardableResult
  public mutating func add(
    _ object: NewObject, writing body: (ObjectWriter) throws -> (byteCount: Int64, metadata: Metadata?)
  ) throws -> Descriptor {
    var (descriptor, end) = try place(object)
    let oldSize = try accessing(try storage.byteCount)
    do {
      let result = try body(ObjectWriter(storage: storage, offset: descriptor.offset))
      let (objectEnd, overflow) = descriptor.offset.addingReportingOverflow(result.byteCount)
      guard result.byteCount >= 0, !overflow else {
        throw SIFError(.invalidArgument, "an object cannot have \(result.byteCount) bytes")
      }
      // Bytes written after the object's end do not belong to the image.
      try accessing(try storage.truncate(to: objectEnd))
      descriptor.size = result.byteCount
      if let metadata = result.metadata {
        try metadata.validate()
        descriptor.extra = metadata.encoded
      }
      descriptor.sizeWithPadding = descriptor.offset - end + descriptor.size
      try writeHidden(descriptor)
      try barrier()
    } catch {
      giveBack(oldSize)
      throw error
    }
    try publish(descriptor, behind: end)
    return descriptor
  }

  /// The place of a new object: its descriptor without a size, and the end of the data before it.
  ///
  /// - Parameters:
  ///   - slot: the free slot that it takes; the first one by default.
  ///   - end: the end of the data before it; by default the end of the image's data.
  func place(
    _ object: NewObject, in slot: Int? = nil, behind end: Int64? = nil
  ) throws(SIFError) -> (Descriptor, end: Int64) {
    try object.validate()
    let slot = if let slot { slot } else { try firstFreeSlot() }
    if object.isPrimarySystem, let primary = image.primarySystemPartition {
      throw SIFError(
        .primaryExists, "the image already has a primary system partition, object \(primary.id)")
    }
    try image.requireWholeObjects("adding data after it would fill the missing bytes with zeros")
    let end = if let end { end } else { try image.endOfData() }
    let offset = try object.placement(behind: end)
    try image.requireDataArea(from: offset)

    var descriptor = Descriptor(
      slot: slot, dataType: object.dataType, group: object.group, link: object.link, name: object.name,
      extra: object.metadata.encoded)
    let time = clock.time(for: image.header)
    descriptor.offset = offset
    descriptor.createdAt = time
    descriptor.modifiedAt = time
    return (descriptor, end)
  }

  /// Writes an object's bytes, and sets the size and digest in its descriptor.
  func fill(
    _ descriptor: inout Descriptor, from source: inout some ByteSource & ~Copyable, behind end: Int64
  ) throws(SIFError) {
    let needsDigest =
      descriptor.extra.isEmpty && [.ociRootIndex, .ociBlob].contains(descriptor.dataType)
    let (size, digest) = try copy(&source, to: descriptor.offset, digesting: needsDigest)
    descriptor.size = size
    if let digest { descriptor.extra = Metadata.ociDigest(digest).encoded }
    descriptor.sizeWithPadding = descriptor.offset - end + size
  }

  /// Frees the space of an unfinished object, which may be the last free blocks of a full disk.
  func giveBack(_ oldSize: Int64) {
    if (try? storage.byteCount) ?? 0 > oldSize { try? storage.truncate(to: oldSize) }
  }

  private func firstFreeSlot() throws(SIFError) -> Int {
    let used = image.descriptors.map(\.slot)
    let slot = used.enumerated().first { $0.offset != $0.element }?.offset ?? used.count
    guard slot < image.table.capacity else {
      throw SIFError(
        .noFreeDescriptor, "all \(image.table.capacity) descriptors are used; growing the image makes more")
    }
    return slot
  }

  /// Writes the slot with its used byte 0. Data and slot may reach the disk in any order, since neither is
  /// visible yet.
  func writeHidden(_ descriptor: Descriptor) throws(SIFError) {
    var hidden = descriptor
    hidden.used = 0
    try write(hidden.encoded(), at: image.table.position(ofSlot: descriptor.slot))
  }

  /// Writes the used byte, which makes the object visible, and then the header.
  private mutating func publish(_ descriptor: Descriptor, behind end: Int64) throws(SIFError) {
    var header = image.header
    header.dataSize = end - header.dataOffset + descriptor.sizeWithPadding
    header.modifiedAt = descriptor.modifiedAt
    let position = image.table.position(ofSlot: descriptor.slot)
    try storage.withLock(.publishing) { () throws(SIFError) in
      try write([1], at: position + Descriptor.Fields.used.offset)
      try barrier()
      image.descriptors.insert(
        descriptor, at: image.descriptors.firstIndex { $0.slot > descriptor.slot } ?? image.descriptors.count)
      try writeHeader(header)
    }
  }

  /// Copies the source to an offset; returns the number of bytes, and their digest as text if `digesting` is
  /// set.
  private func copy(
    _ source: inout some ByteSource & ~Copyable, to offset: Int64, digesting: Bool
  ) throws(SIFError) -> (size: Int64, digest: [UInt8]?) {
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 4096)
    defer { buffer.deallocate() }
    var context: SHA256Context? = digesting ? try SHA256Context() : nil
    var size: Int64 = 0
    while true {
      let count = try source.read(into: buffer)
      if count == 0 { break }
      let block = UnsafeRawBufferPointer(rebasing: buffer[..<count])
      try accessing(try storage.write(block.bytes, at: offset + size))
      context?.update(block)
      size += Int64(count)
    }
    let digest = context.take()?.finalize()
    return (size, digest.map { Array("sha256:\($0.hexadecimal)".utf8) })
  }
}

/// The place where an object's bytes are written; offsets count from its first byte.
public struct ObjectWriter: RandomAccess, RandomWritable {
  /// The storage with the image's bytes.
  public let storage: any Storage
  /// The offset of the object in the file.
  public let offset: Int64

  /// The object has no end yet.
  private var window: WritableWindow { WritableWindow(storage, start: offset, byteCount: .max) }

  /// The place of the object in the file.
  public var origin: Int64? { window.origin }

  /// The number of bytes in the storage from the object's start on.
  public var byteCount: Int64 {
    get throws(StorageFault) { max(try storage.byteCount - offset, 0) }
  }

  /// Writes all bytes at an offset within the object.
  public func write(_ bytes: UnsafeRawBufferPointer, at position: Int64) throws(StorageFault) {
    try window.write(bytes, at: position)
  }

  /// Reads back what was written, at an offset within the object.
  public func read(
    into buffer: UnsafeMutableRawBufferPointer, at position: Int64
  ) throws(StorageFault) -> Int {
    try window.read(into: buffer, at: position)
  }
}

/// SHA-256, whose absence becomes a ``SIFError``.
struct SHA256Context: ~Copyable {
  private var context: HashContext

  init() throws(SIFError) {
    do { context = try HashContext(.sha256) } catch { throw SIFError(.system, error.description) }
  }

  mutating func update(_ bytes: UnsafeRawBufferPointer) { context.update(bytes) }

  consuming func finalize() -> [UInt8] { context.finalize() }
}
