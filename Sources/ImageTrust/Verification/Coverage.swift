import Bytes
public import SIF

/// Which bytes of an image's file valid signatures do not cover.
struct Coverage {
  /// All of them, in the order of the file.
  let ranges: [UncoveredRange]

  /// - Parameters:
  ///   - covered: the ids of objects that a valid signature covers, ascending.
  ///   - isHeaderCovered: whether a valid signature covers the header.
  init(_ image: Image, covered: [UInt32], isHeaderCovered: Bool) {
    var fields: [UncoveredRange] = []
    if isHeaderCovered {
      fields.append(UncoveredRange(offset: 45, size: 3, what: "header: architecture"))
      fields.append(UncoveredRange(offset: 64, size: 64, what: "header: times and counters"))
    } else {
      fields.append(UncoveredRange(offset: 0, size: Int64(Header.byteCount), what: "header"))
    }
    for descriptor in image.descriptors {
      let isSigned = covered.containsSorted(descriptor.id) && descriptor.dataType != .signature
      let position = image.table.position(ofSlot: descriptor.slot)
      fields += Self.fields(of: descriptor, at: position, isSigned: isSigned && isHeaderCovered)
      guard let end = descriptor.end, descriptor.size > 0, !isSigned else { continue }
      let present = min(end, image.fileSize) - min(descriptor.offset, image.fileSize)
      guard present > 0 else { continue }
      let kind = descriptor.dataType == .signature ? "signature" : "object"
      fields.append(
        UncoveredRange(offset: descriptor.offset, size: present, what: "\(kind) \(descriptor.id)"))
    }
    ranges = (fields + image.gaps).sorted { ($0.offset, $0.size) < ($1.offset, $1.size) }
  }

  /// The fields of a descriptor that signatures leave out; all of it where no signature covers the object.
  private static func fields(
    of descriptor: Descriptor, at position: Int64, isSigned: Bool
  ) -> [UncoveredRange] {
    let name = "descriptor of object \(descriptor.id)"
    guard isSigned else {
      return [UncoveredRange(offset: position, size: Int64(Descriptor.byteCount), what: name)]
    }
    // Used is covered but for its value; ids only as they are to one another within the group.
    return [
      (4, 5, "used, id"), (9, 4, "group"), (17, 8, "offset"), (33, 8, "size with padding"),
      (49, 8, "modified time"),
    ].map {
      UncoveredRange(offset: position + $0.0, size: $0.1, what: "\(name): \($0.2)")
    }
  }

}

extension Image {
  /// Bytes that no structure of the format accounts for, in the order of the file.
  var gaps: [UncoveredRange] {
    var known: [(start: Int64, end: Int64)] = [(0, Int64(Header.byteCount))]
    for descriptor in descriptors {
      let position = table.position(ofSlot: descriptor.slot)
      known.append((position, position + Int64(Descriptor.byteCount)))
      if let end = descriptor.end, descriptor.size > 0 { known.append((descriptor.offset, end)) }
    }
    var gaps: [UncoveredRange] = []
    func add(_ start: Int64, _ end: Int64, _ kind: UncoveredRange.Kind) {
      guard start < end else { return }
      gaps.append(UncoveredRange(offset: start, size: end - start, kind))
    }
    var position: Int64 = 0
    for (start, end) in known.sorted(by: { $0.start < $1.start }) + [(fileSize, fileSize)] {
      // The part of a gap that lies in the descriptor table has a name of its own.
      let (tableStart, tableEnd) = (max(position, table.offset), min(start, table.end))
      if tableStart < tableEnd {
        add(position, tableStart, .padding)
        add(tableStart, tableEnd, .unusedDescriptors)
        add(tableEnd, start, .padding)
      } else {
        add(position, start, start == fileSize ? .afterData : .padding)
      }
      position = max(position, end)
    }
    return gaps
  }

  /// Whether every byte of a range is zero; holes in the file are stepped over.
  func isZero(_ range: UncoveredRange) throws(SIFError) -> Bool {
    let end = range.offset + range.size
    var position = range.offset
    while position < end {
      guard let data = try storage.nextData(from: position), data < end else { return true }
      let count = Int(min(1 << 20, end - data))
      let bytes = try storage.read(count, at: data)
      guard bytes.span.bytes.isZero else { return false }
      guard !bytes.isEmpty else { return true }
      position = data + Int64(bytes.count)
    }
    return true
  }
}

extension Image {
  /// The bytes that no signature would cover, in the order of the file, if good signatures covered some objects.
  ///
  /// What a verification found covered is in ``VerificationReport/uncovered``; this is for telling what signatures
  /// claim without any key.
  ///
  /// - Parameter ids: the objects; with none of them the header is not covered either.
  public func uncoveredRanges(assumingSigned ids: Set<UInt32>) -> [UncoveredRange] {
    Coverage(self, covered: ids.sorted(), isHeaderCovered: !ids.isEmpty).ranges
  }
}
