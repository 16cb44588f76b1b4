import Glibc

/// Zeros to hand out or hash in place of a file's holes.
public enum Zeros {
  /// 256 KiB of zeros. Their pages are the system's, untouched until something reads them.
  nonisolated(unsafe) public static let bytes: UnsafeRawBufferPointer = {
    let count = 256 << 10
    guard let start = calloc(count, 1) else { fatalError("no memory for \(count) bytes") }
    return UnsafeRawBufferPointer(start: start, count: count)
  }()
}
