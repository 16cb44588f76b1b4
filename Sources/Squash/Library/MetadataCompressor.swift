import CSquashfs

/// The compressor of libsquashfs's table writers: the library's own, with a check of its results.
///
/// The library's lz4 may return output that is longer than the input; its table writers would store that as
/// compressed, and other readers refuse it. Here such a result becomes "did not shrink", and the writers
/// store the input.
final class MetadataCompressor {
  /// The memory that the library's pointer leads to: the library's own structure has to come first.
  private struct Storage {
    var table: sqfs_compressor_t
    var inner: UnsafeMutablePointer<sqfs_compressor_t>
  }

  private let storage: UnsafeMutablePointer<Storage>

  init(_ options: WriterOptions) throws(SquashError) {
    let inner = try makeLibraryCompressor(
      options.compression, blockSize: options.blockSize,
      flags: options.compression == .lz4 ? SQFS_COMP_FLAG_LZ4_HC : nil,
      level: options.compression == .lz4 ? nil : options.effectiveLevel)
    var table = sqfs_compressor_t()
    table.base.destroy = { _ in }
    table.do_block = { table, input, count, output, capacity in
      guard let table else { return SQFS_ERROR_ARG_INVALID.rawValue }
      let inner = UnsafeRawPointer(table).assumingMemoryBound(to: Storage.self).pointee.inner
      guard let written = inner.pointee.do_block?(inner, input, count, output, capacity) else {
        return SQFS_ERROR_ARG_INVALID.rawValue
      }
      return written >= 0 && UInt32(written) >= count ? 0 : written
    }
    storage = .allocate(capacity: 1)
    storage.initialize(to: Storage(table: table, inner: inner))
  }

  deinit {
    sqfs_destroy(storage.pointee.inner)
    storage.deinitialize(count: 1)
    storage.deallocate()
  }

  /// The argument for the library's functions. It lives as long as this object.
  var pointer: UnsafeMutablePointer<sqfs_compressor_t> {
    UnsafeMutableRawPointer(storage).assumingMemoryBound(to: sqfs_compressor_t.self)
  }

  /// Writes the compressor's options after the superblock if they differ from its defaults; returns the
  /// number of bytes.
  func writeOptions(_ file: LibraryFile) throws(SquashError) -> Int {
    let inner = storage.pointee.inner
    let written = inner.pointee.write_options?(inner, file.pointer) ?? 0
    if written < 0 { try file.check(written, "write the compressor's options") }
    return Int(written)
  }
}
