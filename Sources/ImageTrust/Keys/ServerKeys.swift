import Bytes
public import OpenPGP
public import SIF

/// OpenPGP keys that key servers gave. Anybody can put a key there under any name, so that they tell who made a signature,
/// and not whether to believe that one.
public struct ServerKeys: Sendable {
  /// The keys.
  public private(set) var ring = KeyRing()
  /// The fingerprints of the primary keys, each with its server.
  public private(set) var servers: [[UInt8]: String] = [:]

  /// No keys.
  public init() {}

  /// Whether there are none.
  public var isEmpty: Bool { servers.isEmpty }

  /// Adds the keys that a server gave.
  public mutating func add(_ keys: KeyRing, from server: String) throws(KeyError) {
    do throws(OpenPGPError) { try ring.merge(keys) } catch { throw .fault(error) }
    for certificate in keys.certificates { servers[certificate.primary.fingerprint] = server }
  }
}

extension ImageVerification {
  /// The most keys that are looked for: an image can name any number.
  public static let mostMissingKeys = 16

  /// The OpenPGP keys that signatures of an image name and that are not among the keys, each once: fingerprints, or where a
  /// signature states only a part of one, key ids.
  ///
  /// - Returns: at most ``mostMissingKeys``, and whether there are more.
  public func missingKeys(in image: Image) -> (names: [String], areAll: Bool) {
    var names: [String] = []
    for (signature, result) in ImageVerifier.messages(of: image, with: keys.verifiers(at: time)) {
      for signer in result.signers where signer.fault?.code == SignerFault.unknownKeyCode {
        guard result.format != .named("dsse"), let name = Self.name(of: signer, signature),
          !names.contains(name)
        else { continue }
        if names.count == Self.mostMissingKeys { return (names, false) }
        names.append(name)
      }
    }
    return (names, true)
  }

  /// What a signature says of its key. Where that is only a key id, the descriptor may have the whole fingerprint.
  private static func name(of signer: SignerVerdict, _ signature: Descriptor) -> String? {
    var stated: String?
    if case .signature(let metadata) = signature.metadata, let bytes = metadata.fingerprint,
      bytes.contains(where: { $0 != 0 })
    {
      stated = Hexadecimal.text(bytes, uppercase: true)
    }
    guard let claimed = signer.fingerprint else { return stated }
    guard claimed.utf8.count == 16, let stated, stated.hasSuffix(claimed) else { return claimed }
    return stated
  }
}
