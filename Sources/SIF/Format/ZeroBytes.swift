import Glibc

extension RawSpan {
  /// Whether every byte is zero.
  package var isZero: Bool {
    withUnsafeBytes { bytes in
      guard let first = bytes.baseAddress, !bytes.isEmpty else { return true }
      guard bytes[0] == 0 else { return false }
      // If the bytes equal themselves one byte further on, every byte equals the first.
      return memcmp(first, first + 1, bytes.count - 1) == 0
    }
  }
}
