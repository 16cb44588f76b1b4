import Bytes
import CLinux
import Glibc
import SIF
import Synchronization

/// A bar on stderr for work that is counted in bytes, drawn at most ten times a second. If their number is not known
/// in advance, only the bytes that are done are shown.
package final class ProgressBar: Sendable {
  private struct State {
    var done: Int64 = 0
    var lastDrawn: Double = 0
    var isVisible = false
  }

  private let total: Int64
  private let isShown: Bool
  private let state = Mutex(State())
  /// The most characters between the brackets.
  private static let widest = 40
  /// The most characters beside them: brackets, the part and the whole.
  private static let besides = 28

  /// A bar of `total` bytes; 0 if that is not known.
  package init(total: Int64, shown: Bool) {
    self.total = total
    isShown = shown
  }

  deinit { clear() }

  /// Counts bytes as done.
  package func advance(by count: Int64) {
    guard isShown else { return }
    state.withLock { state in
      state.done += count
      var now = timespec()
      clock_gettime(CLOCK_MONOTONIC, &now)
      let seconds = Double(now.tv_sec) + Double(now.tv_nsec) / 1e9
      guard seconds - state.lastDrawn >= 0.1 else { return }
      state.lastDrawn = seconds
      state.isVisible = true
      draw("\r\(text(state.done)) ")
    }
  }

  private func text(_ done: Int64) -> String {
    guard total > 0 else { return "\(ByteText.decimal(done)) so far" }
    let part = min(Double(done) / Double(total), 1)
    let share = "\(Int(part * 100)) % of \(ByteText.decimal(total))"
    let columns = Int(linux_terminal_columns(STDERR_FILENO))
    let width = min(columns - Self.besides, Self.widest)
    guard width > 4 else { return share }
    let filled = Int(part * Double(width))
    return "[" + String(repeating: "#", count: filled) + String(repeating: ".", count: width - filled)
      + "] \(share)"
  }

  /// Removes the bar from the terminal.
  package func clear() {
    state.withLock { state in
      if state.isVisible { draw("\r\u{1B}[K") }
      state.isVisible = false
    }
  }

  private func draw(_ text: String) {
    _ = Array(text.utf8).withUnsafeBytes { Glibc.write(STDERR_FILENO, $0.baseAddress, $0.count) }
  }
}

extension Reporter {
  /// Storage that shows how much of a new image has been written, if it will be about as long as an old one.
  package func watching(_ storage: any Storage, as old: Image) -> any Storage {
    ProgressStorage(storage, expected: old.fileSize, shown: showsProgress)
  }
}

/// Storage that shows how much has been written into it.
package final class ProgressStorage: Storage {
  private let storage: any Storage
  private let bar: ProgressBar

  package init(_ storage: any Storage, expected: Int64, shown: Bool) {
    self.storage = storage
    bar = ProgressBar(total: expected, shown: shown)
  }

  package var byteCount: Int64 {
    get throws(StorageFault) { try storage.byteCount }
  }

  package func read(into buffer: UnsafeMutableRawBufferPointer, at offset: Int64) throws(StorageFault) -> Int
  {
    try storage.read(into: buffer, at: offset)
  }

  package func write(_ bytes: UnsafeRawBufferPointer, at offset: Int64) throws(StorageFault) {
    try storage.write(bytes, at: offset)
    bar.advance(by: Int64(bytes.count))
  }

  package func truncate(to length: Int64) throws(StorageFault) { try storage.truncate(to: length) }

  package func synchronize() throws(StorageFault) { try storage.synchronize() }
}

/// A source that shows how much of it has been read.
package struct ProgressSource: ByteSource, ~Copyable {
  private var source: FileSource
  private let bar: ProgressBar

  package init(_ source: consuming FileSource, shown: Bool) {
    bar = ProgressBar(total: source.byteCount ?? 0, shown: shown)
    self.source = source
  }

  package mutating func read(into buffer: UnsafeMutableRawBufferPointer) throws(SIFError) -> Int {
    let count = try source.read(into: buffer)
    bar.advance(by: Int64(count))
    return count
  }
}
