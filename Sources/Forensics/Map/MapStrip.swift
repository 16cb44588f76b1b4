import SIF

extension ImageMap {
  /// The most characters of a strip.
  public static let widestStrip = 4096

  /// Two lines for a terminal: the file to scale, and every part with a width that grows with the logarithm
  /// of its length, so that small parts are visible too; and a line that explains the signs. Empty for an
  /// empty file.
  ///
  /// - Parameter width: in characters, at most ``widestStrip``.
  public func strip(width: Int = 76) -> [String] {
    let width = min(width, Self.widestStrip)
    let parts = parts(limit: max(width / 3, 2))
    guard fileSize > 0, width > 0 else { return [] }
    let scaled = (0..<width).map { column -> Character in
      // The part in the middle of the column's bytes.
      let position = Int64((Double(column) + 0.5) / Double(width) * Double(fileSize))
      return parts.last { $0.offset <= position }?.sign ?? " "
    }
    let weights = parts.map(\.weight)
    let total = weights.reduce(0, +)
    var parted: [Character] = []
    var done = 0.0
    for (part, weight) in zip(parts, weights) {
      let start = parted.count
      done += weight
      let end = max(Int((done / total * Double(width)).rounded()), start + 1)
      parted += repeatElement(part.sign, count: end - start)
    }
    var signs: [String] = []
    for part in parts {
      let meaning = "\(part.sign) \(part.category.rawValue)"
      if !signs.contains(meaning) { signs.append(meaning) }
    }
    return [
      "to scale   \(String(scaled))", "each part  \(String(parted))",
      "           \(signs.joined(separator: "  "))",
    ]
  }
}

extension MapPart {
  /// The relative width of a part if all are to be visible: the logarithm of its length.
  var weight: Double {
    var (weight, rest) = (2.0, length)
    while rest > 1 {
      weight += 1
      rest >>= 1
    }
    return weight
  }

  fileprivate var sign: Character {
    switch category {
    case .header: "H"
    case .table: "T"
    case .partition: "P"
    case .encrypted: "E"
    case .signature: "S"
    case .object: "o"
    case .padding: "."
    case .unclaimed: isZero ? "-" : "?"
    case .several: "+"
    }
  }
}
