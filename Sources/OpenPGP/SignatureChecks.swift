import Synchronization

/// The outcomes of public-key operations, so that each signature of a key is verified once, however many signatures over
/// images ask for the key's state.
final class SignatureChecks: Sendable {
  private struct Question: Hashable {
    let signature: SignaturePacket
    let key: [UInt8]
    let parts: [[UInt8]]
  }

  private let answers = Mutex<[Question: Bool]>([:])

  /// Whether a signature was made with a key over some parts.
  func verifies(
    _ signature: SignaturePacket, with key: PublicKeyPacket, over parts: [[UInt8]]
  ) throws(OpenPGPError) -> Bool {
    let question = Question(signature: signature, key: key.fingerprint, parts: parts)
    if let known = answers.withLock({ $0[question] }) { return known }
    let answer = try signature.verifies(with: key, over: parts)
    answers.withLock { $0[question] = answer }
    return answer
  }
}
