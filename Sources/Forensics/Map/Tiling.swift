import Bytes
import SIF

/// Cuts an image's file into regions, so that every byte is in exactly one (spec/forensics.md, "Map").
///
/// Bytes with several claims go first to the header, then to the descriptor table, then to the object that
/// begins first; among objects that begin together, to the one in the first slot.
struct Tiling {
  private let image: LenientImage
  private let fileSize: Int64
  /// The regions in the order of the file, without bytes between them.
  private(set) var regions: [MapRegion] = []
  private(set) var overlaps: [MapOverlap] = []
  private(set) var objects: [MappedObject] = []
  /// The bytes counted for each object, and those that it shares, by its index in `image.descriptors`.
  private var mapped: [Int64]
  private var shared: [Int64]

  /// The fields of a header, grouped as signatures treat them (spec/signatures.md, "61 bytes of the header").
  private static let headerFields: [(range: Range<Int64>, kind: MapRegion.Kind, what: String)] = {
    typealias Fields = Header.Fields
    func range(_ first: StructureField, _ last: StructureField) -> Range<Int64> { first.offset..<last.end }
    return [
      (range(Fields.launchScript, Fields.launchScript), .launchScript, Fields.launchScript.name),
      (range(Fields.magic, Fields.version), .header, "header: magic and version"),
      (range(Fields.architecture, Fields.architecture), .header, "header: \(Fields.architecture.name)"),
      (range(Fields.id, Fields.id), .header, "header: id"),
      (range(Fields.createdAt, Fields.dataSize), .header, "header: times and counters"),
    ]
  }()

  init(_ image: LenientImage) {
    self.image = image
    fileSize = image.fileSize
    mapped = Array(repeating: 0, count: image.descriptors.count)
    shared = mapped
    guard let header = image.header else {
      add(.unknown, 0..<fileSize, "not an image: no header was found")
      return
    }
    for (range, kind, what) in Self.headerFields { add(kind, range, what) }
    let headerEnd = Int64(Header.byteCount)
    let order = image.descriptors.indices.sorted {
      (image.descriptors[$0].offset, $0) < (image.descriptors[$1].offset, $1)
    }
    let table = image.table
    noteOverlaps(0..<headerEnd, "header")
    if table.isEmpty {
      addData(headerEnd..<fileSize, order, header)
    } else {
      noteOverlaps(max(table.lowerBound, headerEnd)..<max(table.upperBound, headerEnd), "descriptor table")
      addData(headerEnd..<max(table.lowerBound, headerEnd), order, header)
      addSlots(from: headerEnd)
      var rest = max(table.upperBound, headerEnd)
      if image.problems.contains(where: { $0.code == .truncated }), fileSize > rest {
        add(.partialSlot, rest..<fileSize, "the beginning of slot \(table.count / Descriptor.byteCount)")
        rest = fileSize
      }
      addData(rest..<fileSize, order, header)
    }
    objects = image.descriptors.enumerated().map { index, object in
      let present = Self.present(object, fileSize)
      return MappedObject(
        id: object.id, offset: object.offset, size: object.size, mapped: mapped[index],
        shared: shared[index], missing: max(object.size, 0) - Int64(present.count))
    }
  }

  /// The part of an object that is in the file; empty if its extent is not a valid range.
  private static func present(_ object: Descriptor, _ fileSize: Int64) -> Range<Int64> {
    guard let end = object.end, object.offset < fileSize else { return 0..<0 }
    return object.offset..<min(end, fileSize)
  }

  private mutating func add(
    _ kind: MapRegion.Kind, _ range: Range<Int64>, _ what: String, object: Descriptor? = nil,
    slot: Int? = nil,
    slots: Int = 0
  ) {
    guard !range.isEmpty else { return }
    regions.append(MapRegion(kind, range, what, object: object, slot: slot, slots: slots))
  }

  // MARK: Descriptor table

  private mutating func addSlots(from start: Int64) {
    let count = image.table.count / Descriptor.byteCount
    var next = 0
    var (used, unused) = (image.descriptors[...], image.remains[...])
    while let slot = [used.first?.slot, unused.first?.slot].compactMap(\.self).min() {
      addUnused(next..<slot, from: start)
      let place = range(slot..<slot + 1, from: start)
      if used.first?.slot == slot, let object = used.popFirst() {
        let what = "slot \(slot): descriptor of object \(object.id)"
        add(.descriptor, place, what, object: object, slot: slot, slots: 1)
      } else if let object = unused.popFirst() {
        let what = "slot \(slot): unused, but not zero: \(object.dataType.name)\(object.quotedName)"
        add(.descriptorRemains, place, what, object: object, slot: slot, slots: 1)
      }
      next = slot + 1
    }
    let told = min(image.firstUnreadSlot ?? count, count)
    addUnused(next..<max(told, next), from: start)
    if told < count {
      add(
        .unreadSlots, range(told..<count, from: start), "slots \(told)–\(count - 1): too many to tell apart",
        slot: told, slots: count - told)
    }
  }

  private mutating func addUnused(_ slots: Range<Int>, from start: Int64) {
    guard !slots.isEmpty else { return }
    let name =
      slots.count == 1 ? "slot \(slots.lowerBound)" : "slots \(slots.lowerBound)–\(slots.upperBound - 1)"
    add(
      .unusedSlots, range(slots, from: start), "\(name): unused", slot: slots.lowerBound, slots: slots.count)
  }

  /// The bytes of slots, without those inside the header if the table begins there.
  private func range(_ slots: Range<Int>, from start: Int64) -> Range<Int64> {
    let first = max(image.position(ofSlot: slots.lowerBound), start)
    return first..<max(image.position(ofSlot: slots.upperBound), first)
  }

  // MARK: Objects

  private mutating func noteOverlaps(_ range: Range<Int64>, _ name: String) {
    for (index, object) in image.descriptors.enumerated() {
      let both = Self.present(object, fileSize).clamped(to: range)
      note(both, index, name)
    }
  }

  private mutating func note(_ range: Range<Int64>, _ index: Int, _ name: String) {
    guard !range.isEmpty else { return }
    shared[index] += Int64(range.count)
    overlaps.append(
      MapOverlap(
        offset: range.lowerBound, length: Int64(range.count), objectID: image.descriptors[index].id,
        with: name))
  }

  /// Cuts a stretch of the file outside of header and table into objects, and the bytes between them.
  private mutating func addData(_ stretch: Range<Int64>, _ order: [Int], _ header: Header) {
    guard !stretch.isEmpty else { return }
    var reached = stretch.lowerBound
    var last: Int?
    for index in order {
      let object = image.descriptors[index]
      let part = Self.present(object, fileSize).clamped(to: stretch)
      guard !part.isEmpty else { continue }
      if part.lowerBound > reached { addBetween(reached..<part.lowerBound, last, object, header) }
      if let last, part.lowerBound < reached {
        note(
          part.lowerBound..<min(part.upperBound, reached), index, "object \(image.descriptors[last].id)")
      }
      let own = max(part.lowerBound, reached)..<max(part.upperBound, reached)
      guard !own.isEmpty else { continue }
      mapped[index] += Int64(own.count)
      let isWhole = Int64(own.count) == object.size
      add(
        .object, own,
        "object \(object.id): \(object.dataType.name)\(object.quotedName)\(isWhole ? "" : " (a part)")",
        object: object, slot: object.slot)
      reached = own.upperBound
      last = index
    }
    addBetween(reached..<stretch.upperBound, last, nil, header)
  }

  /// Names the bytes between two neighbours: room that layout or alignment explains, a gap, or trailing
  /// bytes.
  private mutating func addBetween(
    _ range: Range<Int64>, _ before: Int?, _ next: Descriptor?, _ header: Header
  ) {
    // Bytes up to the data offset belong to the layout, even if no object follows.
    let split = min(max(header.dataOffset, range.lowerBound), range.upperBound)
    let behind = before.map { "object \(image.descriptors[$0].id)" } ?? "the descriptor table"
    if range.upperBound < fileSize, next == nil {
      return before == nil
        ? add(.padding, range, "room before the descriptor table")
        : add(.gap, range, "gap between \(behind) and the descriptor table")
    }
    add(.padding, range.lowerBound..<split, "room before the data")
    let rest = split..<range.upperBound
    guard let next else { return add(.trailing, rest, "after \(behind)") }
    if next.accountsForPadding(Int64(rest.count), header) {
      add(.padding, rest, "padding before object \(next.id)")
    } else {
      add(.gap, rest, "gap between \(behind) and object \(next.id)")
    }
  }
}

extension Descriptor {
  /// The name in quotation marks after a comma, for lists of objects; empty if there is none.
  var quotedName: String { name.isEmpty ? "" : ", \"\(name.escapedText)\"" }
}
