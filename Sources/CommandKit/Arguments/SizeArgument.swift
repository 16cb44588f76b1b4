import ArgumentParser

/// A number of bytes: `512`, `64K`, `64KiB` and `1.5G` with powers of 1024, `64KB` with powers of 1000. Upper and lower
/// case are the same.
package struct SizeArgument: ExpressibleByArgument, Sendable {
  /// The bytes.
  package let bytes: Int64
  /// Whether the argument has no unit.
  package let isBare: Bool

  /// A size that did not come from the command line.
  package init(_ bytes: Int64) {
    self.bytes = bytes
    isBare = false
  }

  /// Reads a size; nil if it is not one, or is more than 2⁶³ − 1 bytes.
  package init?(argument: String) {
    let text = argument.lowercased()
    let end = text.firstIndex { !($0 == "." || ("0"..."9").contains($0)) } ?? text.endIndex
    var unit = text[end...]
    isBare = unit.isEmpty
    var factor: Int64 = 1
    if let first = unit.first, let power = Array("kmgtpe").firstIndex(of: first) {
      unit = unit.dropFirst()
      let base: Int64 = unit == "b" ? 1000 : 1024
      for _ in 0...power { factor *= base }
      guard ["", "b", "ib"].contains(unit) else { return nil }
    } else {
      guard ["", "b"].contains(unit) else { return nil }
    }
    guard let number = DecimalNumber(text[..<end]), factor > 1 || number.isWhole,
      let bytes = number.times(factor)
    else { return nil }
    self.bytes = bytes
  }

  /// The size as help shows a default.
  package var defaultValueDescription: String {
    for (shift, unit) in [(30, "G"), (20, "M"), (10, "K")] where bytes > 0 && bytes % (1 << shift) == 0 {
      return "\(bytes >> shift)\(unit)"
    }
    return "\(bytes)"
  }
}

/// A decimal number without a sign.
package struct DecimalNumber: Sendable {
  private let whole: Int64
  private let fraction: Int64
  private let scale: Int64

  /// Whether it was written without a decimal point.
  package var isWhole: Bool { scale == 1 }

  /// Reads a number with up to nine digits after the point.
  package init?(_ text: Substring) {
    let parts = text.split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
    let digits = parts.count == 2 ? parts[1] : ""
    guard parts.allSatisfy({ !$0.isEmpty && $0.utf8.allSatisfy { (0x30...0x39).contains($0) } }),
      digits.count <= 9, let whole = Int64(parts[0])
    else { return nil }
    self.whole = whole
    fraction = Int64(digits) ?? 0
    scale = digits.reduce(1) { result, _ in result * 10 }
  }

  /// The number times a factor, rounded down; nil if that is too large.
  package func times(_ factor: Int64) -> Int64? {
    let (product, overflow) = whole.multipliedReportingOverflow(by: factor)
    let part = fraction.multipliedFullWidth(by: factor)
    let (sum, carry) = product.addingReportingOverflow(scale.dividingFullWidth(part).quotient)
    return overflow || carry ? nil : sum
  }
}
