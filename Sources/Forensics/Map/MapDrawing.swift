import Bytes
import SIF

/// A map as a drawing: self-contained SVG (spec/forensics.md, "Drawing").
///
/// A strip shows the file to scale. Beneath it every part has a cell, tied to its place in the strip, whose
/// width grows with the logarithm of its length, and a row with its name and figures, so that small parts
/// stay readable next to any large one.
public struct MapDrawing: Sendable {
  private let map: ImageMap
  private let parts: [MapPart]

  private static let width = 960.0
  private static let stripTop = 16.0
  private static let stripHeight = 34.0
  private static let cellTop = 132.0
  private static let cellHeight = 34.0
  private static let rowTop = 216.0
  private static let rowHeight = 21.0
  /// The most parts that are drawn: as many rows as fit on a printed page.
  private static let mostParts = 32

  /// A drawing of a map.
  public init(_ map: ImageMap) {
    self.map = map
    parts = map.parts(limit: Self.mostParts)
  }

  private var height: Double { Self.rowTop + Double(parts.count) * Self.rowHeight + 34 }

  /// The drawing as an SVG file.
  ///
  /// - Parameter title: the subject of the drawing; any text.
  public func document(title: String) -> String {
    let heading =
      "\(title.utf8.escapedText), \(ByteText.decimal(map.fileSize)) (\(map.fileSize) bytes)"
    return """
      <?xml version="1.0" encoding="UTF-8"?>
      <svg xmlns="http://www.w3.org/2000/svg" viewBox="-20 -44 1000 \(Int(height) + 54)" width="1000" \
      height="\(Int(height) + 54)" role="img" font-family="system-ui, sans-serif" font-size="12" fill="#1f2328">
      <title>\(heading.markupEscaped)</title>
      <rect x="-20" y="-44" width="1000" height="\(Int(height) + 54)" fill="#ffffff"/>
      <text x="0" y="-20" font-size="16" font-weight="600">\(heading.markupEscaped)</text>
      \(content)</svg>

      """
  }

  /// The drawing as an element for a page of HTML.
  public var element: String {
    """
    <svg viewBox="0 0 960 \(Int(height))" role="img" aria-label="Map of the file" class="map" \
    font-family="system-ui, sans-serif" font-size="12" fill="#1f2328">
    \(content)</svg>

    """
  }

  // MARK: Parts of the drawing

  private var content: String {
    guard map.fileSize > 0 else { return "<text x=\"0\" y=\"30\">the file is empty</text>\n" }
    var text = "<text x=\"0\" y=\"10\" fill=\"#59636e\" font-size=\"11\">to scale</text>\n"
    let scale = Self.width / Double(map.fileSize)
    let weights = parts.map(\.weight)
    let total = weights.reduce(0, +)
    var left = 0.0
    var ties = ""
    var cells = ""
    for (index, part) in parts.enumerated() {
      let start = Double(part.offset) * scale
      let span = Double(part.length) * scale
      let cell = weights[index] / total * Self.width
      text += rectangle(start, Self.stripTop, span, Self.stripHeight, part)
      let top = Self.stripTop + Self.stripHeight
      let corners = [
        (start, top), (start + span, top), (left + cell - 1, Self.cellTop), (left + 1, Self.cellTop),
      ]
      let points = corners.map { "\($0.fixed),\($1.fixed)" }.joined(separator: " ")
      let shade = index.isMultiple(of: 2) ? "#eceff2" : "#f6f8fa"
      ties += "<polygon points=\"\(points)\" fill=\"\(shade)\" stroke=\"#c9d1d9\" stroke-width=\"0.5\"/>\n"
      cells += rectangle(left + 1, Self.cellTop, cell - 2, Self.cellHeight, part)
      cells +=
        "<text x=\"\((left + cell / 2).fixed)\" y=\"\(Int(Self.cellTop) + 22)\" text-anchor=\"middle\" "
        + "fill=\"\(part.category.ink)\" font-weight=\"600\">\(index + 1)</text>\n"
      left += cell
    }
    // Ties first: cells and the strip lie on top of them.
    return ties + text + frame(Self.stripTop, Self.stripHeight) + scaleText + cells
      + "<text x=\"0\" y=\"\(Int(Self.cellTop + Self.cellHeight) + 14)\" fill=\"#59636e\" font-size=\"11\">"
      + "every part, as wide as the logarithm of its length</text>\n" + rows
  }

  private func rectangle(_ x: Double, _ y: Double, _ width: Double, _ height: Double, _ part: MapPart)
    -> String
  {
    let tip = "\(part.label): \(ByteText.decimal(part.length)) at byte \(part.offset)"
    return
      "<rect x=\"\(x.fixed)\" y=\"\(y.fixed)\" width=\"\(max(width, 0).fixed)\" height=\"\(height.fixed)\" "
      + "fill=\"\(part.category.color)\"><title>\(tip.markupEscaped)</title></rect>\n"
  }

  private func frame(_ y: Double, _ height: Double) -> String {
    "<rect x=\"0\" y=\"\(y.fixed)\" width=\"960\" height=\"\(height.fixed)\" fill=\"none\" stroke=\"#59636e\" "
      + "stroke-width=\"0.75\"/>\n"
  }

  /// The offsets at the ends and quarters of the strip.
  private var scaleText: String {
    (0...4).map { quarter in
      let x = Self.width / 4 * Double(quarter)
      let anchor = quarter == 0 ? "start" : quarter == 4 ? "end" : "middle"
      let place = quarter == 4 ? map.fileSize : map.fileSize / 4 * Int64(quarter)
      return "<text x=\"\(x.fixed)\" y=\"\(Int(Self.stripTop + Self.stripHeight) + 13)\" "
        + "text-anchor=\"\(anchor)\" fill=\"#59636e\" font-size=\"10\">\(ByteText.decimal(place))</text>\n"
    }.joined()
  }

  private static let columns: [(x: Double, title: String, isNumber: Bool)] = [
    (40, "part", false), (560, "offset", true), (664, "length", true), (736, "", false),
    (862, "bits/byte", true), (876, "signed", false),
  ]

  private var rows: String {
    var text = "<g font-size=\"11\" fill=\"#59636e\">\n"
    for column in Self.columns { text += cell(column.title, column, Self.rowTop - 8) }
    text += "</g>\n"
    let largest = parts.map(\.weight).max() ?? 1
    for (index, part) in parts.enumerated() {
      let top = Self.rowTop + Double(index) * Self.rowHeight
      if index.isMultiple(of: 2) {
        text +=
          "<rect x=\"0\" y=\"\(top.fixed)\" width=\"960\" height=\"\(Self.rowHeight.fixed)\" fill=\"#f6f8fa\"/>\n"
      }
      let baseline = top + 14.5
      text +=
        "<rect x=\"6\" y=\"\((top + 4).fixed)\" width=\"26\" height=\"13\" rx=\"2\" fill=\"\(part.category.color)\"/>\n"
        + "<text x=\"19\" y=\"\((baseline - 0.5).fixed)\" text-anchor=\"middle\" font-size=\"10\" font-weight=\"600\" "
        + "fill=\"\(part.category.ink)\">\(index + 1)</text>\n"
      let values = [
        part.label.shortened(to: 66), "\(part.offset)", ByteText.decimal(part.length), "",
        part.entropy.hundredths, part.isZero ? "zeros" : part.signedText,
      ]
      for (value, column) in zip(values, Self.columns) { text += cell(value, column, baseline) }
      let bar = part.weight / largest * 76
      text +=
        "<rect x=\"736\" y=\"\((top + 7).fixed)\" width=\"\(bar.fixed)\" height=\"7\" fill=\"\(part.category.color)\"/>\n"
    }
    return text + legend
  }

  private func cell(_ value: String, _ column: (x: Double, title: String, isNumber: Bool), _ y: Double)
    -> String
  {
    guard !value.isEmpty else { return "" }
    let anchor = column.isNumber ? " text-anchor=\"end\"" : ""
    return "<text x=\"\(column.x.fixed)\" y=\"\(y.fixed)\"\(anchor)>\(value.markupEscaped)</text>\n"
  }

  private var legend: String {
    let present = MapPart.Category.allCases.filter { category in parts.contains { $0.category == category } }
    let y = Self.rowTop + Double(parts.count) * Self.rowHeight + 14
    var x = 6.0
    var text = ""
    for category in present {
      text +=
        "<rect x=\"\(x.fixed)\" y=\"\(y.fixed)\" width=\"10\" height=\"10\" fill=\"\(category.color)\"/>\n"
        + "<text x=\"\((x + 14).fixed)\" y=\"\((y + 9).fixed)\" font-size=\"11\" fill=\"#59636e\">"
        + "\(category.rawValue)</text>\n"
      x += 26 + Double(category.rawValue.utf8.count) * 6
    }
    return text
  }
}

extension MapPart.Category {
  /// The background of the part.
  fileprivate var color: String {
    switch self {
    case .header: "#57606a"
    case .table: "#a8b3bf"
    case .partition: "#2f6fb2"
    case .encrypted: "#7a4fa3"
    case .signature: "#2e8555"
    case .object: "#7fb4d9"
    case .padding: "#dfe4e9"
    case .unclaimed: "#e0a030"
    case .several: "#c4c0b4"
    }
  }

  /// A text colour that is readable on that background.
  fileprivate var ink: String {
    switch self {
    case .header, .partition, .encrypted, .signature: "#ffffff"
    default: "#1f2328"
    }
  }
}

extension MapPart {
  /// The word in the column "signed".
  fileprivate var signedText: String {
    switch coverage {
    case .unknown: "unknown"
    case .none: "no"
    case .broken: "BAD"
    case .claimed: isPartlyUncovered ? "claimed, part" : "claimed"
    case .validated: isPartlyUncovered ? "in part" : "yes"
    }
  }
}

extension Double {
  /// With one decimal, which is enough for coordinates.
  fileprivate var fixed: String {
    let tenths = Int64((self * 10).rounded())
    return tenths % 10 == 0
      ? "\(tenths / 10)" : "\(tenths < 0 ? "-" : "")\(abs(tenths) / 10).\(abs(tenths) % 10)"
  }

  /// With two decimals.
  var hundredths: String {
    let value = Int64((self * 100).rounded())
    return "\(value / 100).\(value / 10 % 10)\(value % 10)"
  }
}

extension String {
  /// The text for an element or an attribute of XML or HTML. Characters that neither allows have to be
  /// escaped first (`escapedText`).
  package var markupEscaped: String {
    var text = ""
    for scalar in unicodeScalars {
      switch scalar {
      case "&": text += "&amp;"
      case "<": text += "&lt;"
      case ">": text += "&gt;"
      case "\"": text += "&quot;"
      case "'": text += "&#39;"
      default: text.unicodeScalars.append(scalar)
      }
    }
    return text
  }

  /// The text, with its end cut off if it is longer than a number of characters.
  fileprivate func shortened(to count: Int) -> String {
    self.count <= count ? self : prefix(count - 1) + "…"
  }
}
