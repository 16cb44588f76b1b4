public import Bytes
import Synchronization

/// An image in memory.
public final class MemoryStorage: Storage {
  private let contents: Mutex<[UInt8]>

  private let limit: Int64

  /// Storage with an image's bytes, or empty.
  ///
  /// - Parameter limit: the most bytes that it will hold; larger images belong in files.
  public init(_ bytes: [UInt8] = [], limit: Int64 = 1 << 30) {
    contents = Mutex(bytes)
    self.limit = limit
  }

  /// A copy of the bytes.
  public var bytes: [UInt8] { contents.withLock { $0 } }

  /// The number of bytes.
  public var byteCount: Int64 { contents.withLock { Int64($0.count) } }

  /// Reads at an offset until the buffer is full or the bytes end.
  public func read(into buffer: UnsafeMutableRawBufferPointer, at offset: Int64) -> Int {
    contents.withLock { bytes in
      guard offset >= 0, offset < bytes.count else { return 0 }
      let source = bytes[Int(offset)...].prefix(buffer.count)
      buffer.copyBytes(from: source)
      return source.count
    }
  }

  /// Writes all bytes at an offset.
  ///
  /// - Throws: ``StorageFault/Code/limitExceeded`` if the storage would grow beyond its limit.
  public func write(_ bytes: UnsafeRawBufferPointer, at offset: Int64) throws(StorageFault) {
    let (end, overflow) = offset.addingReportingOverflow(Int64(bytes.count))
    guard offset >= 0, !overflow else {
      throw StorageFault(.invalidArgument, "cannot write at byte \(offset)")
    }
    try contents.withLock { (contents) throws(StorageFault) in
      try extend(&contents, to: end)
      contents.withUnsafeMutableBytes { target in
        target[Int(offset)..<Int(end)].copyBytes(from: bytes)
      }
    }
  }

  /// Sets the number of bytes.
  public func truncate(to length: Int64) throws(StorageFault) {
    try contents.withLock { (contents) throws(StorageFault) in
      try extend(&contents, to: length)
      contents.removeLast(contents.count - Int(length))
    }
  }

  private func extend(_ contents: inout [UInt8], to length: Int64) throws(StorageFault) {
    guard length >= 0, length <= limit else {
      throw StorageFault(.limitExceeded, "an image of \(length) bytes is too large to be held in memory")
    }
    if contents.count < length {
      contents += [UInt8](repeating: 0, count: Int(length) - contents.count)
    }
  }

  /// Memory needs no synchronisation.
  public func synchronize() {}
}
