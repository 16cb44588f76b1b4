import Bytes
import CZlib

/// The extent of a gzip stream.
package struct GzipExtent {
  /// The number of compressed bytes that were followed.
  package private(set) var compressedBytes: Int64 = 0
  /// The end of each whole member, at most ``mostMemberEnds`` of them.
  package private(set) var memberEnds: [Int64] = []
  /// Whether the last member is whole and its checksum right.
  package private(set) var isComplete = false
  /// The number of decompressed bytes, as far as the stream was followed.
  package private(set) var contentBytes: Int64 = 0

  /// The most ends of members that are kept.
  package static let mostMemberEnds = 1024

  private init() {}

  /// Decompresses the stream that begins at the reader's first byte, and discards the result.
  ///
  /// - Parameter mostContent: the most bytes to decompress, since a small stream can expand enormously.
  /// - Returns: the extent, or nil if no gzip stream begins there; and the number of decompressed bytes.
  package static func follow(
    _ reader: some RandomAccess, mostContent: Int64
  ) -> (extent: GzipExtent?, content: Int64) {
    var extent = GzipExtent()
    let isStream = extent.decompress(reader, mostContent: mostContent)
    return (isStream ? extent : nil, extent.contentBytes)
  }

  /// Returns whether a gzip stream begins there.
  private mutating func decompress(_ reader: some RandomAccess, mostContent: Int64) -> Bool {
    let stream = UnsafeMutablePointer<z_stream>.allocate(capacity: 1)
    stream.initialize(to: z_stream())
    defer { stream.deallocate() }
    // A window of 15 bits, and a gzip header (16).
    guard zlib_inflate_begin(stream, 15 + 16) == Z_OK else { return false }
    defer { inflateEnd(stream) }
    let input = RawBuffer(count: 64 << 10)
    let output = RawBuffer(count: 256 << 10)
    var position: Int64 = 0
    var isInMember = false
    while contentBytes < mostContent {
      let count = (try? reader.read(into: input.bytes, at: position)) ?? 0
      guard count > 0 else { break }
      stream.pointee.next_in = input.start.assumingMemoryBound(to: UInt8.self)
      stream.pointee.avail_in = UInt32(count)
      while stream.pointee.avail_in > 0, contentBytes < mostContent {
        if !isInMember {
          // The next bytes may be another member, or something else.
          let at = count - Int(stream.pointee.avail_in)
          guard input.bytes[at] == 0x1F, at + 1 >= count || input.bytes[at + 1] == 0x8B else { return true }
          isInMember = true
        }
        stream.pointee.next_out = output.start.assumingMemoryBound(to: UInt8.self)
        stream.pointee.avail_out = UInt32(output.count)
        let status = CZlib.inflate(stream, Z_NO_FLUSH)
        contentBytes += Int64(output.count) - Int64(stream.pointee.avail_out)
        let done = position + Int64(count) - Int64(stream.pointee.avail_in)
        switch status {
        case Z_STREAM_END:
          compressedBytes = done
          if memberEnds.count < Self.mostMemberEnds { memberEnds.append(done) }
          isComplete = true
          isInMember = false
          inflateReset(stream)
        case Z_OK, Z_BUF_ERROR:
          // Without progress the stream cannot be followed further.
          if status == Z_BUF_ERROR, stream.pointee.avail_in > 0 { return compressedBytes > 0 }
        default:
          // The bytes after a whole member need not be another one.
          return compressedBytes > 0
        }
      }
      position += Int64(count)
    }
    if compressedBytes == 0 {
      guard contentBytes > 0 else { return false }
      compressedBytes = (try? reader.byteCount) ?? 0
    }
    return true
  }
}
