import Bytes

extension ForeignFile {
  /// The sentence about a file that was to hold keys and is something else; nil if it is nothing that is known.
  static func description(of bytes: Span<UInt8>) -> String? {
    let beginning = (0..<min(bytes.count, lookedAt)).map { bytes[$0] }
    return ForeignFile(beginning: beginning).map { "it is \($0.keyDescription)" }
  }

  private var keyDescription: String {
    switch self {
    case .sshPublicKey(let algorithm) where algorithm.hasPrefix("ssh-rsa") || algorithm.hasPrefix("ecdsa-"):
      "\(description), which SIF images do not use; make PEM of it with: ssh-keygen -e -m PKCS8 -f FILE"
    case .sshPublicKey(let algorithm):
      "\(description) (\(algorithm)), which SIF images do not use; give a key in PEM or OpenPGP"
    case .ssh2PublicKey:
      "\(description), which SIF images do not use; make one of OpenSSH of it with: ssh-keygen -i -f FILE"
    case .puttyKey: "\(description), which SIF images do not use; give a key in PEM or OpenPGP"
    case .der:
      "\(description), not PEM; openssl turns it into PEM: \"openssl pkey -inform DER\" a private key, with -pubin a "
        + "public one, \"openssl x509 -inform DER -noout -pubkey\" a certificate, \"openssl pkcs12 -nodes\" a PKCS #12 file"
    case .image: "\(description), not a key"
    default: description
    }
  }
}
