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
  static func next(in text: Span<UInt8>, _ position: inout Int) throws(PEMError) -> PEMBlock? {
    guard text.count <= maximumBytes else { throw PEMError(.tooLarge, "\(text.count) bytes of keys") }
    while let line = nextLine(text, &position) {
      guard let label = label(text.extracting(line), "-----BEGIN ") else { continue }
      return PEMBlock(label, try content(text, &position, label))
    }
    return nil
  }

  private static func content(
    _ text: Span<UInt8>, _ position: inout Int, _ label: String
  ) throws(PEMError) -> SecureBytes {
    var output: SecureBytes
    do { output = try SecureBytes(count: (text.count - position) / 4 * 3 + 3) } catch {
      throw PEMError(error)
    }
    var decoder = Base64.Decoder()
    var used = 0
    while let line = nextLine(text, &position) {
      if let end = self.label(text.extracting(line), "-----END ") {
        guard end == label, decoder.isComplete else {
          throw PEMError(.malformedPEM, "a block with an unmatched last line or incomplete base64")
        }
        do { return try output.copy(0..<used) } catch { throw PEMError(error) }
      }
      for index in line {
        if text[index] == UInt8(ascii: ":") {
          throw PEMError(
            .unsupported, "a key in OpenSSL's old encrypted form; convert it with: openssl pkcs8 -topk8")
        }
        var span = output.mutableSpan
        let isTaken = decoder.take(text[index]) { byte in
          guard used < span.count else { return }
          span[used] = byte
          used += 1
        }
        // A colon further on marks a header line, which the check above reports when it gets there.
        if !isTaken, !line.contains(where: { text[$0] == UInt8(ascii: ":") }) {
          throw PEMError(.malformedPEM, "a block that is not base64")
        }
      }
    }
    throw PEMError(.malformedPEM, "a block without its last line")
  }

  /// The next line without its line ending and trailing blanks; nil at the end of the text.
  private static func nextLine(_ text: Span<UInt8>, _ position: inout Int) -> Range<Int>? {
    guard position < text.count else { return nil }
    let start = position
    while position < text.count, text[position] != 0x0A { position += 1 }
    var end = position
    position = min(position + 1, text.count)
    while end > start, [0x0D, 0x20, 0x09].contains(text[end - 1]) { end -= 1 }
    return start..<end
  }

  /// The label of a block's first or last line.
  private static func label(_ line: Span<UInt8>, _ prefix: StaticString) -> String? {
    let count = prefix.utf8CodeUnitCount
    guard line.count > count + 5, line.count < 80 else { return nil }
    for index in 0..<count where line[index] != prefix.utf8Start[index] { return nil }
    for index in line.count - 5..<line.count where line[index] != UInt8(ascii: "-") { return nil }
    var label: [UInt8] = []
    for index in count..<line.count - 5 { label.append(line[index]) }
    return String(decoding: label, as: UTF8.self)
  }
}
