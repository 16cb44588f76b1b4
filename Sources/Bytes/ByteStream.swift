/// Bytes that are read once, from front to back: a file, the body of an answer from a server, a member of an archive.
///
/// One thread at a time reads, which need not be the one that opened the stream. A stream that is released before its end is
/// closed, and whatever feeds it stops.
public protocol ByteStream: AnyObject, Sendable {
  /// Reads at most as many bytes as the buffer holds, which is not empty. Waits until there is at least one.
  ///
  /// - Returns: the number of bytes; 0 at the end, and at each further call.
  func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int
}

extension ByteStream {
  /// Reads until the buffer is full or the stream ends.
  public func fill(_ buffer: UnsafeMutableRawBufferPointer) throws -> Int {
    var done = 0
    while done < buffer.count {
      let count = try read(into: UnsafeMutableRawBufferPointer(rebasing: buffer[done...]))
      if count == 0 { break }
      done += count
    }
    return done
  }

  /// All bytes up to the end.
  ///
  /// - Throws: ``StorageFault/Code/limitExceeded`` if there are more than `limit`.
  public func bytes(limit: Int) throws -> [UInt8] {
    var all: [UInt8] = []
    var part = [UInt8](repeating: 0, count: 64 << 10)
    while true {
      let count = try part.withUnsafeMutableBytes { try read(into: $0) }
      if count == 0 { return all }
      guard count <= limit - all.count else {
        throw StorageFault(.limitExceeded, "more than \(limit) bytes")
      }
      all += part[..<count]
    }
  }
}

/// Bytes at an offset, read as a stream.
public final class RandomAccessStream: ByteStream, @unchecked Sendable {
  private let source: any RandomAccess
  private var offset: Int64 = 0

  /// A stream of all bytes of a source.
  public init(_ source: any RandomAccess) { self.source = source }

  /// Reads at most as many bytes as the buffer holds; returns 0 at the end.
  public func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
    let count = try source.read(into: buffer, at: offset)
    offset += Int64(count)
    return count
  }
}
