import Glibc

extension RawSpan {
  /// Whether every byte is zero.
  package var isZero: Bool {
    withUnsafeBytes { bytes in
      guard let first = bytes.baseAddress, !bytes.isEmpty else { return true }
      guard bytes[0] == 0 else { return false }
      // Equal to itself one byte further on: every byte is the first one.
      return memcmp(first, first + 1, bytes.count - 1) == 0
    }
  }
}
