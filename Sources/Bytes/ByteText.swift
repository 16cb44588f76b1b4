/// Numbers of bytes for people.
package enum ByteText {
  private static let units = ["bytes", "kB", "MB", "GB", "TB", "PB", "EB"]

  private static func unit(_ count: Int64) -> (divisor: Double, name: String) {
    var divisor: Double = 1
    var index = 0
    // A number that would print as 1000.0 is 1.0 of the next unit.
    while Double(count.magnitude) / divisor >= (index == 0 ? 1000 : 999.95), index < units.count - 1 {
      divisor *= 1000
      index += 1
    }
    return (divisor, units[index])
  }

  private static func number(_ count: Int64, _ divisor: Double) -> String {
    if divisor == 1 { return String(count) }
    let tenths = Int64((Double(count) / divisor * 10).rounded())
    return "\(tenths / 10).\(tenths.magnitude % 10)"
  }

  /// A count with one decimal in a decimal unit: `9.0 GB`, `17 bytes`.
  package static func decimal(_ count: Int64) -> String {
    let (divisor, name) = unit(count)
    return "\(number(count, divisor)) \(count == 1 ? "byte" : name)"
  }

  /// A part of a whole, in the unit of the whole: `3.1 of 9.0 GB`.
  package static func part(_ part: Int64, of whole: Int64) -> String {
    let (divisor, name) = unit(whole)
    return "\(number(part, divisor)) of \(number(whole, divisor)) \(name)"
  }

  /// A count without decimals in a binary unit, as the reference's `header` prints it: `17 B`, `9 GiB`.
  package static func binary(_ count: Int64) -> String {
    if count.magnitude < 1024 { return "\(count) B" }
    var divisor: Double = 1024
    var units = "KMGTPE"[...]
    var rest = count / 1024
    while rest.magnitude >= 1024 {
      divisor *= 1024
      units = units.dropFirst()
      rest /= 1024
    }
    let rounded = (Double(count) / divisor).rounded()
    return "\(Int64(rounded)) \(units.first ?? "E")iB"
  }

  /// Ids as ranges: `1–3, 5`.
  package static func ranges(_ ids: [UInt32]) -> String {
    var parts: [(first: UInt32, last: UInt32)] = []
    for id in ids.sorted() {
      if let last = parts.last?.last, last &+ 1 == id || last == id {
        parts[parts.count - 1].last = id
      } else {
        parts.append((id, id))
      }
    }
    return parts.map { $0.first == $0.last ? "\($0.first)" : "\($0.first)–\($0.last)" }
      .joined(separator: ", ")
  }
}

extension String {
  /// The text followed by spaces, at least `width` characters long.
  package func padded(to width: Int) -> String {
    let count = utf8.count == width ? width : unicodeScalars.count
    return count < width ? self + String(repeating: " ", count: width - count) : self
  }
}
