public import Bytes

/// Why an image was not signed, or not verified to the end. What is wrong with a signature is no error but part of
/// the ``VerificationReport``.
public enum IntegrityError: Fault, Equatable, Sendable {
  /// The image could not be read or written.
  case image(SIFError)
  /// The signer or the digests failed: a stable code and a sentence.
  case signer(code: String, message: String)
  /// There is nothing to sign, or the selection is not one of signed objects: a sentence.
  case selection(String)

  /// A stable word for scripts.
  public var identifier: String {
    switch self {
    case .image(let error): error.identifier
    case .signer(let code, _): code
    case .selection: "selection"
    }
  }

  /// Whose fault it is.
  public var kind: FaultKind {
    switch self {
    case .image(let error): error.kind
    case .signer: .key
    case .selection: .other
    }
  }

  /// Where in the image, in bytes from its start.
  public var offset: Int64? { underlying?.offset }

  /// The object that it is about.
  public var objectID: UInt32? { underlying?.objectID }

  /// The image's own fault.
  public var underlying: (any Fault)? {
    guard case .image(let error) = self else { return nil }
    return error
  }

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
