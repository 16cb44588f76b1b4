extension SignatureFault {
  /// The reason as a sentence without its subject.
  public var explanation: String {
    switch self {
    case .badSignature: "it does not fit what it is over"
    case .unknownKey: "its key is not at hand"
    case .keyRevoked: "its key was revoked"
    case .keyExpired: "its key had expired when it was made"
    case .keyTooYoung: "it claims to be older than its key"
    case .keyNotForSigning: "its key may not sign data"
    case .keyNotBound: "its key has no valid self-signature"
    case .weakKey: "its key is too weak, or no possible key"
    case .signatureExpired: "it has expired"
    case .signatureInFuture: "it was made in the future"
    case .weakHash: "its digest is not SHA-2"
    case .wrongType: "it is not a signature over a document"
    case .unsupportedAlgorithm: "unsupported: it is made with a public-key algorithm that is not known here"
    case .unsupportedCurve: "unsupported: its key is on a curve that is not known here"
    case .unsupportedHash: "unsupported: its digest is of an algorithm that is not known here"
    case .unsupportedSubpacket: "unsupported: it makes a critical statement that is not known here"
    case .unsupportedVersion: "unsupported: it is of a version of OpenPGP that is not known here"
    case .malformed: "it is malformed"
    }
  }
}
