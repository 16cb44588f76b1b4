import Bytes
import CDeflate
import LinuxSystem

/// Compresses bytes with gzip, in members of a mebibyte that threads compress. Each member is whole by itself, so the result
/// does not depend on the threads; every reader of gzip takes members that follow each other as one stream.
package final class GzipSink: ByteSink {
  private static let memberSize = 1 << 20

  private let sink: any ByteSink
  private let pipeline: OrderedPipeline<[UInt8], [UInt8], SquashError>
  private let most: Int
  private var buffer: [UInt8] = []

  /// Writes what is compressed to `sink`. Close it on every way out.
  package init(_ sink: any ByteSink, level: Int, threads: Int) throws(SquashError) {
    self.sink = sink
    most = threads + 1
    pipeline = try OrderedPipeline(threads: threads) { () throws(SquashError) in
      guard let handle = libdeflate_alloc_compressor(Int32(level)) else { throw .outOfMemory("a compressor") }
      let compressor = Deflater(handle)
      return { compressor.member(of: $0) }
    }
    buffer.reserveCapacity(Self.memberSize)
  }

  package func write(_ bytes: UnsafeRawBufferPointer) throws(SquashError) {
    var rest = bytes[...]
    while !rest.isEmpty {
      let part = rest.prefix(Self.memberSize - buffer.count)
      buffer.append(contentsOf: part)
      rest = rest.dropFirst(part.count)
      if buffer.count == Self.memberSize { try submit() }
    }
  }

  /// Writes what is left. An empty stream is one empty member.
  package func finish() throws(SquashError) {
    try submit()
    while try take() {}
  }

  /// Ends the threads.
  package func close() { pipeline.close() }

  private func submit() throws(SquashError) {
    pipeline.submit(buffer)
    buffer.removeAll(keepingCapacity: true)
    while pipeline.outstanding > most, try take() {}
  }

  private func take() throws(SquashError) -> Bool {
    guard let member = try pipeline.take() else { return false }
    var failure: SquashError?
    member.withUnsafeBytes { bytes in
      do throws(SquashError) { try sink.write(bytes) } catch { failure = error }
    }
    if let failure { throw failure }
    return true
  }

  /// The state of libdeflate, for one thread.
  private final class Deflater {
    private let handle: OpaquePointer

    init(_ handle: OpaquePointer) { self.handle = handle }
    deinit { libdeflate_free_compressor(handle) }

    func member(of bytes: [UInt8]) -> [UInt8] {
      let bound = libdeflate_gzip_compress_bound(handle, bytes.count)
      return [UInt8](unsafeUninitializedCapacity: bound) { buffer, count in
        // The bound is enough for any input.
        count = libdeflate_gzip_compress(handle, bytes, bytes.count, buffer.baseAddress, buffer.count)
      }
    }
  }
}
