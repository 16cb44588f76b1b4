import Bytes
import Glibc
public import StrictJSON

/// One respect in which two images differ.
public enum ImageDifference: Hashable, Sendable {
  /// The lengths of the files, in bytes.
  case fileSize(first: Int64, second: Int64)
  /// A field of the headers, named as in the JSON listings, with its values as text.
  case headerField(String, first: String, second: String)
  /// Only the first image has the object; with its type.
  case onlyInFirst(object: UInt32, DataType)
  /// Only the second image has the object; with its type.
  case onlyInSecond(object: UInt32, DataType)
  /// A field of the object's descriptors, named as in the JSON listings, with its values as text.
  case objectField(object: UInt32, String, first: String, second: String)
  /// The bytes of the object. The offset of the first one that differs counts from the start of the object.
  case contents(object: UInt32, offset: Int64)
  /// The object's bytes cannot be compared, since a file ends before the object does; says which file has all of them.
  case truncation(object: UInt32, isFirstWhole: Bool, isSecondWhole: Bool)
  /// The bytes that belong to no object: unused slots, padding, gaps, and what follows the last object. The offset of
  /// the first one that differs counts from the start of the file.
  case unclaimedBytes(offset: Int64)

  /// The object concerned; nil for the header and the file.
  public var objectID: UInt32? {
    switch self {
    case .onlyInFirst(let id, _), .onlyInSecond(let id, _), .objectField(let id, _, _, _),
      .contents(let id, _),
      .truncation(let id, _, _):
      id
    case .fileSize, .headerField, .unclaimedBytes: nil
    }
  }
}

extension ImageDifference: CustomStringConvertible {
  /// One line, as `siftool diff` prints it.
  public var description: String {
    switch self {
    case .fileSize(let first, let second): "file  fileSize  \(first) | \(second)"
    case .headerField(let field, let first, let second): "header  \(field)  \(first) | \(second)"
    case .onlyInFirst(let id, let type): "object \(id)  only in the first image (\(type.name))"
    case .onlyInSecond(let id, let type): "object \(id)  only in the second image (\(type.name))"
    case .objectField(let id, let field, let first, let second):
      "object \(id)  \(field)  \(first) | \(second)"
    case .contents(let id, let offset): "object \(id)  bytes  differ first at byte \(offset) of the object"
    case .truncation(let id, let first, let second):
      "object \(id)  bytes  \(Self.word(first)) | \(Self.word(second))"
    case .unclaimedBytes(let offset):
      "file  the bytes that belong to no object differ first at byte \(offset)"
    }
  }

  private static func word(_ isWhole: Bool) -> String { isWhole ? "whole" : "truncated" }

  /// An element of the member `differences` of `siftool diff --json` (spec/json/diff.schema.json).
  public var json: JSONValue {
    func members(
      _ field: String, _ first: String? = nil, _ second: String? = nil, offset: Int64? = nil
    ) -> JSONValue {
      [
        "field": .string(field), "object": objectID.map { .integer(Int64($0)) } ?? .null,
        "first": first.map { .string($0) } ?? .null, "second": second.map { .string($0) } ?? .null,
        "offset": offset.map { .integer($0) } ?? .null,
      ]
    }
    return switch self {
    case .fileSize(let first, let second): members("fileSize", "\(first)", "\(second)")
    case .headerField(let field, let first, let second): members(field, first, second)
    case .onlyInFirst(_, let type): members("object", type.name)
    case .onlyInSecond(_, let type): members("object", nil, type.name)
    case .objectField(_, let field, let first, let second): members(field, first, second)
    case .contents(_, let offset): members("bytes", offset: offset)
    case .truncation(_, let first, let second): members("bytes", Self.word(first), Self.word(second))
    case .unclaimedBytes(let offset): members("unclaimedBytes", offset: offset)
    }
  }
}

extension Image {
  /// All differences from another image: the file's length, header fields, each object's fields and bytes, by
  /// id, and the bytes that belong to no object: unused slots, padding, gaps, and what follows the last object.
  ///
  /// Without any, the files are the same, byte for byte.
  ///
  /// - Throws: ``SIFError`` if a file cannot be read, and ``SIFError/Code/limitExceeded`` if so many objects
  ///   share bytes that these would have to be read over and over. A truncated object is a difference, not an
  ///   error; if files of one length lack its end, the bytes that they have are compared.
  public func differences(from other: Image) throws(SIFError) -> [ImageDifference] {
    var result: [ImageDifference] = []
    if fileSize != other.fileSize { result.append(.fileSize(first: fileSize, second: other.fileSize)) }
    result += Self.changes(header.fields, other.header.fields).map {
      .headerField($0, first: $1, second: $2)
    }
    var pairs = PairsOfBytes(left: fileSize, right: other.fileSize)
    let mine = Dictionary(grouping: descriptors, by: \.id)
    let theirs = Dictionary(grouping: other.descriptors, by: \.id)
    for id in Set(mine.keys).union(theirs.keys).sorted() {
      let left = mine[id] ?? []
      let right = theirs[id] ?? []
      for (a, b) in zip(left, right) {
        result += Self.changes(a.fields, b.fields).map {
          .objectField(object: id, $0, first: $1, second: $2)
        }
        if let difference = try difference(of: a, from: b, in: other, &pairs) { result.append(difference) }
      }
      result += left.dropFirst(right.count).map { .onlyInFirst(object: id, $0.dataType) }
      result += right.dropFirst(left.count).map { .onlyInSecond(object: id, $0.dataType) }
    }
    if let offset = try firstDifferenceOutside(objectsOf: other) {
      result.append(.unclaimedBytes(offset: offset))
    }
    return result
  }

  /// The difference between the bytes of two objects of one id.
  private func difference(
    of a: Descriptor, from b: Descriptor, in other: Image, _ pairs: inout PairsOfBytes
  ) throws(SIFError) -> ImageDifference? {
    let (left, right) = (try? bytes(of: a), try? other.bytes(of: b))
    // If both files end at the same byte, only their present bytes can differ.
    if (left != nil) != (right != nil) || left == nil && fileSize != other.fileSize {
      return .truncation(object: a.id, isFirstWhole: left != nil, isSecondWhole: right != nil)
    }
    guard let left = left ?? presentBytes(of: a), let right = right ?? other.presentBytes(of: b),
      let offset = try pairs.firstDifference(left, right, object: a.id)
    else { return nil }
    return .contents(object: a.id, offset: offset)
  }

  /// The bytes of a truncated object that are in the file; nil if it has none.
  private func presentBytes(of descriptor: Descriptor) -> ObjectReader? {
    guard descriptor.end != nil, descriptor.offset < fileSize else { return nil }
    return ObjectReader(
      storage: storage, offset: descriptor.offset, byteCount: fileSize - descriptor.offset)
  }

  /// The ranges of the file outside of the header, the used slots and the objects.
  private var unclaimed: [Range<Int64>] {
    var claimed = [0..<min(Int64(Header.byteCount), fileSize)]
    for descriptor in descriptors {
      let slot = table.position(ofSlot: descriptor.slot)
      claimed.append(slot..<slot + Int64(Descriptor.byteCount))
      if let end = descriptor.end, descriptor.offset < fileSize {
        claimed.append(descriptor.offset..<min(end, fileSize))
      }
    }
    var ranges: [Range<Int64>] = []
    var position: Int64 = 0
    for range in claimed.sorted(by: { $0.lowerBound < $1.lowerBound }) {
      if range.lowerBound > position { ranges.append(position..<range.lowerBound) }
      position = max(position, range.upperBound)
    }
    if position < fileSize { ranges.append(position..<fileSize) }
    return ranges
  }

  /// The first byte outside of all objects that differs between the images.
  ///
  /// A range that only one image has is skipped: there, an object's fields differ already.
  private func firstDifferenceOutside(objectsOf other: Image) throws(SIFError) -> Int64? {
    let others = Set(other.unclaimed)
    for range in unclaimed where others.contains(range) {
      func reader(_ image: Image) -> ObjectReader {
        ObjectReader(
          storage: image.storage, offset: range.lowerBound, byteCount: range.upperBound - range.lowerBound)
      }
      if let offset = try reader(self).firstDifference(from: reader(other), object: nil) {
        return range.lowerBound + offset
      }
    }
    return nil
  }

  /// The fields whose values differ.
  private static func changes(
    _ left: [(String, String)], _ right: [(String, String)]
  ) -> [(field: String, first: String, second: String)] {
    zip(left, right).compactMap { a, b in a.1 == b.1 ? nil : (a.0, a.1, b.1) }
  }
}

/// Pairs of objects whose bytes were compared: objects that share their bytes are read once.
private struct PairsOfBytes {
  private struct Pair: Hashable {
    let left: Int64
    let right: Int64
    let byteCount: Int64
  }

  /// The limit on compared bytes, as a multiple of the files' length.
  private static let mostOverlaps: Int64 = 8

  private var known: [Pair: Int64?] = [:]
  private var left: Int64

  init(left: Int64, right: Int64) {
    let (sum, overflow) = left.addingReportingOverflow(right)
    let (limit, tooFar) = sum.multipliedReportingOverflow(by: Self.mostOverlaps)
    self.left = overflow || tooFar ? .max : limit
  }

  mutating func firstDifference(
    _ left: ObjectReader, _ right: ObjectReader, object: UInt32
  ) throws(SIFError) -> Int64? {
    guard left.byteCount == right.byteCount else { return nil }
    let pair = Pair(left: left.offset, right: right.offset, byteCount: left.byteCount)
    if let difference = known[pair] { return difference }
    guard left.byteCount <= self.left else {
      throw SIFError(
        .limitExceeded, "too many objects share their bytes: not compared", offset: left.offset,
        objectID: object)
    }
    self.left -= left.byteCount
    let difference = try left.firstDifference(from: right, object: object)
    known[pair] = .some(difference)
    return difference
  }
}

extension ObjectReader {
  /// The first byte at which two objects of the same length differ; nil for different lengths, which are the
  /// size field's difference.
  fileprivate func firstDifference(from right: ObjectReader, object: UInt32?) throws(SIFError) -> Int64? {
    guard byteCount == right.byteCount else { return nil }
    let other = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 4096)
    defer { other.deallocate() }
    var position: Int64 = 0
    var found: Int64?
    try forEachBlock { (block) throws(SIFError) in
      guard found == nil else { return }
      let wanted = UnsafeMutableRawBufferPointer(rebasing: other[..<block.count])
      let count = try accessing(try right.read(into: wanted, at: position))
      guard count == block.count else {
        throw SIFError(.truncated, "the file became shorter while it was read", objectID: object)
      }
      if let a = block.baseAddress, let b = wanted.baseAddress, memcmp(a, b, block.count) != 0 {
        found =
          position
          + Int64(zip(block, wanted).enumerated().first { $0.element.0 != $0.element.1 }?.offset ?? 0)
      }
      position += Int64(block.count)
    }
    return found
  }
}

extension Header {
  /// Every field with its name in the JSON listings, as text.
  fileprivate var fields: [(String, String)] {
    [
      ("launchScript", launchScript.escapedText), ("version", version.escapedText),
      ("architecture", architecture.shown), ("id", id.text), ("createdAt", createdAt.shown),
      ("modifiedAt", modifiedAt.shown), ("free", "\(descriptorsFree)"), ("capacity", "\(descriptorsTotal)"),
      ("descriptorsOffset", "\(descriptorsOffset)"), ("descriptorsSize", "\(descriptorsSize)"),
      ("dataOffset", "\(dataOffset)"), ("dataSize", "\(dataSize)"),
    ]
  }
}

extension Descriptor {
  /// Every field with its name in the JSON listings, as text.
  fileprivate var fields: [(String, String)] {
    let link =
      switch link {
      case .object(let id): "object \(id)"
      case .group(let group): "group \(group)"
      case nil: "none"
      }
    return [
      ("type", dataType.name), ("slot", "\(slot)"), ("group", group.map { "\($0)" } ?? "none"),
      ("link", link),
      ("offset", "\(offset)"), ("size", "\(size)"), ("sizeWithPadding", "\(sizeWithPadding)"),
      ("createdAt", createdAt.shown), ("modifiedAt", modifiedAt.shown), ("uid", "\(uid)"), ("gid", "\(gid)"),
      ("name", name.escapedText), ("metadata", metadata.shown(extra: extra)),
      ("used", "\(used)"), ("groupField", "\(groupField & Self.groupMask)"),
    ]
  }
}

extension Timestamp {
  fileprivate var shown: String { self == .none ? "none" : iso8601 }
}

extension Metadata {
  /// The metadata in words; the bytes for types whose metadata this library does not know.
  fileprivate func shown(extra: [UInt8]) -> String {
    switch self {
    case .none: extra.hexadecimal
    case .partition(let partition):
      "\(partition.fileSystem.name)/\(partition.type.name)/\(partition.architecture.shown)"
        + (extra.count > 11 ? "/\(Array(extra.dropFirst(11)).hexadecimal)" : "")
    case .signature(let signature): "\(signature.hash.name)/\(signature.entity.hexadecimal)"
    case .cryptographicMessage(let message): "\(message.format.name)/\(message.type.name)"
    case .sbom(let format): format.name
    case .ociDigest(let digest): digest.escapedText
    }
  }
}
