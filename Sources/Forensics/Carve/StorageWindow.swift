import SIF
import Squash

/// A range of a file's bytes, to be read at any offset. What cannot be read ends it, as if nothing followed.
struct StorageWindow: RandomAccessReader {
  private let storage: any Storage
  /// Where the window begins in the file.
  let offset: Int64
  /// How many bytes it shows.
  let byteCount: Int64

  init(_ storage: any Storage, _ range: Range<Int64>) {
    self.storage = storage
    offset = range.lowerBound
    byteCount = range.upperBound - range.lowerBound
  }

  func read(into buffer: UnsafeMutableRawBufferPointer, at position: Int64) throws(SquashError) -> Int {
    do {
      return try storage.read(into: buffer, at: position, ofWindowAt: offset, byteCount: byteCount)
    } catch {
      throw SquashError(.system, error.message, offset: position)
    }
  }

  /// The bytes at an offset, at most `count`; fewer where the window ends or cannot be read. The caller bounds `count`.
  func bytes(_ count: Int, at position: Int64) -> [UInt8] {
    [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
      initialized = (try? read(into: UnsafeMutableRawBufferPointer(buffer), at: position)) ?? 0
    }
  }

  /// A window over the rest from an offset on, at most `count` bytes.
  func suffix(from position: Int64, count: Int64 = .max) -> StorageWindow {
    let start = min(max(position, 0), byteCount)
    return StorageWindow(storage, offset + start..<offset + start + min(count, byteCount - start))
  }

  /// Where the first and behind the last byte lie that is not zero; nil where all are zero. Holes are not read, and
  /// nothing between the two is.
  func dataBounds() -> Range<Int64>? {
    var position: Int64 = 0
    while position < byteCount {
      guard let data = try? storage.nextData(from: offset + position), data < offset + byteCount else {
        return nil
      }
      position = max(position, data - offset)
      let block = bytes(Self.blockBytes, at: position)
      guard !block.isEmpty else { return nil }
      if let index = block.firstIndex(where: { $0 != 0 }) {
        let first = position + Int64(index)
        return first..<endOfData(behind: first)
      }
      position += Int64(block.count)
    }
    return nil
  }

  private static let blockBytes = 256 << 10

  /// Behind the last byte that is not zero, of which there is one at `first`.
  private func endOfData(behind first: Int64) -> Int64 {
    let block = Int64(Self.blockBytes)
    var (end, step) = (byteCount, block)
    while end > first + 1 {
      let start = max(end - step, first)
      let data = (try? storage.nextData(from: offset + start)).flatMap(\.self) ?? (offset + end)
      if data >= offset + end {
        // A hole: back in ever longer steps.
        end = start
        step = min(step * 2, 1 << 40)
      } else if step > block {
        step = block
      } else {
        let bytes = bytes(Int(end - start), at: start)
        if let last = bytes.lastIndex(where: { $0 != 0 }) { return start + Int64(last) + 1 }
        end = start
      }
    }
    return first + 1
  }
}

/// A window as storage that cannot be written, for images within images.
final class WindowStorage: Storage {
  private let window: StorageWindow

  init(_ window: StorageWindow) { self.window = window }

  func byteCount() throws(SIFError) -> Int64 { window.byteCount }

  func read(into buffer: UnsafeMutableRawBufferPointer, at offset: Int64) throws(SIFError) -> Int {
    do { return try window.read(into: buffer, at: offset) } catch {
      throw SIFError(.system, error.what, offset: offset)
    }
  }

  func write(_ bytes: RawSpan, at offset: Int64) throws(SIFError) { throw Self.refusal }
  func truncate(to length: Int64) throws(SIFError) { throw Self.refusal }
  func synchronize() throws(SIFError) {}

  private static var refusal: SIFError { SIFError(.invalidArgument, "evidence is not written to") }
}
