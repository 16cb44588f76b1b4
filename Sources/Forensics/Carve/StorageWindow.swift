import Bytes
import SIF
import Squash

/// A range of a file's bytes, readable at any offset. ``bytes(_:at:)`` treats unreadable bytes as the end.
struct StorageWindow: RandomAccess {
  private let storage: any Storage
  private let window: Window

  init(_ storage: any Storage, _ range: Range<Int64>) {
    self.storage = storage
    window = Window(storage, range)
  }

  /// The offset of the window in the file.
  var offset: Int64 { window.start }
  /// The number of bytes that it shows.
  var byteCount: Int64 { window.byteCount }
  /// The place of the window in the file.
  var origin: Int64? { window.origin }

  func read(
    into buffer: UnsafeMutableRawBufferPointer, at position: Int64
  ) throws(StorageFault) -> Int {
    try window.read(into: buffer, at: position)
  }

  /// The bytes at an offset, at most `count`; fewer if the window ends, none if they cannot be read. The
  /// caller limits `count`.
  func bytes(_ count: Int, at position: Int64) -> [UInt8] {
    (try? read(count, at: position)) ?? []
  }

  /// A window over the rest from an offset on, at most `count` bytes.
  func suffix(from position: Int64, count: Int64 = .max) -> StorageWindow {
    let start = min(max(position, 0), byteCount)
    return StorageWindow(storage, offset + start..<offset + start + min(count, byteCount - start))
  }

  /// The range from the first to the last byte that is not zero; nil if all are zero. Holes, and the bytes
  /// between the two, are not read.
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

  /// The end of the last byte that is not zero; the byte at `first` is not.
  private func endOfData(behind first: Int64) -> Int64 {
    let block = Int64(Self.blockBytes)
    var (end, step) = (byteCount, block)
    while end > first + 1 {
      let start = max(end - step, first)
      let data = (try? storage.nextData(from: offset + start)).flatMap(\.self) ?? (offset + end)
      if data >= offset + end {
        // A hole: go back in increasing steps.
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

/// A window as read-only storage, for images within images.
final class WindowStorage: Storage {
  private let window: StorageWindow

  init(_ window: StorageWindow) { self.window = window }

  var byteCount: Int64 { window.byteCount }
  var origin: Int64? { window.origin }

  func read(into buffer: UnsafeMutableRawBufferPointer, at offset: Int64) throws(StorageFault) -> Int {
    try window.read(into: buffer, at: offset)
  }

  func write(_ bytes: UnsafeRawBufferPointer, at offset: Int64) throws(StorageFault) {
    throw EvidenceStorage.refusal
  }
  func truncate(to length: Int64) throws(StorageFault) { throw EvidenceStorage.refusal }
  func synchronize() {}
}
