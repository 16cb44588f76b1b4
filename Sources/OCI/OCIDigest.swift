import Bytes
public import Gcrypt

/// The digest of a blob, such as `sha256:` and 64 hexadecimal digits.
public struct OCIDigest: Hashable, Sendable, CustomStringConvertible {
  /// The hash function: SHA-256 or SHA-512.
  public let algorithm: HashAlgorithm
  /// The digest in lower-case hexadecimal digits.
  public let hexadecimal: String

  /// The digest as it is written in documents.
  public var description: String { "\(algorithm.name):\(hexadecimal)" }

  /// Reads a digest.
  ///
  /// - Throws: ``OCIError/Code/invalidReference`` for anything but `sha256:` and 64 lower-case hexadecimal digits, or
  ///   `sha512:` and 128.
  public init(_ text: String) throws(OCIError) {
    guard let colon = text.utf8.firstIndex(of: 0x3A) else { throw Self.invalid(text) }
    let digits = text.utf8[text.utf8.index(after: colon)...]
    switch String(text[..<colon]) {
    case "sha256": algorithm = .sha256
    case "sha512": algorithm = .sha512
    default: throw Self.invalid(text)
    }
    guard digits.count == algorithm.digestSize * 2,
      digits.allSatisfy({ (0x30...0x39).contains($0) || (0x61...0x66).contains($0) })
    else { throw Self.invalid(text) }
    hexadecimal = String(text[digits.startIndex...])
  }

  /// A digest from its bytes; their number has to be that of the algorithm.
  public init(_ algorithm: HashAlgorithm, _ bytes: [UInt8]) {
    self.algorithm = algorithm
    hexadecimal = Hexadecimal.text(bytes)
  }

  /// The SHA-256 digest of bytes.
  ///
  /// - Throws: ``OCIError/Code/unsupported`` if libgcrypt forbids it.
  public init(of bytes: [UInt8]) throws(OCIError) {
    do throws(GcryptError) { self.init(.sha256, try HashContext.digest(.sha256, bytes.span.bytes)) } catch {
      throw OCIError(.unsupported, error.description, causedBy: error)
    }
  }

  private static func invalid(_ text: String) -> OCIError {
    OCIError(
      .invalidReference,
      "\"\(text.prefix(160).printable)\" is not a digest: sha256: and 64 lower-case hexadecimal digits, or sha512: and 128"
    )
  }
}
