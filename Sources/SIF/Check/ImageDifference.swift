import Bytes
import Glibc

/// One respect in which two images differ.
public struct ImageDifference: Hashable, Sendable {
  /// The header field that differs, or the object's field or bytes, named as in the JSON listings.
  public var field: String
  /// The object concerned, or nil for the header.
  public var objectID: UInt32?
  /// The value in the first image, as text; nil if the object does not exist there.
  public var first: String?
  /// The value in the second image, as text; nil if the object does not exist there.
  public var second: String?
  /// For bytes: the first offset within the object at which they differ.
  public var offset: Int64?

  init(
    field: String, objectID: UInt32? = nil, first: String? = nil, second: String? = nil, offset: Int64? = nil
  ) {
    (self.field, self.objectID, self.first, self.second, self.offset) = (
      field, objectID, first, second, offset
    )
  }
}

extension Image {
  /// All differences from another image: the file's length, header fields, each object's fields and bytes, by
  /// id, and the bytes that belong to no object: unused slots, padding, gaps, and what follows the last object.
  ///
  /// - Throws: ``SIFError`` if a file cannot be read, and ``SIFError/Code/limitExceeded`` if so many objects
  ///   share bytes that these would have to be read over and over. A truncated object is a difference, not an
  ///   error.
  public func differences(from other: Image) throws(SIFError) -> [ImageDifference] {
    var result: [ImageDifference] = []
    if fileSize != other.fileSize {
      result.append(ImageDifference(field: "fileSize", first: "\(fileSize)", second: "\(other.fileSize)"))
    }
    result += Self.compare(header.fields, other.header.fields, object: nil)
    var pairs = PairsOfBytes(left: fileSize, right: other.fileSize)
    let mine = Dictionary(grouping: descriptors, by: \.id)
    let theirs = Dictionary(grouping: other.descriptors, by: \.id)
    for id in Set(mine.keys).union(theirs.keys).sorted() {
      let left = mine[id] ?? []
      let right = theirs[id] ?? []
      for index in 0..<max(left.count, right.count) {
        switch (index < left.count ? left[index] : nil, index < right.count ? right[index] : nil) {
        case (let a?, let b?):
          result += Self.compare(a.fields, b.fields, object: id)
          guard let left = try? bytes(of: a), let right = try? other.bytes(of: b) else {
            // Say which one is whole. Of objects truncated alike, compare what is there.
            let states = [(self, a), (other, b)].map {
              (try? $0.0.bytes(of: $0.1)) == nil ? "truncated" : "whole"
            }
            if states[0] != states[1] || fileSize != other.fileSize {
              result.append(
                ImageDifference(field: "bytes", objectID: id, first: states[0], second: states[1]))
            } else if let left = present(of: a), let right = other.present(of: b),
              let offset = try pairs.firstDifference(left, right, object: id)
            {
              result.append(ImageDifference(field: "bytes", objectID: id, offset: offset))
            }
            continue
          }
          if let offset = try pairs.firstDifference(left, right, object: id) {
            result.append(ImageDifference(field: "bytes", objectID: id, offset: offset))
          }
        case (let a, let b):
          result.append(
            ImageDifference(field: "object", objectID: id, first: a?.dataType.name, second: b?.dataType.name))
        }
      }
    }
    if let offset = try firstDifferenceOutside(objectsOf: other) {
      result.append(ImageDifference(field: "unclaimedBytes", offset: offset))
    }
    return result
  }

  /// The part of a truncated object that the file has; nil if it has none.
  private func present(of object: Descriptor) -> ObjectReader? {
    guard object.end != nil, object.offset < fileSize else { return nil }
    return ObjectReader(storage: storage, offset: object.offset, byteCount: fileSize - object.offset)
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

  private static func compare(
    _ left: [(String, String)], _ right: [(String, String)], object: UInt32?
  ) -> [ImageDifference] {
    zip(left, right).compactMap { a, b in
      a.1 == b.1 ? nil : ImageDifference(field: a.0, objectID: object, first: a.1, second: b.1)
    }
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
