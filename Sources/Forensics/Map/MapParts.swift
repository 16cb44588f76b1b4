import SIF

/// A part of an image as people see it: neighbouring regions that belong together, for drawings.
public struct MapPart: Sendable {
  /// The kinds of parts that a drawing distinguishes.
  public enum Category: String, Sendable, CaseIterable {
    /// The global header.
    case header
    /// The descriptor table.
    case table = "descriptor table"
    /// A partition.
    case partition
    /// An encrypted partition.
    case encrypted = "encrypted partition"
    /// A signature.
    case signature
    /// Any other object.
    case object = "other object"
    /// Padding, and room that the layout explains.
    case padding
    /// Bytes outside of all objects.
    case unclaimed = "gap or trailing bytes"
    /// Several small parts that a drawing has no room for.
    case several = "several small parts"
  }

  /// The kind of part.
  public fileprivate(set) var category: Category
  /// The part in words; bytes of the image are escaped.
  public fileprivate(set) var label: String
  /// The offset of the part in the file.
  public let offset: Int64
  /// The length of the part in bytes.
  public fileprivate(set) var length: Int64
  /// The mean entropy of its regions, in bits per byte.
  public fileprivate(set) var entropy: Double
  /// The coverage of its best signed region.
  public fileprivate(set) var coverage: RegionCoverage.State
  /// Whether signatures leave any of its bytes out.
  public fileprivate(set) var isPartlyUncovered: Bool
  /// Whether all its bytes are zero.
  public fileprivate(set) var isZero: Bool

  fileprivate init(_ region: MapRegion, _ category: Category, _ label: String) {
    self.category = category
    self.label = label
    offset = region.offset
    length = region.length
    entropy = region.measure.entropy
    coverage = region.coverage.state
    isPartlyUncovered = region.coverage.uncoveredBytes > 0
    isZero = region.measure.isZero
  }

  fileprivate mutating func absorb(_ other: MapPart) {
    let total = length + other.length
    entropy = (entropy * Double(length) + other.entropy * Double(other.length)) / Double(max(total, 1))
    length = total
    if coverage == .none || other.coverage == .broken { coverage = other.coverage }
    isPartlyUncovered = isPartlyUncovered || other.isPartlyUncovered
    isZero = isZero && other.isZero
  }
}

extension ImageMap {
  /// The parts of the image in the order of the file; neighbours are merged if there are more than `limit`.
  public func parts(limit: Int = 40) -> [MapPart] {
    var parts: [MapPart] = []
    var (used, unused, remains) = (0, 0, 0)
    for region in regions {
      let (category, label) = Self.description(of: region)
      switch region.kind {
      case .descriptor: used += 1
      case .unusedSlots: unused += region.slotCount
      case .descriptorRemains: remains += 1
      default: break
      }
      let part = MapPart(region, category, label)
      if let last = parts.last, last.category == category, [.header, .table].contains(category) {
        parts[parts.count - 1].absorb(part)
      } else {
        parts.append(part)
      }
    }
    if let table = parts.firstIndex(where: { $0.category == .table }) {
      parts[table].label =
        "descriptor table: \(used) used, \(unused + remains) free"
        + (remains == 0 ? "" : ", \(remains) not zero")
    }
    return Self.merged(parts, limit: max(limit, 2))
  }

  private static func description(of region: MapRegion) -> (MapPart.Category, String) {
    switch region.kind {
    case .launchScript, .header: (.header, "header")
    case .descriptor, .descriptorRemains, .unusedSlots, .unreadSlots, .partialSlot:
      (.table, "descriptor table")
    case .padding: (.padding, region.what)
    case .gap, .trailing, .unknown: (.unclaimed, region.what)
    case .object:
      switch region.dataType {
      case .partition?:
        (region.measure.content == .luks || region.isDeclaredEncrypted ? .encrypted : .partition, region.what)
      case .signature?: (.signature, region.what)
      default: (.object, region.what)
      }
    }
  }

  /// Keeps the largest parts, and merges those between them.
  private static func merged(_ parts: [MapPart], limit: Int) -> [MapPart] {
    guard parts.count > limit else { return parts }
    // Each kept part may have a merged one before and after it.
    let kept = Set(
      parts.indices.sorted { (parts[$0].length, $1) > (parts[$1].length, $0) }.prefix((limit - 1) / 2))
    var result: [MapPart] = []
    var count = 0
    for (index, part) in parts.enumerated() {
      if !kept.contains(index), count > 0 {
        result[result.count - 1].absorb(part)
        count += 1
        result[result.count - 1].category = .several
        result[result.count - 1].label = "\(count) small parts"
      } else {
        result.append(part)
        count = kept.contains(index) ? 0 : 1
      }
    }
    return result
  }
}
