import Glibc
import Squash
import SystemPackage

/// Output that is gathered and written in large pieces.
package final class OutputBuffer: ByteSink {
  private let descriptor: Int32
  private let name: String
  private let pending: Pending

  private final class Pending {
    var bytes: [UInt8] = []
    var hasFailed = false
  }

  /// A buffer for a descriptor: standard output, or a file with a path.
  package init(_ descriptor: Int32 = STDOUT_FILENO, path: FilePath? = nil) {
    self.descriptor = descriptor
    name = path?.printable ?? "standard output"
    pending = Pending()
    pending.bytes.reserveCapacity(1 << 17)
  }

  /// Adds bytes as they are: contents, and documents of a form that has its own escapes.
  package func append(raw bytes: [UInt8]) throws(ToolFailure) {
    pending.bytes.append(contentsOf: bytes)
    if pending.bytes.count >= 1 << 16 { try flush() }
  }

  /// Adds a line for people, escaped as in ``Console``.
  package func append(line: String) throws(ToolFailure) { try append(raw: Console.bytes(ofLine: line)) }

  /// Adds a line that has only visible characters of ASCII.
  package func append(plainLine line: ArraySlice<UInt8>) throws(ToolFailure) {
    pending.bytes.append(contentsOf: line)
    pending.bytes.append(0x0A)
    if pending.bytes.count >= 1 << 16 { try flush() }
  }

  /// Adds contents.
  package func write(_ bytes: UnsafeRawBufferPointer) throws(SquashError) {
    let isLarge = bytes.count > 1 << 16
    // Earlier bytes are written first.
    if isLarge || pending.bytes.count + bytes.count > 1 << 17 { try flushBytes() }
    if isLarge { try put(bytes) } else { pending.bytes.append(contentsOf: bytes) }
  }

  /// Writes what is left.
  package func flush() throws(ToolFailure) { do { try flushBytes() } catch { throw failure(error) } }

  /// The failure of a write, for the user. A reader that has gone away needs no message.
  package func failure(_ error: SquashError) -> ToolFailure {
    guard isFull, let errno = error.errno else { return ToolFailure(error) }
    return ToolFailure(
      .system, code: "system",
      errno == EPIPE ? "" : "cannot write to \(name): \(Errno(rawValue: errno).description)")
  }

  /// Whether a write has failed.
  private var isFull: Bool { pending.hasFailed }

  private func flushBytes() throws(SquashError) {
    var failure: SquashError?
    pending.bytes.withUnsafeBytes { bytes in
      do throws(SquashError) { try put(bytes) } catch { failure = error }
    }
    pending.bytes.removeAll(keepingCapacity: true)
    if let failure { throw failure }
  }

  private func put(_ bytes: UnsafeRawBufferPointer) throws(SquashError) {
    var done = 0
    while done < bytes.count, let base = bytes.baseAddress {
      let count = Glibc.write(descriptor, base + done, bytes.count - done)
      if count < 0, errno == EINTR { continue }
      guard count >= 0 else {
        let reason = Errno(rawValue: errno)
        pending.hasFailed = true
        throw SquashError(.system, "cannot write to \(name): \(reason.description)", errno: reason.rawValue)
      }
      done += count
    }
  }
}
