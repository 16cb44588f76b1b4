import Bytes
public import SIF

/// The bytes of an image's file that no valid signature covers.
struct Coverage {
  /// The ranges, in the order of the file.
  let ranges: [UncoveredRange]

  /// - Parameters:
  ///   - covered: the ids of objects that a valid signature covers, ascending.
  ///   - isHeaderCovered: whether a valid signature covers the header.
  init(_ image: Image, covered: [UInt32], isHeaderCovered: Bool) {
    var fields: [UncoveredRange] = []
    if isHeaderCovered {
      fields.append(UncoveredRange(Header.Fields.architecture, of: "header", at: 0))
      let (first, last) = (Header.Fields.createdAt, Header.Fields.dataSize)
      fields.append(
        UncoveredRange(
          offset: first.offset, size: last.end - first.offset, what: "header: times and counters"))
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

  /// The fields of a descriptor that signatures leave out; the whole descriptor if no signature covers the object.
  private static func fields(
    of descriptor: Descriptor, at position: Int64, isSigned: Bool
  ) -> [UncoveredRange] {
    let name = "descriptor of object \(descriptor.id)"
    guard isSigned else {
      return [UncoveredRange(offset: position, size: Int64(Descriptor.byteCount), what: name)]
    }
    // Metadata covers that the field Used is set but not its value, and ids only relative to others in the group.
    let (used, id, modified) = (Descriptor.Fields.used, Descriptor.Fields.id, Descriptor.Fields.modifiedAt)
    return [
      UncoveredRange(
        offset: position + used.offset, size: id.end - used.offset, what: "\(name): \(used.name), \(id.name)"),
      UncoveredRange(Descriptor.Fields.group, of: name, at: position),
      UncoveredRange(Descriptor.Fields.offset, of: name, at: position),
      UncoveredRange(Descriptor.Fields.sizeWithPadding, of: name, at: position),
      // Scripts rely on this name.
      UncoveredRange(
        offset: position + modified.offset, size: modified.byteCount, what: "\(name): modified time"),
    ]
  }
}

extension UncoveredRange {
  /// A field of a structure at a position.
  init(_ field: StructureField, of structure: String, at position: Int64) {
    self.init(
      offset: position + field.offset, size: field.byteCount, what: "\(structure): \(field.name)")
  }
}

extension Image {
  /// The bytes that belong to no structure of the format, in the order of the file.
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

  /// Whether every byte of a range is zero; holes in the file are skipped.
  func isZero(_ range: UncoveredRange) throws(SIFError) -> Bool {
    let end = range.offset + range.size
    var position = range.offset
    while position < end {
      guard let data = try accessing(try storage.nextData(from: position)), data < end else { return true }
      let count = Int(min(1 << 20, end - data))
      let bytes = try accessing(try storage.read(count, at: data))
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
  /// The results of a verification are in ``VerificationReport/uncovered``; this shows the claims of signatures, which
  /// needs no key.
  ///
  /// - Parameter ids: the objects; if there are none, the header is not covered either.
  public func uncoveredRanges(assumingSigned ids: Set<UInt32>) -> [UncoveredRange] {
    Coverage(self, covered: ids.sorted(), isHeaderCovered: !ids.isEmpty).ranges
  }
}
