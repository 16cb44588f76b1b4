import Bytes

/// Rows of texts as lines with aligned columns.
enum TextTable {
  /// The lines; the last column has no fixed width.
  static func lines(_ rows: [[String]]) -> [String] {
    let rows = rows.map { $0.map(\.printable) }
    let count = rows.map(\.count).max() ?? 0
    let widths = (0..<count).map { column in
      rows.map { column < $0.count ? $0[column].unicodeScalars.count : 0 }.max() ?? 0
    }
    return rows.map { row in
      let text = zip(row, widths).map { $0.padded(to: $1 + 2) }.joined()
      return String(text.reversed().drop { $0 == " " }.reversed())
    }
  }
}
