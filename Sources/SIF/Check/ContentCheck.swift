import StrictJSON

/// Judges whether an object's bytes are what its type says.
struct ContentCheck {
  let object: Descriptor
  let reader: ObjectReader

  /// The longest JSON that is parsed as a whole; of a longer one only the beginning is judged.
  private static let longestJSON: Int64 = 16 << 20

  /// - Parameter budget: pays for contents that are read as a whole.
  func run(_ collector: inout FindingCollector, _ budget: inout ContentBudget) throws(SIFError) {
    switch object.metadata {
    case .partition(let partition): try checkPartition(partition, &collector)
    case .signature: try checkSignature(&collector, &budget)
    case .cryptographicMessage(let message): try checkMessage(message, &collector)
    case .sbom(let format): try checkSBOM(format, &collector, &budget)
    case .ociDigest(let digest): try checkDigest(digest, &collector, &budget)
    case .none: break
    }
    if [.labels, .genericJSON, .ociRootIndex].contains(object.dataType) {
      try checkJSON(&collector, &budget)
    }
  }

  private func mismatch(_ collector: inout FindingCollector, _ what: String) {
    collector.add(
      .contentMismatch, .error, at: object.offset, object: object.id, "object \(object.id) is not \(what)")
  }

  /// Pays for reading the whole object; where the budget is spent, says so.
  private func spend(_ budget: inout ContentBudget, _ collector: inout FindingCollector) -> Bool {
    if budget.spend(object.size) { return true }
    collector.add(
      .contentNotJudged, .note, at: object.offset, object: object.id,
      "the contents of object \(object.id) were not judged: it shares its bytes with too many others")
    return false
  }

  private func checkPartition(
    _ partition: PartitionMetadata, _ collector: inout FindingCollector
  ) throws(SIFError) {
    switch partition.fileSystem {
    case .squashfs, .gocryptfsSquashfs:
      let superblock = try reader.prefix(SquashfsSuperblock.byteCount)
      guard superblock.starts(with: ContentMagic.squashfs), superblock.count == SquashfsSuperblock.byteCount
      else {
        mismatch(&collector, "a squashfs: the magic \"hsqs\" is not there")
        return
      }
      // Bytes used lie at offset 40 of a squashfs superblock, little-endian.
      let used = superblock[40..<48].enumerated().reduce(UInt64(0)) {
        $0 | UInt64($1.element) << (8 * $1.offset)
      }
      if used > UInt64(object.size) {
        collector.add(
          .contentTruncated, .error, at: object.offset + 40, object: object.id,
          "the squashfs in object \(object.id) says it is \(used) bytes long; the object has \(object.size)")
      } else if let fault = SquashfsSuperblock.fault(in: superblock) {
        collector.add(
          .contentUnreadable, .error, at: object.offset + fault.offset, object: object.id,
          "the squashfs in object \(object.id) cannot be read: \(fault.sentence)")
      }
    case .ext3:
      let superblock = try reader.prefix(1082)
      if !superblock.dropFirst(1080).elementsEqual(ContentMagic.ext) {
        mismatch(&collector, "an ext file system: the magic 0xEF53 is not there")
      }
    case .encryptedSquashfs:
      let start = try reader.prefix(8)
      guard start.starts(with: ContentMagic.luks) else {
        mismatch(&collector, "an encrypted volume: the LUKS magic is not there")
        return
      }
      if Array(start.dropFirst(6)) != [0, 2] {
        collector.add(
          .contentMismatch, .warning, at: object.offset + 6, object: object.id,
          "object \(object.id) is a LUKS volume, but not of version 2")
      }
    default: break
    }
  }

  private func checkSignature(
    _ collector: inout FindingCollector, _ budget: inout ContentBudget
  ) throws(SIFError) {
    let start = try reader.prefix(64)
    guard !start.starts(with: ContentMagic.clearSigned) else { return }
    if start.first == UInt8(ascii: "{") {
      try checkJSON(&collector, &budget)
    } else {
      mismatch(&collector, "a signature: neither a clear-signed message nor a DSSE envelope")
    }
  }

  private func checkMessage(
    _ message: CryptographicMessageMetadata, _ collector: inout FindingCollector
  ) throws(SIFError) {
    let start = try reader.prefix(64)
    switch (message.format, message.type) {
    case (.pem, _):
      if !start.starts(with: ContentMagic.pem) { mismatch(&collector, "PEM: \"-----BEGIN\" is not there") }
    case (.openPGP, .clearSignature):
      if !start.starts(with: ContentMagic.clearSigned) { mismatch(&collector, "a clear-signed message") }
    case (.openPGP, _):
      // A binary packet has the highest bit of its first byte set.
      if !start.starts(with: ContentMagic.pem), start.first.map({ $0 & 0x80 == 0 }) ?? true {
        mismatch(&collector, "an OpenPGP message")
      }
    default: break
    }
  }

  private func checkSBOM(
    _ format: SBOMFormat, _ collector: inout FindingCollector, _ budget: inout ContentBudget
  ) throws(SIFError) {
    switch format.name {
    case let name where name.hasSuffix("-json"): try checkJSON(&collector, &budget)
    case "cyclonedx-xml", "spdx-rdf":
      let text = try reader.prefix(64)
      let start = text.starts(with: [0xEF, 0xBB, 0xBF]) ? text.dropFirst(3) : text[...]
      if start.first(where: { !$0.isJSONSpace }) != UInt8(ascii: "<") {
        mismatch(&collector, "XML, as its format \(format.name) says")
      }
    default: break
    }
  }

  private func checkJSON(
    _ collector: inout FindingCollector, _ budget: inout ContentBudget
  ) throws(SIFError) {
    guard object.size <= Self.longestJSON else {
      let start = try reader.prefix(4096).first { !$0.isJSONSpace }
      if start != UInt8(ascii: "{"), start != UInt8(ascii: "[") {
        mismatch(&collector, "JSON: it begins with neither { nor [")
      }
      return
    }
    guard spend(&budget, &collector) else { return }
    let text = try reader.prefix(Int(object.size))
    do throws(JSONError) {
      try JSONParser.check(text, limits: JSONLimits(keepsDuplicateKeys: true))
    } catch {
      // Valid JSON by its grammar, only more than this parser wants to know.
      if [.tooDeep, .loneSurrogate].contains(error.code) { return }
      collector.add(
        .contentMismatch, .error, at: object.offset + Int64(error.position), object: object.id,
        "object \(object.id) is malformed: \(error)")
    }
  }

  private func checkDigest(
    _ text: [UInt8], _ collector: inout FindingCollector, _ budget: inout ContentBudget
  ) throws(SIFError) {
    guard let expected = OCIDigest(text) else { return }  // reported with the descriptor
    guard spend(&budget, &collector) else { return }
    var context = try SHA256Context()
    try reader.forEachBlock { (block) throws(SIFError) in context.update(block) }
    let actual = context.finalize()
    if actual != expected.bytes {
      collector.add(
        .digestMismatch, .error, at: object.offset, object: object.id,
        "the bytes of object \(object.id) have the digest sha256:\(actual.hexadecimal), not \(text.escapedText)"
      )
    }
  }
}

/// The digest that an OCI object's metadata states: the text `sha256:` and 64 hexadecimal digits.
struct OCIDigest {
  /// The 32 bytes.
  let bytes: [UInt8]

  init?(_ text: [UInt8]) {
    let prefix = Array("sha256:".utf8)
    guard text.starts(with: prefix), text.count == prefix.count + 64 else { return nil }
    let digits = String(decoding: text.dropFirst(prefix.count), as: UTF8.self)
    guard let bytes = [UInt8](hexadecimal: digits) else { return nil }
    self.bytes = bytes
  }
}

/// The bytes by which contents are recognised.
enum ContentMagic {
  static let squashfs = Array("hsqs".utf8)
  static let luks: [UInt8] = [0x4C, 0x55, 0x4B, 0x53, 0xBA, 0xBE]
  /// At offset 1080 of an ext2, ext3 or ext4 file system.
  static let ext: [UInt8] = [0x53, 0xEF]
  static let clearSigned = Array("-----BEGIN PGP SIGNED MESSAGE-----".utf8)
  static let pem = Array("-----BEGIN ".utf8)
}

extension UInt8 {
  fileprivate var isJSONSpace: Bool { [0x20, 0x09, 0x0A, 0x0D].contains(self) }
}
