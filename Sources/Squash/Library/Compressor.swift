import CDeflate
import CSquashfs
import CZstd

/// A compressor of data blocks. It has state, so each thread needs its own. Equal input gives equal output.
///
/// gzip is done by libdeflate, whose streams every reader accepts, in less than half of zlib's time; zstd by
/// a context of its own; xz and lz4 by libsquashfs.
///
/// zstd's level 15 searches deep, which gains little in blocks of at most 128 KiB: the two parameters below
/// save a quarter of the time for a system's tree and cost 0.5% more space. They apply unless a level was
/// requested.
struct Compressor: ~Copyable {
  private enum Backend {
    case deflate(OpaquePointer)
    case zstd(OpaquePointer)
    case library(UnsafeMutablePointer<sqfs_compressor_t>)
  }

  private let backend: Backend

  init(_ options: WriterOptions) throws(SquashError) {
    let (compression, blockSize, level) = (options.compression, options.blockSize, options.effectiveLevel)
    switch compression {
    case .gzip:
      guard let handle = libdeflate_alloc_compressor(Int32(level)) else { throw .outOfMemory("a compressor") }
      backend = .deflate(handle)
    case .zstd:
      guard let handle = ZSTD_createCCtx() else { throw .outOfMemory("a compressor") }
      ZSTD_CCtx_setParameter(handle, ZSTD_c_compressionLevel, Int32(level))
      if options.level == nil, blockSize <= 128 << 10 {
        ZSTD_CCtx_setParameter(handle, ZSTD_c_searchLog, 3)
        ZSTD_CCtx_setParameter(handle, ZSTD_c_targetLength, 28)
      }
      backend = .zstd(handle)
    default:
      backend = .library(
        try makeLibraryCompressor(
          compression, blockSize: blockSize, flags: compression == .lz4 ? SQFS_COMP_FLAG_LZ4_HC : nil,
          level: compression == .xz ? level : nil))
    }
  }

  deinit {
    switch backend {
    case .deflate(let handle): libdeflate_free_compressor(handle)
    case .zstd(let handle): ZSTD_freeCCtx(handle)
    case .library(let handle): sqfs_destroy(handle)
    }
  }

  /// Compresses one block.
  ///
  /// - Returns: the number of bytes written, or nil if the block does not shrink.
  func compress(
    _ source: UnsafeRawPointer, _ count: Int, into destination: UnsafeMutableRawPointer
  ) throws(SquashError) -> Int? {
    let capacity = count - 1
    guard capacity > 0 else { return nil }
    switch backend {
    case .deflate(let handle):
      let written = libdeflate_zlib_compress(handle, source, count, destination, capacity)
      return written > 0 ? written : nil
    case .zstd(let handle):
      let written = ZSTD_compress2(handle, destination, capacity, source, count)
      if ZSTD_isError(written) == 0 { return written }
      guard ZSTD_getErrorCode(written) == ZSTD_error_dstSize_tooSmall else {
        throw SquashError(.library, "zstd cannot compress: \(String(cString: ZSTD_getErrorName(written)))")
      }
      return nil
    case .library(let handle):
      let written = handle.pointee.do_block?(
        handle, source.assumingMemoryBound(to: UInt8.self), UInt32(count),
        destination.assumingMemoryBound(to: UInt8.self), UInt32(capacity))
      guard let written, written >= 0 else {
        throw SquashError(.library, "libsquashfs cannot compress a block", status: written)
      }
      return written > 0 ? Int(written) : nil
    }
  }
}
