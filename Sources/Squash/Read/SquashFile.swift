public import Bytes
import Synchronization

/// The content of one file of a squashfs, as bytes at an offset. Threads may share it.
public final class SquashFile: RandomAccess {
  /// A reader that one thread uses at a time.
  private struct PooledReader: @unchecked Sendable {
    let reader: SquashReader
  }

  /// The number of bytes of the file.
  public var byteCount: Int64 { layout.size }
  /// The bytes are compressed, or in several places.
  public var origin: Int64? { nil }
  private let image: SquashImage
  private let layout: FileLayout
  private let cache: BlockCache
  private let readers = Mutex<[PooledReader]>([])

  /// The file whose content lies at a place in an image.
  public init(_ image: SquashImage, _ layout: FileLayout) {
    self.image = image
    self.layout = layout
    cache = BlockCache(for: image)
  }

  /// Reads at an offset of the file until the buffer is full or the file ends.
  ///
  /// - Throws: ``StorageFault`` around a ``SquashError`` if the file system is damaged there.
  public func read(
    into buffer: UnsafeMutableRawBufferPointer, at offset: Int64
  ) throws(StorageFault) -> Int {
    let pooled = readers.withLock { $0.popLast() }
    do throws(SquashError) {
      let reader: PooledReader
      if let pooled { reader = pooled } else { reader = PooledReader(reader: try SquashReader(image)) }
      defer { readers.withLock { $0.append(reader) } }
      var done = 0
      try reader.reader.read(layout, at: offset, count: buffer.count, cache) { part in
        UnsafeMutableRawBufferPointer(rebasing: buffer[done..<(done + part.count)]).copyMemory(from: part)
        done += part.count
      }
      return done
    } catch { throw StorageFault(.source, causedBy: error) }
  }
}
