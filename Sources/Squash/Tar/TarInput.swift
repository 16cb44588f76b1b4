import Bytes
import CZlib
import CZstd

/// A source of bytes that are read in order.
public protocol ArchiveSource {
  /// Reads at most the buffer's length; returns 0 at the end.
  func read(into buffer: UnsafeMutableRawBufferPointer) throws(SquashError) -> Int
}

/// A source that can leave out bytes without reading them.
package protocol SkippingSource: ArchiveSource {
  /// Leaves out bytes. If there are fewer, nothing is left to read, and the number of those that are missing is returned.
  func skip(_ count: Int64) throws(SquashError) -> Int64
}

/// An archive's bytes, decompressed if they begin like gzip or zstd.
package final class TarInput {
  private enum Codec {
    case plain
    case gzip(UnsafeMutablePointer<z_stream>)
    case zstd(OpaquePointer)
  }

  private static let inputSize = 256 << 10
  private static let outputSize = 1 << 20
  /// The most bytes after an archive's end; GNU tar's records have 10 KiB unless a user asks for larger ones.
  private static let mostPadding: Int64 = 64 << 20
  /// The largest window of zstd frames, as in the zstd tool: 128 MiB.
  private static let windowLog: Int32 = 27

  /// The beginnings of archives that are not supported.
  private static let others: [(magic: [UInt8], name: String)] = [
    ([0xFD, 0x37, 0x7A, 0x58], "compressed with xz"), (Array("BZh".utf8), "compressed with bzip2"),
    (Array("LZIP".utf8), "compressed with lzip"), ([0x5D, 0, 0], "compressed with lzma"),
    ([0x04, 0x22, 0x4D, 0x18], "compressed with lz4"), (Array("0707".utf8), "a cpio archive"),
    (Array("PK".utf8) + [3, 4], "a zip archive"), (Array("7z".utf8) + [0xBC, 0xAF], "a 7z archive"),
    (ContentMagic.squashfs, "a squashfs"),
  ]

  private let source: any ArchiveSource
  private let input = RawBuffer(count: inputSize)
  private let output = RawBuffer(count: outputSize)
  private var inputStart = 0
  private var inputEnd = 0
  private var outputStart = 0
  private var outputEnd = 0
  private var codec = Codec.plain
  private var isInFrame = false
  /// The number of decompressed bytes that were read.
  package private(set) var offset: Int64 = 0

  /// Whether the archive may end after any entry, without the zeros that fill its last block and those that end an archive:
  /// layers do, and their digests tell whether they are whole.
  let endsAnywhere: Bool

  /// A layer that was decompressed before.
  init(layer source: any ArchiveSource) {
    self.source = source
    endsAnywhere = true
  }

  /// An archive that may be compressed.
  package init(_ source: any ArchiveSource) throws(SquashError) {
    self.source = source
    endsAnywhere = false
    while inputEnd < 4 {
      let count = try source.read(into: UnsafeMutableRawBufferPointer(rebasing: input.bytes[inputEnd...]))
      if count == 0 { break }
      inputEnd += count
    }
    let head = input.bytes.prefix(min(inputEnd, 4))
    if let (_, name) = Self.others.first(where: { head.starts(with: $0.magic) }) {
      throw SquashError(
        .unsupported,
        "the archive is \(name), which is not supported; tar, also compressed with gzip or zstd, is")
    }
    if head.starts(with: [0x1F, 0x8B]) {
      let stream = UnsafeMutablePointer<z_stream>.allocate(capacity: 1)
      stream.initialize(to: z_stream())
      // A window of 15 bits, and a gzip header (16).
      guard zlib_inflate_begin(stream, 15 + 16) == Z_OK else {
        stream.deallocate()
        throw .outOfMemory("a decompressor")
      }
      codec = .gzip(stream)
    } else if Self.isZstd(head) {
      guard let stream = ZSTD_createDStream() else { throw .outOfMemory("a decompressor") }
      ZSTD_DCtx_setParameter(stream, ZSTD_d_windowLogMax, Self.windowLog)
      codec = .zstd(stream)
    }
  }

  /// Whether bytes begin a frame of zstd. Frames that decompressors skip may come first.
  private static func isZstd(_ head: some Collection<UInt8>) -> Bool {
    head.elementsEqual([0x28, 0xB5, 0x2F, 0xFD])
      || head.first.map { $0 & 0xF0 == 0x50 } ?? false && head.dropFirst().elementsEqual([0x2A, 0x4D, 0x18])
  }

  deinit {
    switch codec {
    case .plain: break
    case .gzip(let stream):
      inflateEnd(stream)
      stream.deallocate()
    case .zstd(let stream): ZSTD_freeDStream(stream)
    }
  }

  /// Reads until the buffer is full or the archive ends.
  package func read(into buffer: UnsafeMutableRawBufferPointer) throws(SquashError) -> Int {
    var done = 0
    while done < buffer.count {
      if outputStart == outputEnd, try !refill() { break }
      let count = min(outputEnd - outputStart, buffer.count - done)
      UnsafeMutableRawBufferPointer(rebasing: buffer[done...]).copyMemory(
        from: UnsafeRawBufferPointer(start: output.start + outputStart, count: count))
      outputStart += count
      done += count
    }
    offset += Int64(done)
    return done
  }

  /// Reads exactly `count` bytes.
  func readExactly(_ destination: UnsafeMutableRawPointer, _ count: Int) throws(SquashError) {
    guard try read(into: UnsafeMutableRawBufferPointer(start: destination, count: count)) == count else {
      throw SquashError(.truncated, "the archive ends inside an entry", offset: offset)
    }
  }

  /// Reads bytes; the caller has limited their count.
  func bytes(_ count: Int) throws(SquashError) -> [UInt8] {
    let buffer = RawBuffer(count: count)
    try readExactly(buffer.start, count)
    return Array(UnsafeRawBufferPointer(start: buffer.start, count: count))
  }

  /// Skips bytes.
  package func skip(_ count: Int64) throws(SquashError) {
    var left = count
    if case .plain = codec, inputStart == inputEnd, let source = source as? any SkippingSource,
      left > Int64(outputEnd - outputStart)
    {
      let known = Int64(outputEnd - outputStart)
      outputStart = outputEnd
      let missing = try source.skip(left - known)
      offset += left - missing
      guard missing == 0 else {
        throw SquashError(.truncated, "the archive ends inside an entry", offset: offset)
      }
      return
    }
    while left > 0 {
      if outputStart == outputEnd, try !refill() {
        throw SquashError(.truncated, "the archive ends inside an entry", offset: offset)
      }
      let part = Int(min(left, Int64(outputEnd - outputStart)))
      outputStart += part
      offset += Int64(part)
      left -= Int64(part)
    }
  }

  /// Skips the content of an entry.
  func skip(_ entry: TarEntry) throws(SquashError) {
    try skip(entry.storedSize)
    try skipPadding(entry)
  }

  /// Skips what fills the last block of an entry's content.
  func skipPadding(_ entry: TarEntry) throws(SquashError) {
    do throws(SquashError) { try skip(entry.padding) } catch {
      // A compressed layer that is cut off says so again at the next read.
      guard endsAnywhere, error.code == .truncated else { throw error }
    }
  }

  /// Reads everything that follows the archive's end.
  ///
  /// - Throws: ``SquashError/Code/limitExceeded`` if that is more than any writer adds.
  func drain() throws(SquashError) {
    outputStart = outputEnd
    var count: Int64 = 0
    while try refill() {
      count += Int64(outputEnd - outputStart)
      guard count <= Self.mostPadding else {
        throw SquashError(
          .limitExceeded, "more than \(Self.mostPadding >> 20) MiB follow the end of the archive",
          offset: offset)
      }
    }
  }

  /// Reads on past the archive's end to the end of the compressed stream, whose checksum comes last.
  func finish() throws(SquashError) {
    while isInFrame, try refill() {}
  }

  private func refill() throws(SquashError) -> Bool {
    outputStart = 0
    outputEnd = 0
    while outputEnd == 0 {
      var isAtEnd = false
      if inputStart == inputEnd {
        inputStart = 0
        inputEnd = try source.read(into: input.bytes)
        isAtEnd = inputEnd == 0
      }
      switch codec {
      case .plain:
        guard !isAtEnd else { return false }
        outputEnd = inputEnd - inputStart
        output.start.copyMemory(from: input.start + inputStart, byteCount: outputEnd)
        inputStart = inputEnd
      case .gzip(let stream): try inflate(stream)
      case .zstd(let stream): try decompress(stream)
      }
      if isAtEnd, outputEnd == 0 {
        guard !isInFrame else {
          throw SquashError(.truncated, "the compressed archive is cut off", offset: offset)
        }
        return false
      }
    }
    return true
  }

  private func inflate(_ stream: UnsafeMutablePointer<z_stream>) throws(SquashError) {
    stream.pointee.next_in = (input.start + inputStart).assumingMemoryBound(to: UInt8.self)
    stream.pointee.avail_in = UInt32(inputEnd - inputStart)
    stream.pointee.next_out = output.start.assumingMemoryBound(to: UInt8.self)
    stream.pointee.avail_out = UInt32(output.count)
    if inputEnd > inputStart { isInFrame = true }
    let status = CZlib.inflate(stream, Z_NO_FLUSH)
    inputStart = inputEnd - Int(stream.pointee.avail_in)
    outputEnd = output.count - Int(stream.pointee.avail_out)
    switch status {
    case Z_OK, Z_BUF_ERROR: break
    case Z_STREAM_END:
      // Another member may follow.
      isInFrame = false
      inflateReset(stream)
    default: throw SquashError(.corrupt, "the archive's gzip data is damaged", offset: offset)
    }
  }

  private func decompress(_ stream: OpaquePointer) throws(SquashError) {
    var source = ZSTD_inBuffer(src: input.start, size: inputEnd, pos: inputStart)
    var target = ZSTD_outBuffer(dst: output.start, size: output.count, pos: 0)
    if inputEnd > inputStart { isInFrame = true }
    let status = ZSTD_decompressStream(stream, &target, &source)
    inputStart = source.pos
    outputEnd = target.pos
    guard ZSTD_isError(status) == 0 else {
      throw SquashError(
        .corrupt, "the archive's zstd data is damaged: \(String(cString: ZSTD_getErrorName(status)))",
        offset: offset)
    }
    if status == 0 { isInFrame = false }
  }
}
