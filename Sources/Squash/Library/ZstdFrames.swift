import Bytes
import CZstd

/// Whether Zstandard frames are sound.
package enum ZstdFrames {
  /// The largest window that is tried, 8 MiB: more memory would cost too much for a test.
  private static let windowLog: Int32 = 23

  /// Decompresses all of a reader's bytes, and discards the result.
  ///
  /// - Parameter mostContent: the most bytes to decompress; the rest is assumed to be sound.
  /// - Returns: whether the bytes are whole frames without a fault, and the number of decompressed bytes.
  package static func decompress(_ reader: some RandomAccess, mostContent: Int64) -> (Bool, Int64) {
    guard let stream = ZSTD_createDStream() else { return (false, 0) }
    defer { ZSTD_freeDStream(stream) }
    ZSTD_DCtx_setParameter(stream, ZSTD_d_windowLogMax, windowLog)
    let input = RawBuffer(count: 64 << 10)
    let output = RawBuffer(count: 256 << 10)
    var position: Int64 = 0
    var content: Int64 = 0
    var isAtEnd = false
    let byteCount = (try? reader.byteCount) ?? 0
    while content < mostContent, position < byteCount {
      let count = (try? reader.read(into: input.bytes, at: position)) ?? 0
      guard count > 0 else { return (false, content) }
      var source = ZSTD_inBuffer(src: input.start, size: count, pos: 0)
      var isFull = true
      while source.pos < source.size || isFull && !isAtEnd {
        var target = ZSTD_outBuffer(dst: output.start, size: output.count, pos: 0)
        let status = ZSTD_decompressStream(stream, &target, &source)
        guard ZSTD_isError(status) == 0 else { return (false, content) }
        isAtEnd = status == 0
        isFull = target.pos == target.size
        content += Int64(target.pos)
        guard content < mostContent else { return (true, content) }
      }
      position += Int64(count)
    }
    return (isAtEnd, content)
  }
}
