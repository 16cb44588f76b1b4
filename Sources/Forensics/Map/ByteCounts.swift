import Glibc

/// The number of times that each value occurs among bytes.
///
/// Four tables take turns, so that counting a byte need not wait for the count of an equal one before it.
final class ByteCounts {
  private let tables = UnsafeMutablePointer<UInt32>.allocate(capacity: 4 * 256)
  private let totals = UnsafeMutablePointer<Int64>.allocate(capacity: 256)

  init() {
    tables.initialize(repeating: 0, count: 4 * 256)
    totals.initialize(repeating: 0, count: 256)
  }

  deinit {
    tables.deallocate()
    totals.deallocate()
  }

  /// Counts bytes; at most 2^32 - 1 at once.
  func add(_ bytes: UnsafeRawBufferPointer) {
    guard let base = bytes.baseAddress else { return }
    let (a, b, c, d) = (tables, tables + 256, tables + 512, tables + 768)
    var position = 0
    while position + 8 <= bytes.count {
      let word = (base + position).loadUnaligned(as: UInt64.self)
      a[Int(word & 0xFF)] &+= 1
      b[Int(word >> 8 & 0xFF)] &+= 1
      c[Int(word >> 16 & 0xFF)] &+= 1
      d[Int(word >> 24 & 0xFF)] &+= 1
      a[Int(word >> 32 & 0xFF)] &+= 1
      b[Int(word >> 40 & 0xFF)] &+= 1
      c[Int(word >> 48 & 0xFF)] &+= 1
      d[Int(word >> 56)] &+= 1
      position += 8
    }
    while position < bytes.count {
      a[Int(bytes[position])] &+= 1
      position += 1
    }
    for value in 0..<256 {
      totals[value] += Int64(a[value]) + Int64(b[value]) + Int64(c[value]) + Int64(d[value])
    }
    tables.update(repeating: 0, count: 4 * 256)
  }

  /// Counts zeros without looking at them.
  func add(zeros count: Int64) { totals[0] += count }

  /// Starts again from zero.
  func reset() { totals.update(repeating: 0, count: 256) }

  /// The number of counted bytes.
  var total: Int64 { (0..<256).reduce(0) { $0 + totals[$1] } }

  /// The number of zeros among them.
  var zeros: Int64 { totals[0] }

  /// The number of bytes that plain text does not contain: control characters other than white space.
  var controls: Int64 {
    (0..<32).reduce(totals[127]) { [9, 10, 12, 13].contains($1) ? $0 : $0 + totals[$1] }
  }

  /// The number of bytes beyond ASCII.
  var beyondASCII: Int64 { (128..<256).reduce(0) { $0 + totals[$1] } }

  /// Shannon's entropy in bits per byte; 0 if there are no bytes.
  var entropy: Double {
    let total = Double(self.total)
    guard total > 0 else { return 0 }
    var sum = 0.0
    for value in 0..<256 where totals[value] > 0 {
      let part = Double(totals[value]) / total
      sum -= part * log2(part)
    }
    // If all bytes are equal, the sum is minus zero.
    return max(sum, 0)
  }
}
