import Bytes
import DSSE
public import Gcrypt
import OpenPGP
public import PEMKeys
public import SIF

/// Signs image metadata into an envelope, with one key or several.
///
/// RSA signs with PKCS#1 v1.5 and SHA-256, ECDSA with SHA-256 on every curve, Ed25519 the text itself.
public struct DSSESigner: MessageSigner {
  /// The type of the payload that SIF signatures have.
  public static let payloadType = "application/vnd.sylabs.sif-metadata+json"

  private let keys: [PEMPrivateKey]

  /// A signer with at least one key.
  public init(_ keys: [PEMPrivateKey]) {
    self.keys = keys
  }

  /// The envelope. It states no time.
  public func sign(_ text: [UInt8], at time: Timestamp) throws(IntegrityError) -> SignedMessage {
    guard !keys.isEmpty else { throw .signer(KeyError.noKeyToSignWith) }
    do {
      let envelope = try Envelope(signing: text, ofType: Self.payloadType, with: keys)
      // Without a fingerprint: an envelope itself names its signers.
      return SignedMessage(envelope.encoded, SignatureMetadata(hash: .sha256, entity: []))
    } catch {
      throw .signer(error)
    }
  }
}

/// Verifies envelopes over image metadata. It tries the given keys, and does not rely on the ids in the envelope;
/// but a signature that names one of the keys and was not made with it is bad.
public struct DSSEVerifier: MessageVerifier {
  private let keys: EnvelopeKeys

  /// A verifier with public keys.
  public init(_ keys: [PublicKey]) { self.keys = EnvelopeKeys(keys) }

  /// `dsse`.
  public var format: String { "dsse" }

  /// Whether it has a key.
  public var hasKeys: Bool { !keys.isEmpty }

  /// Whether the message begins like a JSON object.
  public func recognizes(_ message: [UInt8]) -> Bool {
    message.first { ![0x20, 0x09, 0x0A, 0x0D].contains($0) } == UInt8(ascii: "{")
  }

  /// Judges an envelope.
  public func open(_ message: [UInt8]) -> OpenedMessage {
    let envelope: Envelope
    do throws(DSSEError) {
      envelope = try Envelope(reading: message)
      guard envelope.payloadType == DSSESigner.payloadType else {
        throw DSSEError(.payloadType, "a payload that is not image metadata")
      }
    } catch {
      let fault = SignerFault(
        .damage, code: error.code.rawValue, "its envelope is malformed: \(error.description)")
      return OpenedMessage(text: nil, fault: fault, signers: [])
    }
    let signers = zip(envelope.signatures, keys.verdicts(on: envelope)).map(Self.verdict)
    return OpenedMessage(text: envelope.payload, fault: nil, signers: signers)
  }

  /// Whether the message is the only encoding of its envelope, with or without a final line feed, which some writers
  /// omit, and every key id is that of the key that made the signature.
  public func isCanonical(_ message: [UInt8]) -> Bool {
    guard let envelope = try? Envelope(reading: message) else { return false }
    let encoded = envelope.encoded
    return [encoded, encoded + [0x0A]].contains(message)
      && zip(envelope.signatures, keys.verdicts(on: envelope)).allSatisfy { signature, verdict in
        verdict == .valid(keyID: signature.keyID)
      }
  }

  private static func verdict(
    _ signature: Envelope.Signature, _ verdict: EnvelopeKeys.Verdict
  ) -> SignerVerdict {
    let fault: SignerFault
    switch verdict {
    case .valid(let name):
      return SignerVerdict(fault: nil, fingerprint: name, identity: name, hash: .sha256, keyID: name)
    case .bad: fault = SignerFault(.badSignature)
    case .unknownKey: fault = SignerFault(.unknownKey)
    }
    return SignerVerdict(
      fault: fault, fingerprint: signature.keyID.isEmpty ? nil : signature.keyID, identity: nil)
  }
}
