import CDeflate
import CSquashfs
import CZstd

/// A decompressor of data and metadata blocks. It has state, so each thread needs its own.
///
/// gzip is done by libdeflate and zstd by a context that lives as long as this value, since libsquashfs pays
/// for zlib's stream interface and for a fresh zstd context with every block. libsquashfs does all others.
struct Decompressor: ~Copyable {
  private enum Backend {
    case deflate(OpaquePointer)
    case zstd(OpaquePointer)
    case library(UnsafeMutablePointer<sqfs_compressor_t>)
  }

  private let backend: Backend
  let compression: Compression

  init(_ compression: Compression, blockSize: Int) throws(SquashError) {
    self.compression = compression
    switch compression {
    case .gzip:
      guard let handle = libdeflate_alloc_decompressor() else { throw .outOfMemory("a decompressor") }
      backend = .deflate(handle)
    case .zstd:
      guard let handle = ZSTD_createDCtx() else { throw .outOfMemory("a decompressor") }
      backend = .zstd(handle)
    default:
      backend = .library(
        try makeLibraryCompressor(
          compression, blockSize: blockSize, flags: SQFS_COMP_FLAG_UNCOMPRESS, level: nil))
    }
  }

  deinit {
    switch backend {
    case .deflate(let handle): libdeflate_free_decompressor(handle)
    case .zstd(let handle): ZSTD_freeDCtx(handle)
    case .library(let handle): sqfs_destroy(handle)
    }
  }

  /// Decompresses one block. It never writes beyond `capacity`, whatever the input claims.
  ///
  /// - Returns: the number of bytes written, or nil if the input is not a valid block of at most that size.
  func decompress(
    _ source: UnsafeRawPointer, _ count: Int, into destination: UnsafeMutableRawPointer, capacity: Int
  ) -> Int? {
    switch backend {
    case .deflate(let handle):
      var written = 0
      let result = libdeflate_zlib_decompress(handle, source, count, destination, capacity, &written)
      return result == LIBDEFLATE_SUCCESS ? written : nil
    case .zstd(let handle):
      let written = ZSTD_decompressDCtx(handle, destination, capacity, source, count)
      return ZSTD_isError(written) == 0 && written <= capacity ? written : nil
    case .library(let handle):
      let written = handle.pointee.do_block?(
        handle, source.assumingMemoryBound(to: UInt8.self), UInt32(count),
        destination.assumingMemoryBound(to: UInt8.self), UInt32(capacity))
      guard let written, written > 0, Int(written) <= capacity else { return nil }
      return Int(written)
    }
  }
}

/// Makes a compressor of libsquashfs, which the caller destroys.
func makeLibraryCompressor(
  _ compression: Compression, blockSize: Int, flags: SQFS_COMP_FLAG?, level: Int?
) throws(SquashError) -> UnsafeMutablePointer<sqfs_compressor_t> {
  let unsupported = SquashError(
    .unsupportedCompression,
    compression == .lzo
      ? "the blocks are compressed with lzo, which libsquashfs does not include"
      : "the blocks are compressed with \(compression), which this build of libsquashfs cannot handle")
  guard compression != .lzo, (1...6).contains(compression.rawValue) else { throw unsupported }
  var configuration = sqfs_compressor_config_t()
  let bits = flags.map { UInt16(truncatingIfNeeded: $0.rawValue) } ?? 0
  let identifier = SQFS_COMPRESSOR(rawValue: UInt32(compression.rawValue))
  var status = sqfs_compressor_config_init(&configuration, identifier, blockSize, bits)
  if let level { configuration.level = UInt32(clamping: level) }
  var handle: UnsafeMutablePointer<sqfs_compressor_t>?
  if status == 0 { status = sqfs_compressor_create(&configuration, &handle) }
  if status == SQFS_ERROR_UNSUPPORTED.rawValue { throw unsupported }
  guard status == 0, let handle else {
    throw SquashError(
      .library, "cannot set up \(compression) for blocks of \(blockSize) bytes", status: status)
  }
  return handle
}

extension SquashError {
  /// The error for a failed allocation.
  static func outOfMemory(_ what: String) -> SquashError {
    SquashError(.library, "not enough memory for \(what)", status: SQFS_ERROR_ALLOC.rawValue)
  }
}
