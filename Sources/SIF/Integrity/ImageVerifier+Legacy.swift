import Gcrypt

/// Signatures of before metadata was signed: a text with a digest of objects' bytes (spec/signatures.md, "Legacy
/// signatures"). They leave header and descriptors open, and so are only looked at on request.
extension ImageVerifier {
  /// Verifies a group by the legacy signatures that are linked to it or, where there are none, to its objects.
  mutating func verifyLegacy(_ group: SignedGroup) throws(IntegrityError) {
    if group.isWhole {
      if try verifyLegacyGroup(group.group) { return }
    }
    for object in group.objects where object.dataType != .signature {
      let linked = legacy(linkedTo: .object(object.id))
      // A signature over the whole group covers the object, too.
      if linked.isEmpty, try verifyLegacyGroup(group.group) { continue }
      if linked.isEmpty { missing.append("object \(object.id) has no legacy signature") }
      for index in linked { try verifyLegacy(index, [object]) }
    }
  }

  /// Verifies the signatures that are linked to a group; answers whether there are any.
  private mutating func verifyLegacyGroup(_ group: UInt32) throws(IntegrityError) -> Bool {
    let linked = legacy(linkedTo: .group(group))
    for index in linked { try verifyLegacy(index, image.objects(inGroup: group)) }
    return !linked.isEmpty
  }

  private func legacy(linkedTo link: Link) -> [Int] {
    indices(linkedTo: link).filter { results[$0].format == "legacy" || texts[$0] == nil }
  }

  private mutating func verifyLegacy(_ index: Int, _ objects: [Descriptor]) throws(IntegrityError) {
    if results[index].isConsidered { return }
    results[index].isConsidered = true
    guard results[index].faults.isEmpty, let text = texts[index] else { return }
    guard let digest = legacyDigest(text, signatures[index]) else {
      fail(index, .damage, "malformed-metadata", "its text is no digest of the kind its descriptor names")
      return
    }
    let running = try ObjectDigests.Running(digest.algorithm)
    for object in objects {
      let reader = try reading { () throws(SIFError) in try image.bytes(of: object) }
      try ObjectDigests.read(reader) { running.update($0) }
    }
    let ids = objects.map(\.id).sorted()
    if running.digest() == digest {
      results[index].objects = ids
    } else {
      let names = ids.map { String($0) }.joined(separator: ", ")
      fail(index, .damage, "object-altered", "one of these objects was altered after signing: \(names)")
    }
  }

  /// `SIFHASH:`, a line end, and the digits of a digest in the algorithm that the descriptor names.
  private func legacyDigest(_ text: [UInt8], _ signature: Descriptor) -> IntegrityDigest? {
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
