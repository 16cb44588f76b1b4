import Bytes
public import Gcrypt

/// A key that was encrypted to an RSA key, in the PEM form that a cryptographic message of an image holds
/// (spec/encryption.md, "The wrapped key").
public enum WrappedKey {
  /// The label of the PEM block.
  private static let label = "MESSAGE"
  /// The sizes of RSA keys that can wrap or unwrap a key, in bits.
  public static let keyBits = 2048...8192
  /// The most bytes that a message may have.
  public static let maximumBytes = 64 << 10

  /// Encrypts a key with RSA-OAEP (SHA-256, empty label) and writes it as PEM.
  ///
  /// - Throws: ``PEMError/Code/unusableKey`` if the public key is not an RSA key of ``keyBits``.
  public static func wrap(_ key: Span<UInt8>, for recipient: PublicKey) throws(PEMError) -> [UInt8] {
    try check(recipient)
    let ciphertext: [UInt8]
    do { ciphertext = try recipient.encryptOAEP(key) } catch { throw PEMError(error) }
    let text = Base64.encode(DERWriter.octetString(ciphertext))
    var pem = Array("-----BEGIN \(label)-----\n".utf8)
    for start in stride(from: 0, to: text.count, by: 64) {
      pem += text[start...].prefix(64)
      pem.append(0x0A)
    }
    return pem + Array("-----END \(label)-----\n".utf8)
  }

  /// Decrypts a message.
  ///
  /// - Throws: ``PEMError`` if the message is not PEM, does not contain a wrapped key, or is for another key.
  public static func unwrap(
    _ message: Span<UInt8>, with key: borrowing PrivateKey
  ) throws(PEMError) -> SecureBytes {
    try check(key.publicKey)
    let ciphertext = try ciphertext(message)
    guard ciphertext.count == (key.publicKey.bits + 7) / 8 else {
      throw PEMError(
        .unusableKey, "a message for an RSA key of \(ciphertext.count * 8) bits, not of \(key.publicKey.bits)"
      )
    }
    do { return try key.decryptOAEP(ciphertext.span) } catch {
      throw PEMError(.unusableKey, "a message that is not for this key, or was not made with RSA-OAEP")
    }
  }

  /// The ciphertext of a message: the contents of a DER OCTET STRING.
  private static func ciphertext(_ message: Span<UInt8>) throws(PEMError) -> [UInt8] {
    guard message.count <= maximumBytes else {
      throw PEMError(.tooLarge, "a message of \(message.count) bytes")
    }
    var position = 0
    while let block = try PEMBlock.next(in: message, &position) {
      guard block.label == label else { continue }
      return try octets(block.bytes.span)
    }
    throw PEMError(.malformedPEM, "there is no block labelled \(label)")
  }

  private static func octets(_ der: Span<UInt8>) throws(PEMError) -> [UInt8] {
    var reader = DERReader(der)
    do throws(PEMError) {
      let octets = try reader.array(DERReader.octetString)
      try reader.finish()
      return octets
    } catch { throw PEMError(.malformedPEM, "a message without an OCTET STRING") }
  }

  private static func check(_ key: PublicKey) throws(PEMError) {
    guard case .rsa = key else { throw PEMError(.unusableKey, "encryption needs an RSA key") }
    guard keyBits.contains(key.bits) else {
      throw PEMError(
        .unusableKey,
        "an RSA key of \(key.bits) bits; encryption takes \(keyBits.lowerBound) to \(keyBits.upperBound)")
    }
  }
}

/// Writes DER (ITU-T X.690 section 10).
private enum DERWriter {
  static func octetString(_ bytes: [UInt8]) -> [UInt8] {
    var length: [UInt8] = []
    var rest = bytes.count
    while rest > 0 {
      length.insert(UInt8(truncatingIfNeeded: rest), at: 0)
      rest >>= 8
    }
    let field = bytes.count < 0x80 ? [UInt8(bytes.count)] : [0x80 | UInt8(length.count)] + length
    return [DERReader.octetString] + field + bytes
  }
}
