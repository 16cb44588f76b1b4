public import Bytes
public import SIF

/// The reason why an image was not signed, or not verified to the end. A fault of a signature is not an error, but part
/// of the ``VerificationReport``.
public enum IntegrityError: Fault {
  /// The image could not be read or written.
  case image(SIFError)
  /// The signer or the digests failed.
  case signer(any Fault)
  /// There is nothing to sign, or the selected objects do not exist: a sentence.
  case selection(String)

  /// A stable word for scripts.
  public var identifier: String {
    switch self {
    case .image(let error): error.identifier
    case .signer(let fault): fault.identifier
    case .selection: "selection"
    }
  }

  /// The kind of fault.
  public var kind: FaultKind {
    switch self {
    case .image(let error): error.kind
    case .signer: .key
    case .selection: .other
    }
  }

  /// Where in the image, in bytes from its start.
  public var offset: Int64? { if case .image(let error) = self { error.offset } else { nil } }

  /// The object that it is about.
  public var objectID: UInt32? { if case .image(let error) = self { error.objectID } else { nil } }

  /// The fault of the image, or of the signer.
  public var underlying: (any Fault)? {
    switch self {
    case .image(let error): error
    case .signer(let fault): fault
    case .selection: nil
    }
  }

  /// One sentence.
  public var description: String {
    switch self {
    case .image(let error): error.description
    case .signer(let fault): fault.description
    case .selection(let message): message
    }
  }
}

/// Runs a body whose failures are faults of the image.
func reading<Result>(_ body: () throws(SIFError) -> Result) throws(IntegrityError) -> Result {
  do { return try body() } catch { throw .image(error) }
}
