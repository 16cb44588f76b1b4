import Bytes
import StrictJSON

/// Checks whether an object's bytes are what its type says.
struct ContentCheck {
  let object: Descriptor
  let reader: ObjectReader

  /// The longest JSON that is parsed as a whole; of longer JSON only the beginning is checked.
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

  /// Pays for reading the whole object; adds a finding if the budget is spent.
  private func spend(_ budget: inout ContentBudget, _ collector: inout FindingCollector) -> Bool {
    if budget.spend(object.size) { return true }
    collector.add(
      .contentNotJudged, .note, at: object.offset, object: object.id,
      "the contents of object \(object.id) were not checked: it shares its bytes with too many others")
    return false
  }

  private func checkPartition(
    _ partition: PartitionMetadata, _ collector: inout FindingCollector
  ) throws(SIFError) {
    switch partition.fileSystem {
    case .squashfs, .gocryptfsSquashfs:
      let start = try reader.prefix(SquashfsSuperblock.byteCount)
      let superblock = SquashfsSuperblock(decoding: start.span.bytes)
      guard superblock.hasMagic, start.count == SquashfsSuperblock.byteCount else {
        mismatch(&collector, "a squashfs: the magic \"hsqs\" is missing")
        return
      }
      if superblock.bytesUsed > UInt64(object.size) {
        collector.add(
          .contentTruncated, .error, at: object.offset + Int64(SquashfsSuperblock.Offset.bytesUsed),
          object: object.id,
          "the squashfs in object \(object.id) says it is \(superblock.bytesUsed) bytes long; the object has \(object.size)"
        )
      } else if let flaw = superblock.flawOfSizes ?? superblock.flawOfTables {
        collector.add(
          .contentUnreadable, .error, at: object.offset + Int64(flaw.offset), object: object.id,
          "the squashfs in object \(object.id) cannot be read: \(superblock.sentence(flaw))")
      }
    case .ext3:
      let superblock = try reader.prefix(ContentMagic.extOffset + ContentMagic.ext.count)
      if !superblock.dropFirst(ContentMagic.extOffset).elementsEqual(ContentMagic.ext) {
        mismatch(&collector, "an ext file system: the magic 0xEF53 is missing")
      }
    case .encryptedSquashfs:
      let start = try reader.prefix(8)
      guard start.starts(with: ContentMagic.luks) else {
        mismatch(&collector, "an encrypted volume: the LUKS magic is missing")
        return
      }
      if Array(start.dropFirst(6)) != [0, 2] {
        collector.add(
          .contentMismatch, .warning, at: object.offset + 6, object: object.id,
          "object \(object.id) is a LUKS volume of a version other than 2")
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
      if !start.starts(with: ContentMagic.armor) { mismatch(&collector, "PEM: \"-----BEGIN\" is missing") }
    case (.openPGP, .clearSignature):
      if !start.starts(with: ContentMagic.clearSigned) { mismatch(&collector, "a clear-signed message") }
    case (.openPGP, _):
      // A binary packet has the highest bit of its first byte set.
      if !start.starts(with: ContentMagic.armor), start.first.map({ $0 & 0x80 == 0 }) ?? true {
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
      // The text follows JSON's grammar; this parser is only stricter.
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

extension SquashfsSuperblock {
  /// The flaw as a sentence of the check.
  fileprivate func sentence(_ flaw: Flaw) -> String {
    switch flaw {
    case .version: "its version is \(majorVersion).\(minorVersion), not 4.0"
    case .blockSize: "its block size is \(blockSize), with a logarithm of \(blockLogarithm)"
    case .length: "its length is \(bytesUsed) bytes"
    case .missingTable(let name, _): "there is no \(name)"
    case .tableOutside(let name, _, let start): "the \(name) starts outside of it, at byte \(start)"
    case .noIDs: "there are no user and group ids"
    case .noInodes: "there are no inodes"
    case .tableOrder: "its tables are out of order"
    case .fragmentsWithoutTable: "there are \(fragmentCount) fragments without a table"
    case .inodeTableTooShort: "the inode table is too short for \(inodeCount) inodes"
    }
  }
}

extension UInt8 {
  fileprivate var isJSONSpace: Bool { [0x20, 0x09, 0x0A, 0x0D].contains(self) }
}
