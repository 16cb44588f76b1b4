import CSquashfs

/// The compressor that libsquashfs's table writers use: the library's own behind a check.
///
/// Its lz4 answers output that is longer than the input, which its table writers then store as compressed and
/// other readers refuse. Here such a result is "did not shrink", for which the writers store the input.
final class MetadataCompressor {
  /// What the callback finds behind the pointer that the library hands it: its own structure first.
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

  /// What the library's functions take. It lives as long as this object.
  var pointer: UnsafeMutablePointer<sqfs_compressor_t> {
    UnsafeMutableRawPointer(storage).assumingMemoryBound(to: sqfs_compressor_t.self)
  }

  /// Writes the compressor's options behind the superblock, where they differ from its defaults; answers how
  /// many bytes.
  func writeOptions(_ file: LibraryFile) throws(SquashError) -> Int {
    let inner = storage.pointee.inner
    let written = inner.pointee.write_options?(inner, file.pointer) ?? 0
    if written < 0 { try file.check(written, "write the compressor's options") }
    return Int(written)
  }
}
