public import Bytes
public import SystemPackage

/// A SIF image as it was when it was opened: its header, the descriptors of its objects, and its storage.
///
/// An `Image` never changes the file. ``ImageEditor`` changes images, ``ImageRewriter`` makes new ones from
/// old.
public struct Image: Sendable {
  /// The most bytes of names and metadata that the objects of one image may have together, so that a hostile
  /// table cannot take all memory. At ``maximumObjects`` it leaves each object 128 bytes.
  public static let maximumVariableBytes = 16 << 20
  /// The most objects in one image.
  public static let maximumObjects = 131_072

  /// The storage with the bytes.
  public let storage: any Storage
  /// The length of the file in bytes when it was opened, or after the last edit.
  public internal(set) var fileSize: Int64
  /// The global header.
  public internal(set) var header: Header
  /// The descriptors of the image's objects: the used slots, in the order of the table.
  public internal(set) var descriptors: [Descriptor]
  package internal(set) var table: DescriptorTable

  /// Reads the header and the descriptor table of an image.
  ///
  /// - Throws: ``SIFError``: not a SIF, truncated, malformed, or beyond ``maximumObjects``. The objects' own
  ///   extents are not checked here, but in ``bytes(of:)`` and ``ImageCheck``.
  public init(reading storage: any Storage) throws(SIFError) {
    self = try storage.withLock(.loading) { () throws(SIFError) in try Image(loading: storage) }
  }

  /// Opens the image in a file, for reading only.
  ///
  /// ```swift
  /// let image = try Image(opening: "app.sif")
  /// print(image.listing)
  /// ```
  public init(opening path: String) throws(SIFError) { try self.init(opening: FilePath(path)) }

  /// Opens the image in a file, for reading only.
  public init(opening path: FilePath) throws(SIFError) {
    do {
      try self.init(reading: FileStorage(opening: path))
    } catch {
      throw error.naming(path)
    }
  }

  /// Loads while the caller holds a lock.
  init(loading storage: any Storage) throws(SIFError) {
    let size = try accessing(try storage.byteCount)
    let first = try accessing(try storage.read(Header.byteCount, at: 0))
    let header = try Header(decoding: first.span.bytes)
    let table = try DescriptorTable(header, fileSize: size)
    let found = try table.usedDescriptors(in: storage)
    self.init(storage: storage, fileSize: size, header: header, descriptors: found, table: table)
  }

  private init(
    storage: any Storage, fileSize: Int64, header: Header, descriptors: [Descriptor], table: DescriptorTable
  ) {
    self.storage = storage
    self.fileSize = fileSize
    self.header = header
    self.descriptors = descriptors
    self.table = table
  }

  /// The end of the data in use: the largest offset plus size of any object, or the data offset.
  ///
  /// - Throws: ``SIFError/Code/malformed`` for an object whose extent is not a range of a file.
  func endOfData() throws(SIFError) -> Int64 {
    var end = header.dataOffset
    for descriptor in descriptors {
      guard let objectEnd = descriptor.end else {
        throw descriptor.impossibleExtent(
          describedAt: table.position(of: Descriptor.Fields.offset, inSlot: descriptor.slot))
      }
      end = max(end, objectEnd)
    }
    return end
  }

  /// The bytes of an object, readable in any order.
  ///
  /// - Throws: ``SIFError/Code/malformed`` for an impossible extent, ``SIFError/Code/truncated`` if the file
  ///   ends before the object does.
  public func bytes(of descriptor: Descriptor) throws(SIFError) -> ObjectReader {
    _ = try descriptor.extent(
      inFileOf: fileSize, describedAt: table.position(of: Descriptor.Fields.offset, inSlot: descriptor.slot))
    return ObjectReader(storage: storage, offset: descriptor.offset, byteCount: descriptor.size)
  }

  /// All bytes of an object, in memory.
  ///
  /// ```swift
  /// let labels = try image.objects(ofType: .labels).map { try image.contents(of: $0) }
  /// ```
  ///
  /// - Parameter limit: the longest object to read, in bytes.
  /// - Throws: ``SIFError/Code/limitExceeded`` for a longer object, and the errors of ``bytes(of:)``.
  public func contents(of descriptor: Descriptor, limit: Int = 64 << 20) throws(SIFError) -> [UInt8] {
    let reader = try bytes(of: descriptor)
    guard reader.byteCount <= limit else {
      throw SIFError(
        .limitExceeded,
        "object \(descriptor.id) is \(reader.byteCount) bytes long, and \(limit) is the limit",
        objectID: descriptor.id)
    }
    let contents = try reader.prefix(Int(reader.byteCount))
    guard contents.count == Int(reader.byteCount) else {
      throw SIFError(
        .truncated, "the file became shorter while it was read", offset: reader.offset,
        objectID: descriptor.id)
    }
    return contents
  }
}

extension Descriptor {
  /// The range of the object's bytes in a file; empty for an object without bytes, whatever its offset says.
  ///
  /// - Parameters:
  ///   - fileSize: the length of the file in bytes.
  ///   - position: where the descriptor states its offset, if that is known.
  /// - Throws: ``SIFError/Code/malformed`` for an impossible extent, ``SIFError/Code/truncated`` if the file ends before
  ///   the object does.
  package func extent(inFileOf fileSize: Int64, describedAt position: Int64? = nil) throws(SIFError) -> Range<
    Int64
  > {
    guard let end else { throw impossibleExtent(describedAt: position) }
    guard size > 0 else { return 0..<0 }
    guard end <= fileSize else {
      let present = max(fileSize - offset, 0)
      throw SIFError(
        .truncated, "object \(id) is truncated: \(present) of its \(size) bytes are in the file",
        offset: fileSize,
        objectID: id)
    }
    return offset..<end
  }

  fileprivate func impossibleExtent(describedAt position: Int64?) -> SIFError {
    SIFError(
      .malformed, "object \(id) has an impossible extent: offset \(offset), size \(size)", offset: position,
      objectID: id)
  }
}

/// The bytes of one data object.
public struct ObjectReader: RandomAccess {
  /// The storage with the image's bytes.
  public let storage: any Storage
  /// The offset of the object in the file.
  public let offset: Int64
  /// The number of the object's bytes.
  public let byteCount: Int64
  /// The place of the object in the file.
  public var origin: Int64? { Window(storage, start: offset, byteCount: byteCount).origin }

  /// Reads at an offset within the object until the buffer is full or the object ends.
  ///
  /// - Returns: the number of bytes read.
  public func read(
    into buffer: UnsafeMutableRawBufferPointer, at position: Int64
  ) throws(StorageFault) -> Int {
    try Window(storage, start: offset, byteCount: byteCount).read(into: buffer, at: position)
  }

  /// The first bytes of the object, at most `count`.
  public func prefix(_ count: Int) throws(SIFError) -> [UInt8] {
    try accessing(try read(Int(max(min(Int64(count), byteCount), 0)), at: 0))
  }

  /// Calls `body` with all bytes in order, in blocks of at most 1 MiB.
  ///
  /// - Throws: ``SIFError/Code/truncated`` if the file shrinks meanwhile; and the errors of `body`.
  public func forEachBlock(
    _ body: (UnsafeRawBufferPointer) throws(SIFError) -> Void
  ) throws(SIFError) {
    let buffer = UnsafeMutableRawBufferPointer.allocate(
      byteCount: Int(min(max(byteCount, 1), 1 << 20)), alignment: 4096)
    defer { buffer.deallocate() }
    var position: Int64 = 0
    while position < byteCount {
      let count = try accessing(try read(into: buffer, at: position))
      guard count > 0 else {
        throw SIFError(.truncated, "the file became shorter while it was read", offset: offset + position)
      }
      try body(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
      position += Int64(count)
    }
  }
}
