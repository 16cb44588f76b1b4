import Bytes
import SIF

/// The bytes of an image's file that are neither covered by valid signatures nor follow from covered ones
/// (spec/signatures.md, "Strict verification").
struct StrictCoverage {
  private let image: Image
  /// The ranges, in the order of the file, with times: nothing determines those.
  private(set) var ranges: [UncoveredRange] = []
  /// The reasons why the image is not accepted: a sentence for each range except times.
  private(set) var reasons: [String] = []
  /// The errors that a check of the image's structure finds.
  let structuralErrors: [SIFError]

  /// - Parameters:
  ///   - covered: the ids of objects that a valid signature covers, ascending.
  ///   - isHeaderCovered: whether a valid signature covers the header.
  init(_ verifier: ImageVerifier, covered: [UInt32], isHeaderCovered: Bool) throws(IntegrityError) {
    image = verifier.image
    structuralErrors = try Self.structuralErrors(of: image)
    addHeader(isHeaderCovered)
    let places = Self.expectedPlaces(of: image)
    var indices: [Int: Int] = [:]
    for (index, signature) in verifier.signatures.enumerated() { indices[signature.slot] = index }
    for descriptor in image.descriptors {
      if let index = indices[descriptor.slot] {
        addSignature(descriptor, verifier.results[index], verifier.areCanonical[index], places)
      } else {
        addObject(descriptor, covered.containsSorted(descriptor.id) && isHeaderCovered, places)
      }
    }
    for gap in image.gaps {
      // Room between structures must be zero; after the last one there must be none.
      let isEmpty = try reading { () throws(SIFError) in try image.isZero(gap) }
      if gap.kind == .afterData {
        add(gap, "nothing accounts for the \(gap.size) bytes at byte \(gap.offset), after the data")
      } else if !isEmpty {
        add(gap, "\(gap.size) unsigned bytes at byte \(gap.offset) are not all zero (\(gap.what))")
      }
    }
    ranges.sort { ($0.offset, $0.size) < ($1.offset, $1.size) }
  }

  /// The errors in the structure of the image. Signers vouch for the contents of objects, so those are left out.
  private static func structuralErrors(of image: Image) throws(IntegrityError) -> [SIFError] {
    let check = try reading { () throws(SIFError) in try ImageCheck(of: image.storage) }
    let contents: [Finding.Code] = [
      .contentMismatch, .contentTruncated, .contentUnreadable, .digestMismatch,
    ]
    return check.findings.filter { $0.severity == .error && !contents.contains($0.code) }.map {
      SIFError(.malformed, $0.sentence, offset: $0.offset, objectID: $0.objectID)
    }
  }

  private mutating func add(_ range: UncoveredRange, _ reason: String?) {
    ranges.append(range)
    if let reason { reasons.append(reason) }
  }

  /// Adds a field as uncovered unless it has the value that follows from covered bytes.
  private mutating func require(
    _ isDerived: Bool, _ field: StructureField, of structure: String, at position: Int64
  ) {
    guard !isDerived else { return }
    let range = UncoveredRange(field, of: structure, at: position)
    add(
      range,
      "\(range.size) unsigned bytes at byte \(range.offset) are not what they must be (\(range.what))")
  }

  private mutating func addTime(_ field: StructureField, of structure: String, at position: Int64) {
    add(UncoveredRange(field, of: structure, at: position), nil)
  }

  // MARK: Header

  private mutating func addHeader(_ isCovered: Bool) {
    guard isCovered else {
      add(
        UncoveredRange(offset: 0, size: Int64(Header.byteCount), what: "header"), "the header is not signed")
      return
    }
    let (header, table) = (image.header, image.table)
    func require(_ isDerived: Bool, _ field: StructureField) {
      self.require(isDerived, field, of: "header", at: 0)
    }
    require(image.headerArchitectures.contains(header.architecture), Header.Fields.architecture)
    addTime(Header.Fields.createdAt, of: "header", at: 0)
    addTime(Header.Fields.modifiedAt, of: "header", at: 0)
    let free = table.capacity - Int64(image.descriptors.count)
    require(header.descriptorsFree == free, Header.Fields.descriptorsFree)
    // The table's offset follows from the places of its descriptors (``addFields``), and its length from the room after
    // it: growing adds at most one block more than it needs.
    let room = header.dataOffset &- table.end
    require((0..<4096).contains(room), Header.Fields.descriptorsTotal)
    let isBehindHeader = table.offset >= Int64(Header.byteCount)
    require(isBehindHeader && !image.descriptors.isEmpty, Header.Fields.descriptorsOffset)
    require(header.descriptorsSize == table.end - table.offset, Header.Fields.descriptorsSize)
    let end = image.descriptors.compactMap(\.end).max() ?? header.dataOffset
    require((0..<4096).contains(room), Header.Fields.dataOffset)
    require(header.dataSize == end &- header.dataOffset, Header.Fields.dataSize)
  }

  // MARK: Descriptors

  /// The size with padding of each object that follows from its place, by slots: objects lie one after the other.
  private static func expectedPlaces(of image: Image) -> [Int: Int64] {
    var places: [Int: Int64] = [:]
    var previous = image.header.dataOffset
    func end(_ descriptor: Descriptor) -> Int64 { descriptor.end ?? descriptor.offset }
    let ordered = image.descriptors.sorted {
      ($0.offset, end($0), $0.slot) < ($1.offset, end($1), $1.slot)
    }
    for descriptor in ordered {
      let (gap, isBefore) = descriptor.offset.subtractingReportingOverflow(previous)
      let (size, overflow) = gap.addingReportingOverflow(descriptor.size)
      if gap >= 0, !isBefore, !overflow { places[descriptor.slot] = size }
      previous = max(previous, end(descriptor))
    }
    return places
  }

  /// Checks the fields that have the same rules for signed objects and signatures.
  private mutating func addFields(
    _ descriptor: Descriptor, group: UInt32?, _ places: [Int: Int64]
  ) {
    let position = image.table.position(ofSlot: descriptor.slot)
    let name = "descriptor of object \(descriptor.id)"
    require(descriptor.used == 1, Descriptor.Fields.used, of: name, at: position)
    require(Int64(descriptor.id) == Int64(descriptor.slot) + 1, Descriptor.Fields.id, of: name, at: position)
    require(
      descriptor.groupField == (group ?? 0) | Descriptor.groupMask, Descriptor.Fields.group, of: name,
      at: position)
    let isPlaced =
      places[descriptor.slot] == descriptor.sizeWithPadding && descriptor.offset <= image.fileSize
    require(isPlaced, Descriptor.Fields.offset, of: name, at: position)
    require(isPlaced, Descriptor.Fields.sizeWithPadding, of: name, at: position)
  }

  private mutating func addObject(_ descriptor: Descriptor, _ isCovered: Bool, _ places: [Int: Int64]) {
    guard isCovered, let group = descriptor.group else {
      return addWhole(descriptor, "object", "object \(descriptor.id) is not signed")
    }
    addFields(descriptor, group: group, places)
    addTime(
      Descriptor.Fields.modifiedAt, of: "descriptor of object \(descriptor.id)",
      at: image.table.position(ofSlot: descriptor.slot))
  }

  /// A valid signature proves its own bytes, and they determine its descriptor.
  private mutating func addSignature(
    _ descriptor: Descriptor, _ result: SignatureResult, _ isCanonical: Bool, _ places: [Int: Int64]
  ) {
    guard result.isValid, let group = result.group else {
      return addWhole(
        descriptor, "signature",
        result.isConsidered
          ? "signature \(descriptor.id) is not valid"
          : "signature \(descriptor.id) belongs to nothing that was verified")
    }
    let position = image.table.position(ofSlot: descriptor.slot)
    let name = "descriptor of object \(descriptor.id)"
    addFields(descriptor, group: nil, places)
    require(
      descriptor.linkField == group | Descriptor.groupMask, Descriptor.Fields.link, of: name, at: position)
    addTime(Descriptor.Fields.createdAt, of: name, at: position)
    require(
      descriptor.modifiedAt == descriptor.createdAt, Descriptor.Fields.modifiedAt, of: name, at: position)
    require(descriptor.uid == 0, Descriptor.Fields.uid, of: name, at: position)
    require(descriptor.gid == 0, Descriptor.Fields.gid, of: name, at: position)
    require(descriptor.name.isEmpty, Descriptor.Fields.name, of: name, at: position)
    let expected = result.validSigners.compactMap { signer in
      signer.hash.map { Metadata.signature(SignatureMetadata(hash: $0, entity: signer.entity ?? [])).encoded }
    }
    require(
      expected.contains(descriptor.extra), Descriptor.Fields.extra, of: name, at: position)
    if !isCanonical || result.validSigners.count != result.signers.count {
      add(
        UncoveredRange(
          offset: descriptor.offset, size: descriptor.size, what: "signature \(descriptor.id)"),
        "signature \(descriptor.id) has bytes that it does not cover itself")
    }
  }

  private mutating func addWhole(_ descriptor: Descriptor, _ kind: String, _ reason: String) {
    let position = image.table.position(ofSlot: descriptor.slot)
    add(
      UncoveredRange(
        offset: position, size: Int64(Descriptor.byteCount),
        what: "descriptor of object \(descriptor.id)"), reason)
    guard descriptor.size > 0 else { return }
    add(
      UncoveredRange(
        offset: descriptor.offset, size: descriptor.size, what: "\(kind) \(descriptor.id)"), nil)
  }
}

extension Image {
  /// The architectures that the header may name: that of the primary partition, or none if there is no such partition
  /// or the format does not know its architecture.
  fileprivate var headerArchitectures: [Architecture] {
    guard case .partition(let partition)? = primarySystemPartition?.metadata else { return [.unknown] }
    return partition.architecture.number == nil
      ? [.unknown, partition.architecture] : [partition.architecture]
  }
}
