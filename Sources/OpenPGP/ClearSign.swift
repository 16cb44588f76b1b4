import Bytes
import Gcrypt

/// A cleartext signed message (RFC 9580 section 7) in the form in which SIF stores signatures: the data
/// consist of one block.
///
/// Some programs accept more, which made them show one text and verify another. The following is refused
/// here: text before, between or after the parts; headers other than `Hash`; control characters; lines that
/// begin with a dash without an escape; more than one block.
public struct ClearSignedMessage: Sendable {
  /// The text; all lines except the last end in CRLF. These very bytes are hashed, so there is no second copy
  /// that could differ.
  public let text: [UInt8]
  /// The body of each signature packet.
  let signatures: [SignaturePacket]

  /// The most bytes that a signature over an image's metadata may have.
  public static let maximumBytes = 4 << 20
  /// The most signature packets in one block, for signers who sign together.
  private static let maximumSignatures = 16

  static let beginning = "-----BEGIN PGP SIGNED MESSAGE-----"
  private static let signatureBeginning = "-----BEGIN PGP SIGNATURE-----"

  /// Whether the data begins like a cleartext signed message. The rest may still be malformed.
  public static func isClearSigned(_ bytes: Span<UInt8>) -> Bool {
    let beginning = Array(beginning.utf8)
    return bytes.count >= beginning.count && beginning.indices.allSatisfy { bytes[$0] == beginning[$0] }
  }

  /// Reads a message.
  ///
  /// - Throws: ``OpenPGPError`` with the byte at which the data violates the format.
  public init(reading bytes: Span<UInt8>) throws(OpenPGPError) {
    guard bytes.count <= Self.maximumBytes else {
      throw OpenPGPError(.tooLarge, "a signed message of \(bytes.count) bytes")
    }
    var lines = LineReader(bytes)
    let hashes = try Self.readHeaders(&lines)
    text = try Self.readText(&lines)
    let armored = try Armor.decode(&lines, .signature)
    while let line = lines.next() {
      guard line.isEmpty else { throw Self.fault(line, "text after the signature") }
    }
    signatures = try Self.readSignatures(armored.span)
    for signature in signatures where !hashes.isEmpty {
      guard let name = signature.hash.headerName, hashes.contains(name) else {
        throw OpenPGPError(.malformedMessage, "a signature with a hash that the Hash header does not name")
      }
    }
  }

  /// Reads a message.
  ///
  /// - Throws: ``OpenPGPError`` with the byte at which the data violates the format.
  public init(reading bytes: [UInt8]) throws(OpenPGPError) { try self.init(reading: bytes.span) }

  private static func fault(_ line: Range<Int>, _ what: String) -> OpenPGPError {
    OpenPGPError(.malformedMessage, what, at: line.lowerBound)
  }

  /// The packets from the armored block of a message.
  static func armoredSignatures(_ bytes: Span<UInt8>) throws(OpenPGPError) -> SecureBytes {
    var lines = LineReader(bytes)
    _ = try readHeaders(&lines)
    _ = try readText(&lines)
    return try Armor.decode(&lines, .signature)
  }

  /// Reads the first line, the `Hash` headers, if any, and the empty line. RFC 9580 section 7.1 allows no
  /// other headers.
  private static func readHeaders(_ lines: inout LineReader) throws(OpenPGPError) -> [String] {
    guard let first = lines.next(), lines.text(first) == beginning else {
      throw OpenPGPError(.malformedMessage, "the data does not begin with a signed message", at: 0)
    }
    var hashes: [String] = []
    while let line = lines.next() {
      if line.isEmpty { return hashes }
      let text = lines.text(line)
      guard text.hasPrefix("Hash: ") else { throw fault(line, "a header other than Hash") }
      let known = (1...14).compactMap { HashID(rawValue: $0).headerName }
      for name in text.dropFirst(6).split(separator: ",", omittingEmptySubsequences: false) {
        let trimmed = String(name.drop { $0 == " " })
        guard known.contains(trimmed) else { throw fault(line, "an unknown name in the Hash header") }
        hashes.append(trimmed)
      }
    }
    throw OpenPGPError(.malformedMessage, "a signed message without its empty line", at: lines.offset)
  }

  /// Reads the lines up to the signature, removes dash escapes and trailing blanks, and joins the lines with CRLF.
  private static func readText(_ lines: inout LineReader) throws(OpenPGPError) -> [UInt8] {
    var text: [UInt8] = []
    var isFirst = true
    while let line = lines.next() {
      var (start, end) = (line.lowerBound, line.upperBound)
      if end > start, lines.byte(start) == UInt8(ascii: "-") {
        if lines.text(line) == signatureBeginning { return text }
        guard end - start >= 2, lines.byte(start + 1) == UInt8(ascii: " ") else {
          throw fault(line, "a line that begins with a dash and is not escaped")
        }
        start += 2
      }
      while end > start, lines.byte(end - 1) == 0x20 || lines.byte(end - 1) == 0x09 { end -= 1 }
      if !isFirst { text += [0x0D, 0x0A] }
      isFirst = false
      for index in start..<end {
        let byte = lines.byte(index)
        guard byte >= 0x20 && byte != 0x7F || byte == 0x09 else {
          throw OpenPGPError(.malformedMessage, "a control character", at: index)
        }
        text.append(byte)
      }
    }
    throw OpenPGPError(.malformedMessage, "a signed message without its signature", at: lines.offset)
  }

  private static func readSignatures(_ bytes: Span<UInt8>) throws(OpenPGPError) -> [SignaturePacket] {
    var reader = PacketReader(bytes)
    var signatures: [SignaturePacket] = []
    while let packet = try reader.next() {
      guard packet.type == .signature else {
        throw OpenPGPError(.malformedPacket, "a packet that is not a signature", at: packet.start)
      }
      guard signatures.count < maximumSignatures else {
        throw OpenPGPError(.tooLarge, "more than \(maximumSignatures) signatures in one block")
      }
      signatures.append(try SignaturePacket.read(reader.body(packet), at: packet.body.lowerBound))
    }
    guard !signatures.isEmpty else {
      throw OpenPGPError(.malformedPacket, "a block without a signature", at: 0)
    }
    return signatures
  }

  /// Splits a text into lines in the form that is hashed: without trailing blanks and carriage returns. They
  /// are joined with CRLF, without a line ending after the last line.
  static func canonicalLines(_ text: [UInt8]) throws(OpenPGPError) -> [[UInt8]] {
    var lines = text.split(separator: 0x0A, omittingEmptySubsequences: false).map { Array($0) }
    // A final newline ends the last line; it does not begin another one.
    if lines.count > 1, lines.last == [] { lines.removeLast() }
    for (number, line) in lines.enumerated() {
      let kept = line.count - (line.reversed().prefix { $0 == 0x20 || $0 == 0x09 || $0 == 0x0D }.count)
      lines[number] = Array(line.prefix(kept))
      guard lines[number].allSatisfy({ $0 >= 0x20 && $0 != 0x7F || $0 == 0x09 }) else {
        throw OpenPGPError(.malformedMessage, "a control character in the text to sign")
      }
    }
    return lines
  }

  /// Encodes a text, and the signature packets over it, as a block.
  static func encode(
    _ lines: [[UInt8]], hash: HashID, signatures: [UInt8], hasChecksum: Bool = true
  ) -> [UInt8] {
    var result = Array("\(beginning)\nHash: \(hash.headerName ?? "SHA256")\n\n".utf8)
    for line in lines {
      if line.first == UInt8(ascii: "-") { result += Array("- ".utf8) }
      result += line
      result.append(0x0A)
    }
    return result + Armor.encode(signatures.span, .signature, hasChecksum: hasChecksum)
  }
}
