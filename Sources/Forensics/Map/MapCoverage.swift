import ImageTrust
import SIF

/// The signatures that cover each region: those that were verified, or else those that claim to.
struct MapCoverage {
  private let state: RegionCoverage.State
  /// The signatures over each object, ascending.
  private var signatures: [UInt32: [UInt32]] = [:]
  private var headerSignatures: [UInt32] = []
  /// The signatures that are linked to each object but do not match it, ascending.
  private var broken: [UInt32: [UInt32]] = [:]
  private var brokenHeaderSignatures: [UInt32] = []
  /// Disjoint, in the order of the file.
  private var uncovered: [Range<Int64>]

  /// The most signatures that are named for one region.
  private static let mostNamed = 32

  init(_ image: Image, _ verification: VerificationReport?) {
    state = verification == nil ? .claimed : .validated
    let ranges: [UncoveredRange]
    uncovered = []
    if let verification {
      for result in verification.signatures where result.isConsidered {
        for id in result.objects { signatures[id, default: []].append(result.id) }
        if !result.objects.isEmpty { headerSignatures.append(result.id) }
      }
      noteBroken(image, verification)
      ranges = verification.uncovered
    } else {
      (signatures, headerSignatures) = Self.claims(of: image)
      ranges = image.uncoveredRanges(assumingSigned: Set(signatures.keys))
    }
    uncovered = Self.merged(ranges)
  }

  /// Notes the objects and header that signatures should cover but do not, since one of the two was altered.
  private mutating func noteBroken(_ image: Image, _ verification: VerificationReport) {
    var wholly: Set<UInt32> = []
    for result in verification.signatures where result.isConsidered {
      for id in result.altered { broken[id, default: []].append(result.id) }
      // A damaged signature does not tell what it covered, so everything that it is linked to counts.
      let isDamaged = result.faults.contains { $0.kind == .damage }
      if isDamaged, result.altered.isEmpty, result.objects.isEmpty { wholly.insert(result.id) }
    }
    guard !wholly.isEmpty else { return }
    let (claims, headerClaims) = Self.claims(of: image)
    for (id, signatures) in claims { broken[id, default: []] += signatures.filter(wholly.contains) }
    brokenHeaderSignatures = headerClaims.filter(wholly.contains)
  }

  /// The objects that signatures claim to cover: those that they are linked to.
  private static func claims(of image: Image) -> ([UInt32: [UInt32]], [UInt32]) {
    var byGroup: [UInt32: [UInt32]] = [:]
    var byObject: [UInt32: [UInt32]] = [:]
    for signature in image.objects(ofType: .signature) {
      switch signature.link {
      case .group(let group): byGroup[group, default: []].append(signature.id)
      case .object(let id): byObject[id, default: []].append(signature.id)
      case nil: break
      }
    }
    let header = named(byGroup.values.flatMap(\.self) + byObject.values.flatMap(\.self))
    // Keep no more than can be named: many objects may have many signatures in common.
    byGroup = byGroup.mapValues(named)
    byObject = byObject.mapValues(named)
    var claims: [UInt32: [UInt32]] = [:]
    for object in image.descriptors where object.dataType != .signature {
      let all = (object.group.flatMap { byGroup[$0] } ?? []) + (byObject[object.id] ?? [])
      if !all.isEmpty { claims[object.id] = Self.named(all) }
    }
    return (claims, header)
  }

  private static func named(_ ids: [UInt32]) -> [UInt32] { Array(Set(ids).sorted().prefix(mostNamed)) }

  private static func merged(_ ranges: [UncoveredRange]) -> [Range<Int64>] {
    var result: [Range<Int64>] = []
    for range in ranges where range.size > 0 {
      let (end, overflow) = range.offset.addingReportingOverflow(range.size)
      let part = range.offset..<(overflow ? Int64.max : end)
      if let last = result.last, part.lowerBound <= last.upperBound {
        result[result.count - 1] = last.lowerBound..<max(last.upperBound, part.upperBound)
      } else {
        result.append(part)
      }
    }
    return result
  }

  /// Sets the coverage of the regions, which are in the order of the file.
  func apply(to regions: inout [MapRegion]) {
    var first = 0
    for index in regions.indices {
      let region = regions[index].offset..<regions[index].end
      while first < uncovered.count, uncovered[first].upperBound <= region.lowerBound { first += 1 }
      var missing: Int64 = 0
      var next = first
      while next < uncovered.count, uncovered[next].lowerBound < region.upperBound {
        missing += Int64(uncovered[next].clamped(to: region).count)
        next += 1
      }
      let ids = covering(regions[index], signatures, headerSignatures)
      let brokenIDs = covering(regions[index], broken, brokenHeaderSignatures)
      let isCovered = missing < regions[index].length && !ids.isEmpty
      regions[index].coverage = RegionCoverage(
        state: isCovered ? state : brokenIDs.isEmpty ? .none : .broken,
        signatures: Self.named(isCovered ? ids : brokenIDs),
        uncoveredBytes: isCovered ? missing : regions[index].length)
    }
  }

  private func covering(
    _ region: MapRegion, _ byObject: [UInt32: [UInt32]], _ header: [UInt32]
  ) -> [UInt32] {
    switch region.kind {
    case .launchScript, .header: header
    case .object, .descriptor: region.objectID.flatMap { byObject[$0] } ?? []
    default: []
    }
  }
}
