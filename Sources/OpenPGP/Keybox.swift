/// GnuPG's `pubring.kbx`: a sequence of blobs, of which those of type 2 contain an OpenPGP key. GnuPG's own
/// `kbx/keybox-blob.c` describes the format.
enum Keybox {
  /// Whether the data begins with a keybox's header blob.
  static func isKeybox(_ bytes: Span<UInt8>) -> Bool {
    guard bytes.count >= 32, bytes[4] == 1 else { return false }
    return (0..<4).allSatisfy { bytes[8 + $0] == Array("KBXf".utf8)[$0] }
  }

  /// Passes the packets of each OpenPGP key to a closure.
  ///
  /// A blob has these fields, big-endian: its length (4 bytes), its type (1; 0 is an empty blob), its version
  /// (1), flags (2), the key's offset within the blob (4) and its length (4).
  static func read(
    _ bytes: Span<UInt8>, _ body: (Span<UInt8>) throws(OpenPGPError) -> Void
  ) throws(OpenPGPError) {
    var cursor = ByteCursor(bytes)
    while cursor.remaining > 0 {
      let start = cursor.offset
      let length = try cursor.integer(4)
      let type = try cursor.integer(1)
      guard length >= 5, length - 5 <= cursor.remaining else {
        throw OpenPGPError(.malformedKeybox, "a blob of \(length) bytes", at: start)
      }
      let rest = try cursor.skip(length - 5)
      guard type == 2 else { continue }
      var blob = ByteCursor(cursor.extracting(rest), origin: rest.lowerBound)
      _ = try blob.skip(3)
      let keyOffset = try blob.integer(4)
      let keyLength = try blob.integer(4)
      guard keyOffset <= length, keyLength <= length - keyOffset else {
        throw OpenPGPError(.malformedKeybox, "a key outside its blob", at: start)
      }
      try body(bytes.extracting(start + keyOffset..<start + keyOffset + keyLength))
    }
  }
}
