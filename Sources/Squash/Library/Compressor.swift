import CDeflate
import CSquashfs
import CZstd

/// A compressor of data blocks. It has state: one for each thread. Equal input gives equal output.
///
/// gzip goes to libdeflate, whose streams are valid for every reader and made in less than half of zlib's
/// time; zstd to a context of its own; xz and lz4 to libsquashfs.
struct Compressor: ~Copyable {
  private enum Backend {
    case deflate(OpaquePointer)
    case zstd(OpaquePointer, Int32)
    case library(UnsafeMutablePointer<sqfs_compressor_t>)
  }

  private let backend: Backend

  init(_ compression: Compression, blockSize: Int, level: Int) throws(SquashError) {
    switch compression {
    case .gzip:
      guard let handle = libdeflate_alloc_compressor(Int32(level)) else { throw .outOfMemory("a compressor") }
      backend = .deflate(handle)
    case .zstd:
      guard let handle = ZSTD_createCCtx() else { throw .outOfMemory("a compressor") }
      backend = .zstd(handle, Int32(level))
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
    case .zstd(let handle, _): ZSTD_freeCCtx(handle)
    case .library(let handle): sqfs_destroy(handle)
    }
  }

  /// Compresses one block.
  ///
  /// - Returns: the number of bytes written, or nil when they would not be fewer than the input's.
  func compress(
    _ source: UnsafeRawPointer, _ count: Int, into destination: UnsafeMutableRawPointer
  ) throws(SquashError) -> Int? {
    let capacity = count - 1
    guard capacity > 0 else { return nil }
    switch backend {
    case .deflate(let handle):
      let written = libdeflate_zlib_compress(handle, source, count, destination, capacity)
      return written > 0 ? written : nil
    case .zstd(let handle, let level):
      let written = ZSTD_compressCCtx(handle, destination, capacity, source, count, level)
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
