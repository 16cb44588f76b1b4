import Bytes
import SIF

/// Which bytes of an image's file are neither covered by valid signatures nor follow from what is covered
/// (spec/signatures.md, "Strict verification").
struct StrictCoverage {
  private let image: Image
  /// All of them, in the order of the file. Times are among them: nothing says what they have to be.
  private(set) var ranges: [UncoveredRange] = []
  /// Why the image is not accepted: a sentence for each of the ranges but times.
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
      // Room between structures has to be zero; behind the last one there is no reason for any.
      let isEmpty = try reading { () throws(SIFError) in try image.isZero(gap) }
      if gap.kind == .afterData {
        add(gap, "nothing accounts for the \(gap.size) bytes at byte \(gap.offset), behind the data")
      } else if !isEmpty {
        add(gap, "\(gap.size) unsigned bytes at byte \(gap.offset) are not all zero (\(gap.what))")
      }
    }
    ranges.sort { ($0.offset, $0.size) < ($1.offset, $1.size) }
  }

  /// What an object's bytes are is for its signers to say; where everything lies is for the format.
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

  /// A field that has to have a certain value: uncovered where it has another.
  private mutating func require(_ isDerived: Bool, _ offset: Int64, _ size: Int64, _ what: String) {
    guard !isDerived else { return }
    add(
      UncoveredRange(offset: offset, size: size, what: what),
      "\(size) unsigned bytes at byte \(offset) are not what they have to be (\(what))")
  }

  private mutating func addTime(_ offset: Int64, _ what: String) {
    add(UncoveredRange(offset: offset, size: 8, what: what), nil)
  }

  // MARK: Header

  private mutating func addHeader(_ isCovered: Bool) {
    guard isCovered else {
      add(
        UncoveredRange(offset: 0, size: Int64(Header.byteCount), what: "header"), "the header is not signed")
      return
    }
    let (header, table) = (image.header, image.table)
    require(image.headerArchitectures.contains(header.architecture), 45, 3, "header: architecture")
    addTime(64, "header: created at")
    addTime(72, "header: modified at")
    let free = table.capacity - Int64(image.descriptors.count)
    require(header.descriptorsFree == free, 80, 8, "header: descriptors free")
    // The table's place shows in where its descriptors lie (``addFields``), its length in the room behind it:
    // growing makes at most one block more than it needs.
    let room = header.dataOffset &- table.end
    require((0..<4096).contains(room), 88, 8, "header: descriptors total")
    let isBehindHeader = table.offset >= Int64(Header.byteCount)
    require(isBehindHeader && !image.descriptors.isEmpty, 96, 8, "header: descriptors offset")
    require(header.descriptorsSize == table.end - table.offset, 104, 8, "header: descriptors size")
    let end = image.descriptors.compactMap(\.end).max() ?? header.dataOffset
    require((0..<4096).contains(room), 112, 8, "header: data offset")
    require(header.dataSize == end &- header.dataOffset, 120, 8, "header: data size")
  }

  // MARK: Descriptors

  /// The size with padding that each object has by its place, by slots: one lies behind the other.
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

  /// The fields that say the same of every object, signed or signature.
  private mutating func addFields(
    _ descriptor: Descriptor, group: UInt32?, _ places: [Int: Int64]
  ) {
    let position = image.table.position(ofSlot: descriptor.slot)
    let name = "descriptor of object \(descriptor.id)"
    require(descriptor.used == 1, position + 4, 1, "\(name): used")
    require(Int64(descriptor.id) == Int64(descriptor.slot) + 1, position + 5, 4, "\(name): id")
    require(
      descriptor.groupField == (group ?? 0) | Descriptor.groupMask, position + 9, 4, "\(name): group")
    let isPlaced =
      places[descriptor.slot] == descriptor.sizeWithPadding && descriptor.offset <= image.fileSize
    require(isPlaced, position + 17, 8, "\(name): offset")
    require(isPlaced, position + 33, 8, "\(name): size with padding")
  }

  private mutating func addObject(_ descriptor: Descriptor, _ isCovered: Bool, _ places: [Int: Int64]) {
    guard isCovered, let group = descriptor.group else {
      return addWhole(descriptor, "object", "object \(descriptor.id) is not signed")
    }
    addFields(descriptor, group: group, places)
    addTime(
      image.table.position(ofSlot: descriptor.slot) + Int64(Descriptor.modifiedAtFieldOffset),
      "descriptor of object \(descriptor.id): modified at")
  }

  /// A signature proves its own bytes and, with them, what its descriptor has to say.
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
    require(descriptor.linkField == group | Descriptor.groupMask, position + 13, 4, "\(name): link")
    addTime(position + 41, "\(name): created at")
    require(descriptor.modifiedAt == descriptor.createdAt, position + 49, 8, "\(name): modified at")
    require(descriptor.uid == 0, position + 57, 8, "\(name): uid")
    require(descriptor.gid == 0, position + 65, 8, "\(name): gid")
    require(descriptor.name.isEmpty, position + 73, Int64(Descriptor.nameByteCount), "\(name): name")
    let expected = result.validSigners.compactMap { signer in
      signer.hash.map { Metadata.signature(SignatureMetadata(hash: $0, entity: signer.entity ?? [])).encoded }
    }
    require(
      expected.contains(descriptor.extra), position + Int64(Descriptor.extraFieldOffset),
      Int64(Descriptor.extraByteCount), "\(name): extra")
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
  /// What the header may name as its architecture: that of the primary partition, or none where there is no such
  /// partition or none that the format knows.
  fileprivate var headerArchitectures: [Architecture] {
    guard case .partition(let partition)? = primarySystemPartition?.metadata else { return [.unknown] }
    return partition.architecture.number == nil
      ? [.unknown, partition.architecture] : [partition.architecture]
  }
}
