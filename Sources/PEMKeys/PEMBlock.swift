import Bytes
import Gcrypt

/// A block of a PEM file (RFC 7468): its label and its bytes, which may be secret.
struct PEMBlock: ~Copyable {
  let label: String
  let bytes: SecureBytes

  /// The most bytes of a file with keys.
  static let maximumBytes = 1 << 20

  private init(_ label: String, _ bytes: consuming SecureBytes) {
    self.label = label
    self.bytes = bytes
  }

  /// Finds the next block of a text, from a position on; nil if there is none. Text between blocks is
  /// skipped, since other programs write comments there.
  ///
  /// Keys are passed on by people, so white space in and around lines does not count (RFC 7468 section 3), nor does a byte
  /// order mark, and a line end may be missing between two blocks.
  static func next(in text: Span<UInt8>, _ position: inout Int) throws(PEMError) -> PEMBlock? {
    guard text.count <= maximumBytes else { throw PEMError(.tooLarge, "\(text.count) bytes of keys") }
    var lines = ArmorLines(text, at: position)
    while let line = lines.next() {
      guard let label = lines.beginning(line) else { continue }
      let contents = lines.offset..<(try end(&lines, label))
      position = lines.offset
      return PEMBlock(label, try decode(text, contents))
    }
    position = text.count
    return nil
  }

  /// Moves behind the last line of a block, and returns where that line begins.
  private static func end(_ lines: inout ArmorLines, _ label: String) throws(PEMError) -> Int {
    while let line = lines.next() {
      if let end = lines.ending(line) {
        guard end == label else { throw PEMError(.malformedPEM, "a block with an unmatched last line") }
        return line.lowerBound
      }
    }
    throw PEMError(.malformedPEM, "a block without its last line")
  }

  private static func decode(_ text: Span<UInt8>, _ contents: Range<Int>) throws(PEMError) -> SecureBytes {
    if contents.contains(where: { text[$0] == UInt8(ascii: ":") }) {
      throw PEMError(
        .unsupported, "a key in OpenSSL's old encrypted form; convert it with: openssl pkcs8 -topk8")
    }
    var output: SecureBytes
    do { output = try SecureBytes(count: contents.count / 4 * 3 + 3) } catch { throw PEMError(error) }
    var decoder = Base64.Decoder()
    var used = 0
    for index in contents where ![0x20, 0x09, 0x0A, 0x0D].contains(text[index]) {
      var span = output.mutableSpan
      let isTaken = decoder.take(text[index]) { byte in
        guard used < span.count else { return }
        span[used] = byte
        used += 1
      }
      guard isTaken else { throw PEMError(.malformedPEM, "a block that is not base64") }
    }
    guard decoder.isComplete else { throw PEMError(.malformedPEM, "a block of incomplete base64") }
    do { return try output.copy(0..<used) } catch { throw PEMError(error) }
  }
}
