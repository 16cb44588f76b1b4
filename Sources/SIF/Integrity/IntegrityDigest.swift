import Bytes
public import Gcrypt

/// A digest with its algorithm, as signature metadata writes it: `sha256:` and hexadecimal digits
/// (spec/signatures.md, "Metadata").
public struct IntegrityDigest: Hashable, Sendable {
  /// The algorithm.
  public let algorithm: HashAlgorithm
  /// The digest.
  public let value: [UInt8]

  /// The algorithms that metadata may use.
  public static let algorithms: [HashAlgorithm] = [
    .sha224, .sha256, .sha384, .sha512, .sha512_224, .sha512_256,
  ]

  /// A digest of its parts.
  public init(_ algorithm: HashAlgorithm, _ value: [UInt8]) {
    self.algorithm = algorithm
    self.value = value
  }

  /// Reads `algorithm:digits`; nil for an unknown algorithm or digits that are not as long as its digests.
  public init?(_ text: String) {
    guard let colon = text.utf8.firstIndex(of: UInt8(ascii: ":")) else { return nil }
    let name = text.utf8[..<colon]
    guard let algorithm = Self.algorithms.first(where: { $0.name.utf8.elementsEqual(name) }),
      let value = [UInt8](hexadecimal: text[text.utf8.index(after: colon)...]),
      value.count == algorithm.digestSize
    else { return nil }
    self.init(algorithm, value)
  }

  /// `algorithm:digits`, digits in lower case.
  public var text: String { "\(algorithm.name):\(value.hexadecimal)" }

  /// The digest of bytes.
  static func of(_ bytes: [UInt8], _ algorithm: HashAlgorithm) throws(IntegrityError) -> IntegrityDigest {
    do { return IntegrityDigest(algorithm, try HashContext.digest(algorithm, bytes.span.bytes)) } catch {
      throw .signer(code: "library", message: error.description)
    }
  }
}

extension Header {
  /// The 61 bytes that signatures cover: launch script, magic, version, id (spec/signatures.md, "61 bytes of the header").
  var integrityBytes: [UInt8] {
    var writer = LittleEndianWriter(capacity: 61)
    writer.append(launchScript, count: Self.launchScriptByteCount)
    writer.append(Self.magic, count: Self.magic.count)
    writer.append(version, count: 3)
    writer.append(id.bytes, count: 16)
    return writer.bytes
  }
}

extension Descriptor {
  /// The 557 bytes that signatures cover (spec/signatures.md, "557 bytes of a descriptor"): neither where the object lies nor
  /// when its descriptor changed, so that an image may be rearranged.
  func integrityBytes(relativeID: UInt32) -> [UInt8] {
    var writer = LittleEndianWriter(capacity: 557)
    writer.append(dataType.rawValue)
    // Whatever value other than 0 the file has: to readers they are all alike.
    writer.append(UInt8(1))
    writer.append(relativeID)
    writer.append(linkField)
    writer.append(size)
    writer.append(createdAt.seconds)
    writer.append(uid)
    writer.append(gid)
    writer.append(name, count: Self.nameByteCount)
    writer.append(extra, count: Self.extraByteCount)
    return writer.bytes
  }
}
