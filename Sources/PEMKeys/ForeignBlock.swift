import Bytes

/// Blocks of PEM that hold something else than a key that is known here.
enum ForeignBlock {
  /// What the block is, and what helps; nil for blocks that only go with a key.
  static func advice(_ block: borrowing PEMBlock) -> PEMError? {
    switch block.label {
    case "EC PARAMETERS", "DH PARAMETERS", "DSA PARAMETERS", "PUBLIC KEY", "RSA PUBLIC KEY": nil
    case "OPENSSH PRIVATE KEY": PEMError(.unsupported, openSSH(block.bytes.span))
    case "CERTIFICATE", "X509 CERTIFICATE", "TRUSTED CERTIFICATE":
      PEMError(
        .unsupported,
        "an X.509 certificate, and keys count here without one; take its key out with: openssl x509 -noout -pubkey -in FILE"
      )
    case "DSA PRIVATE KEY": PEMError(.unsupported, "a DSA key; only RSA, ECDSA and Ed25519 are implemented")
    case let label where label.hasSuffix("PRIVATE KEY"):
      PEMError(
        .unsupported,
        "a private key of another program: \(VisibleText.text(label.utf8, doublesBackslashes: false))")
    case let label:
      PEMError(
        .noKey,
        "there is no key in the file, but something else: \(VisibleText.text(label.utf8, doublesBackslashes: false))"
      )
    }
  }

  /// A private key of OpenSSH. After its magic and three strings about its protection there is the number of keys, and
  /// then the public key, which begins with the algorithm's name. ssh-keygen does not convert all of them.
  private static func openSSH(_ bytes: Span<UInt8>) -> String {
    let what = "a private key of OpenSSH"
    var position = 15
    func string() -> Range<Int>? {
      guard position <= bytes.count - 4 else { return nil }
      let length = (0..<4).reduce(0) { $0 << 8 | Int(bytes[position + $1]) }
      guard length <= bytes.count - position - 4 else { return nil }
      position += 4 + length
      return position - length..<position
    }
    var name = ""
    if string() != nil, string() != nil, string() != nil {
      position += 8
      name = string().map { String(decoding: $0.map { bytes[$0] }, as: UTF8.self) } ?? ""
    }
    guard name.hasPrefix("ssh-rsa") || name.hasPrefix("ecdsa-sha2-nistp") else {
      return
        "\(what), which ssh-keygen does not turn into PEM; make another one: openssl genpkey -algorithm ed25519"
    }
    return "\(what); turn a copy of it into PEM with: ssh-keygen -p -m PKCS8 -f COPY"
  }
}
