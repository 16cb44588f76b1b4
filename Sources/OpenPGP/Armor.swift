import Bytes
import Gcrypt

/// ASCII armor (RFC 9580 section 6).
enum Armor {
  /// Blocks that this module reads and writes.
  enum Kind: String, CaseIterable {
    case publicKey = "PGP PUBLIC KEY BLOCK"
    case privateKey = "PGP PRIVATE KEY BLOCK"
    case signature = "PGP SIGNATURE"
  }

  /// The headers that RFC 9580 section 6.2.2 names. In an image others are refused, for example one that makes claims
  /// about the signed text, because nothing protects them.
  private static let headers = ["Version", "Comment", "Hash", "Charset", "MessageID"]
  /// RFC 9580 section 6.2.1 allows at most 76, but other programs accept 96.
  private static let maximumLine = 96

  /// Decodes a block of an image after its first line, up to and including its last line. It is read strictly; files of
  /// keys are read by ``KeyText``.
  static func decode(_ lines: inout LineReader, _ kind: Kind) throws(OpenPGPError) -> SecureBytes {
    try skipHeaders(&lines)
    let start = lines.offset
    let end = "-----END \(kind.rawValue)-----"
    var decoder = Base64.Decoder()
    let room = lines.remaining
    var output = try gcrypt { () throws(GcryptError) in try SecureBytes(count: room / 4 * 3 + 3) }
    var used = 0
    var checksum: UInt32?
    while let line = lines.next() {
      if lines.text(line) == end {
        guard decoder.isComplete else { throw lines.fail(line, "base64 that ends within a group") }
        if let checksum, checksum != crc24(output.span.extracting(first: used)) {
          throw lines.fail(line, "a wrong checksum")
        }
        return try gcrypt { () throws(GcryptError) in try output.copy(0..<used) }
      }
      guard checksum == nil else { throw lines.fail(line, "more text after the checksum") }
      guard line.count <= maximumLine else { throw lines.fail(line, "a line of \(line.count) characters") }
      if line.count == 5, lines.byte(line.lowerBound) == UInt8(ascii: "=") {
        guard let bytes = Base64.decode(lines.bytes(line.lowerBound + 1..<line.upperBound)), bytes.count == 3
        else { throw lines.fail(line, "a malformed checksum") }
        checksum = bytes.reduce(0) { $0 << 8 | UInt32($1) }
        continue
      }
      for index in line {
        var span = output.mutableSpan
        guard
          decoder.take(
            lines.byte(index),
            { byte in
              guard used < span.count else { return }
              span[used] = byte
              used += 1
            })
        else { throw lines.fail(line, "a byte that is not base64") }
      }
    }
    throw OpenPGPError(.malformedArmor, "an armored block without its last line", at: start)
  }

  /// Skips `Key: value` lines up to an empty line, which may contain white space.
  private static func skipHeaders(_ lines: inout LineReader) throws(OpenPGPError) {
    while let line = lines.next() {
      let text = lines.text(line)
      if text.utf8.allSatisfy({ $0 == 0x20 || $0 == 0x09 }) { return }
      guard let key = headers.first(where: { text.hasPrefix($0 + ":") }), !key.isEmpty,
        text.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7F })
      else { throw lines.fail(line, "an unknown armor header") }
    }
    throw OpenPGPError(.malformedArmor, "an armored block without its empty line", at: lines.offset)
  }

  /// Encodes bytes as a block with lines of 64 characters and no newline after the last line.
  ///
  /// It has a checksum, although RFC 9580 section 6.1 advises against it: GnuPG 2.2 does not find the end of
  /// base64 that has neither a checksum nor padding.
  static func encode(_ bytes: Span<UInt8>, _ kind: Kind, hasChecksum: Bool = true) -> [UInt8] {
    var result: [UInt8] = []
    encode(bytes, kind, hasChecksum: hasChecksum) { result.append($0) }
    return result
  }

  /// Passes the text of the block to a closure, byte by byte, so that a secret need not be on the heap.
  static func encode(
    _ bytes: Span<UInt8>, _ kind: Kind, hasChecksum: Bool = true, _ sink: (UInt8) -> Void
  ) {
    for byte in "-----BEGIN \(kind.rawValue)-----\n\n".utf8 { sink(byte) }
    var column = 0
    Base64.encode(bytes) { digit in
      sink(digit)
      column += 1
      if column == 64 {
        sink(0x0A)
        column = 0
      }
    }
    if column > 0 { sink(0x0A) }
    if hasChecksum {
      sink(UInt8(ascii: "="))
      for digit in Base64.encode(Array(BigEndian.bytes(crc24(bytes)).dropFirst())) { sink(digit) }
      sink(0x0A)
    }
    for byte in "-----END \(kind.rawValue)-----".utf8 { sink(byte) }
  }

  /// The optional checksum (RFC 9580 section 6.1).
  static func crc24(_ bytes: Span<UInt8>) -> UInt32 {
    var crc: UInt32 = 0xB704CE
    for index in bytes.indices {
      crc ^= UInt32(bytes[index]) << 16
      for _ in 0..<8 {
        crc <<= 1
        if crc & 0x1000000 != 0 { crc ^= 0x1864CFB }
      }
    }
    return crc & 0xFFFFFF
  }
}

/// Reads lines from text. They end in LF or CRLF; the last one may end with the text.
struct LineReader: ~Escapable {
  private let bytes: Span<UInt8>
  private(set) var offset = 0

  @_lifetime(copy bytes)
  init(_ bytes: Span<UInt8>) {
    self.bytes = bytes
  }

  var remaining: Int { bytes.count - offset }

  /// The range of the next line without its line ending; nil at the end of the text.
  mutating func next() -> Range<Int>? {
    guard offset < bytes.count else { return nil }
    let start = offset
    while offset < bytes.count, bytes[offset] != 0x0A { offset += 1 }
    var end = offset
    if offset < bytes.count {
      offset += 1
      if end > start, bytes[end - 1] == 0x0D { end -= 1 }
    }
    return start..<end
  }

  func byte(_ index: Int) -> UInt8 { index < bytes.count ? bytes[index] : 0 }

  func bytes(_ range: Range<Int>) -> [UInt8] {
    range.clamped(to: 0..<bytes.count).map { bytes[$0] }
  }

  /// A line as text, for comparing it with fixed ones. Bytes that are not UTF-8 are replaced.
  func text(_ range: Range<Int>) -> String { String(decoding: bytes(range), as: UTF8.self) }

  func fail(_ line: Range<Int>, _ what: String) -> OpenPGPError {
    OpenPGPError(.malformedArmor, what, at: line.lowerBound)
  }
}
