import Bytes
public import Gcrypt
import SIF

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

  /// A digest from its parts.
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
      throw .signer(error)
    }
  }
}
