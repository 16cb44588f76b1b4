import Gcrypt

extension ImageEditor {
  /// Adds an object behind the data in use, in the first free slot.
  ///
  /// When the bytes cannot be read or written to the end, the image stays as it was.
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
    try object.validate()
    let slot = try firstFreeSlot()
    var header = image.header
    if case .partition(let partition) = object.metadata, partition.type == .primarySystem,
      let primary = image.primarySystemPartition
    {
      throw SIFError(
        .primaryExists, "the image already has a primary system partition, object \(primary.id)")
    }
    try image.requireWholeObjects("adding behind it would fill what is missing with zeros")
    let end = try image.endOfData()
    let offset = try object.placement(behind: end)
    try image.requireDataArea(from: offset)

    var descriptor = Descriptor(
      slot: slot, dataType: object.dataType, group: object.group, link: object.link, name: object.name,
      extra: object.metadata.encoded)
    let time = clock.time(for: header)
    descriptor.offset = offset
    descriptor.createdAt = time
    descriptor.modifiedAt = time

    let oldSize = try storage.byteCount()
    do {
      let needsDigest = object.metadata == .none && [.ociRootIndex, .ociBlob].contains(object.dataType)
      let (size, digest) = try copy(&source, to: offset, digesting: needsDigest)
      descriptor.size = size
      if let digest { descriptor.extra = Metadata.ociDigest(digest).encoded }
      descriptor.sizeWithPadding = offset - end + size
      try writeHidden(descriptor)
    } catch {
      // Give back what the unfinished object took, such as the last free blocks of a full disk.
      if (try? storage.byteCount()) ?? 0 > oldSize { try? storage.truncate(to: oldSize) }
      throw error
    }
    header.dataSize = end - header.dataOffset + descriptor.sizeWithPadding
    header.modifiedAt = time
    try publish(descriptor, header)
    return descriptor
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

  /// Writes the slot with its used byte 0. The data and the slot may reach the disk in any order: nobody sees
  /// either yet.
  private func writeHidden(_ descriptor: Descriptor) throws(SIFError) {
    var hidden = descriptor
    hidden.used = 0
    try write(hidden.encoded(), at: image.table.position(ofSlot: descriptor.slot))
    try barrier()
  }

  /// Writes the used byte, by which the object is there, and then the header.
  private mutating func publish(_ descriptor: Descriptor, _ header: Header) throws(SIFError) {
    let position = image.table.position(ofSlot: descriptor.slot)
    try storage.withLock(.publishing) { () throws(SIFError) in
      try write([1], at: position + Int64(Descriptor.usedFieldOffset))
      try barrier()
      image.descriptors.insert(
        descriptor, at: image.descriptors.firstIndex { $0.slot > descriptor.slot } ?? image.descriptors.count)
      try writeHeader(header)
    }
  }

  /// Copies the source to an offset; answers the number of bytes, and their digest as text when asked to.
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
      try storage.write(block.bytes, at: offset + size)
      context?.update(block)
      size += Int64(count)
    }
    let digest = context.take()?.finalize()
    return (size, digest.map { Array("sha256:\($0.hexadecimal)".utf8) })
  }
}

/// SHA-256 whose absence is one of the format's errors.
struct SHA256Context: ~Copyable {
  private var context: HashContext

  init() throws(SIFError) {
    do { context = try HashContext(.sha256) } catch { throw SIFError(.system, error.description) }
  }

  mutating func update(_ bytes: UnsafeRawBufferPointer) { context.update(bytes) }

  consuming func finalize() -> [UInt8] { context.finalize() }
}
