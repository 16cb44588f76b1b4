import Glibc

/// How often each value occurs among bytes.
///
/// Four tables take turns, so that a byte need not wait for the count of an equal one right before it.
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

  /// Begins anew.
  func reset() { totals.update(repeating: 0, count: 256) }

  /// How many bytes were counted.
  var total: Int64 { (0..<256).reduce(0) { $0 + totals[$1] } }

  /// How many of them are zero.
  var zeros: Int64 { totals[0] }

  /// How many of them occur in no plain text: control characters other than white space.
  var controls: Int64 {
    (0..<32).reduce(totals[127]) { [9, 10, 12, 13].contains($1) ? $0 : $0 + totals[$1] }
  }

  /// How many of them are beyond ASCII.
  var beyondASCII: Int64 { (128..<256).reduce(0) { $0 + totals[$1] } }

  /// Shannon's entropy in bits for each byte; 0 of no bytes.
  var entropy: Double {
    let total = Double(self.total)
    guard total > 0 else { return 0 }
    var sum = 0.0
    for value in 0..<256 where totals[value] > 0 {
      let part = Double(totals[value]) / total
      sum -= part * log2(part)
    }
    // All bytes alike: not minus zero.
    return max(sum, 0)
  }
}
