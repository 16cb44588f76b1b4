import Bytes
import Gcrypt
import SIF

/// Signatures from the time before metadata was signed: a text with a digest of objects' bytes (spec/signatures.md,
/// "Legacy signatures"). They do not protect header and descriptors, so they are verified only on request.
extension ImageVerifier {
  /// The most objects that the legacy signatures of one group may cover, each object counted for each signature. They
  /// name no objects, so a small file can claim any number.
  private static let mostLegacyPairs = 1 << 20

  /// Verifies a group by the legacy signatures that are linked to it or, if there are none, to its objects.
  mutating func verifyLegacy(_ group: SignedGroup) throws(IntegrityError) {
    let ofGroup = legacy(linkedTo: .group(group.group))
    // The digest is over the objects in the order of the table.
    let whole =
      ofGroup.isEmpty
      ? [] : group.isWhole ? group.objects.sorted { $0.slot < $1.slot } : image.objects(inGroup: group.group)
    guard ofGroup.count <= Self.mostLegacyPairs / max(whole.count, 1) else {
      throw .image(
        SIFError(
          .limitExceeded,
          "\(ofGroup.count) legacy signatures are over the \(whole.count) objects of group \(group.group): too "
            + "many to verify"))
    }
    if group.isWhole, !ofGroup.isEmpty {
      for index in ofGroup { try verifyLegacy(index, whole) }
      return
    }
    for object in group.objects where object.dataType != .signature {
      let linked = legacy(linkedTo: .object(object.id))
      // A signature over the whole group also covers the object.
      if linked.isEmpty, !ofGroup.isEmpty {
        for index in ofGroup where !results[index].isConsidered { try verifyLegacy(index, whole) }
        continue
      }
      if linked.isEmpty { missing.append("object \(object.id) has no legacy signature") }
      for index in linked { try verifyLegacy(index, [object]) }
    }
  }

  private func legacy(linkedTo link: Link) -> [Int] {
    indices(linkedTo: link).filter { results[$0].format == .legacy || !areRead[$0] }
  }

  private mutating func verifyLegacy(_ index: Int, _ objects: [Descriptor]) throws(IntegrityError) {
    if results[index].isConsidered { return }
    results[index].isConsidered = true
    guard results[index].faults.isEmpty, areRead[index] else { return }
    guard let digest = legacyDigests[index] else {
      fail(
        index, .damage, "malformed-metadata", "its text is not a digest of the kind that its descriptor names"
      )
      return
    }
    if try legacyBytes.digest(of: objects, in: image, digest.algorithm) == digest {
      results[index].objects = objects.map(\.id).sorted()
    } else {
      let names = ByteText.ranges(objects.map(\.id).sorted())
      fail(index, .damage, "object-altered", "one of these objects was altered after signing: \(names)")
    }
  }

  /// `SIFHASH:`, a line end, and the digits of a digest in the algorithm that the descriptor names.
  func legacyDigest(_ text: [UInt8], _ signature: Descriptor) -> IntegrityDigest? {
    guard case .signature(let metadata) = signature.metadata else { return nil }
    let algorithm: HashAlgorithm
    switch metadata.hash {
    case .sha256: algorithm = .sha256
    case .sha384: algorithm = .sha384
    case .sha512: algorithm = .sha512
    default: return nil
    }
    let lines = text.split(separator: 0x0A, omittingEmptySubsequences: false).map { line in
      line.last == 0x0D ? line.dropLast() : line
    }
    guard lines.count == 2 || (lines.count == 3 && lines[2].isEmpty),
      Array(lines[0]) == Array("SIFHASH:".utf8),
      let value = [UInt8](hexadecimal: String(decoding: lines[1], as: UTF8.self)),
      value.count == algorithm.digestSize
    else { return nil }
    return IntegrityDigest(algorithm, value)
  }
}

/// The digests of objects' bytes one after the other, each computed once: many signatures may cover the same objects.
struct LegacyDigests {
  private struct Key: Hashable {
    let firstSlot: Int
    let count: Int
    let algorithm: HashAlgorithm
  }

  private var known: [Key: IntegrityDigest] = [:]

  /// The digest of one object, or of all objects of a group.
  mutating func digest(
    of objects: [Descriptor], in image: Image, _ algorithm: HashAlgorithm
  ) throws(IntegrityError) -> IntegrityDigest {
    // Groups have no object in common: the first object tells them apart, and the count tells a group from one object.
    let key = Key(firstSlot: objects.first?.slot ?? 0, count: objects.count, algorithm: algorithm)
    if let digest = known[key] { return digest }
    let running = try ObjectDigests.Running(algorithm)
    for object in objects {
      let reader = try reading { () throws(SIFError) in try image.bytes(of: object) }
      try ObjectDigests.read(reader) { running.update($0) }
    }
    let digest = running.digest()
    known[key] = digest
    return digest
  }
}
