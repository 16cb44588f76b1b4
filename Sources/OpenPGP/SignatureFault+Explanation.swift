extension SignatureFault {
  /// The reason as a sentence without its subject.
  public var explanation: String {
    switch self {
    case .badSignature: "it does not match the signed text"
    case .unknownKey: "its key was not found"
    case .keyRevoked: "its key was revoked"
    case .userIDsRevoked: "all its user ids were revoked, though not the key itself"
    case .keyExpired: "its key had expired when it was made"
    case .keyTooYoung: "it claims to be older than its key"
    case .keyNotForSigning: "its key may not sign data"
    case .keyNotBound: "its key has no valid self-signature"
    case .weakKey: "its key is too weak, or no possible key"
    case .signatureExpired: "it has expired"
    case .signatureInFuture: "it was made in the future"
    case .weakHash: "its digest can be forged"
    case .wrongType: "it is not a signature over a document"
    case .unsupportedAlgorithm: "unsupported: it is made with a public-key algorithm that is not known here"
    case .unsupportedCurve: "unsupported: its key is on a curve that is not known here"
    case .unsupportedHash: "unsupported: its digest is of an algorithm that is not known here"
    case .unsupportedSubpacket: "unsupported: it makes a critical statement that is not known here"
    case .unsupportedVersion: "unsupported: it is of a version of OpenPGP that is not known here"
    case .malformed: "it is malformed"
    }
  }

  /// The reason why a key cannot sign as a sentence whose subject is the key.
  var ofKey: String {
    switch self {
    case .keyRevoked: "it was revoked"
    case .userIDsRevoked: "all its user ids were revoked"
    case .keyExpired: "it has expired"
    case .keyTooYoung: "it claims to be made in the future"
    case .keyNotForSigning: "its owner does not let it sign data"
    case .keyNotBound: "it has no valid self-signature"
    case .weakKey: "it is too weak, or no possible key"
    default: explanation
    }
  }
}
