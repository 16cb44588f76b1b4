/// Why an image was not signed, or not verified to the end. What is wrong with a signature is no error but part of
/// the ``VerificationReport``.
public enum IntegrityError: Error, Equatable, Sendable, CustomStringConvertible {
  /// The image could not be read or written.
  case image(SIFError)
  /// The signer or the digests failed: a stable code and a sentence.
  case signer(code: String, message: String)
  /// There is nothing to sign, or the selection is not one of signed objects: a sentence.
  case selection(String)

  /// One sentence.
  public var description: String {
    switch self {
    case .image(let error): error.description
    case .signer(_, let message): message
    case .selection(let message): message
    }
  }
}

/// Runs a body whose failures are the image's.
func reading<Result>(_ body: () throws(SIFError) -> Result) throws(IntegrityError) -> Result {
  do { return try body() } catch { throw .image(error) }
}
