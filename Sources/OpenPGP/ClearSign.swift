import Bytes
import Gcrypt

/// A cleartext signed message (RFC 9580 section 7), as SIF stores signatures: one block that is the whole data.
///
/// What other programs let pass, and what made them show one text and verify another, is refused: text before,
/// between or after; headers other than `Hash`; control characters; lines that need a dash escape and
/// have none; more than one block.
public struct ClearSignedMessage: Sendable {
  /// The text, its lines ending in CRLF but for the last. These very bytes are what is hashed: there is no
  /// second copy that could be another.
  public let text: [UInt8]
  /// The body of each signature packet.
  let signatures: [SignaturePacket]

  /// More than any signature over an image's metadata is long, in bytes.
  public static let maximumBytes = 4 << 20
  /// Signature packets in one block: signers who signed together.
  private static let maximumSignatures = 16

  static let beginning = "-----BEGIN PGP SIGNED MESSAGE-----"
  private static let signatureBeginning = "-----BEGIN PGP SIGNATURE-----"

  /// Whether the data begins like a cleartext signed message; it may still be a faulty one.
  public static func isClearSigned(_ bytes: Span<UInt8>) -> Bool {
    let beginning = Array(beginning.utf8)
    return bytes.count >= beginning.count && beginning.indices.allSatisfy { bytes[$0] == beginning[$0] }
  }

  /// Reads a message.
  ///
  /// - Throws: ``OpenPGPError`` with the byte at which the data leaves the format.
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
  /// - Throws: ``OpenPGPError`` with the byte at which the data leaves the format.
  public init(reading bytes: [UInt8]) throws(OpenPGPError) { try self.init(reading: bytes.span) }

  private static func fault(_ line: Range<Int>, _ what: String) -> OpenPGPError {
    OpenPGPError(.malformedMessage, what, at: line.lowerBound)
  }

  /// The packets in the armored block of a message.
  static func armoredSignatures(_ bytes: Span<UInt8>) throws(OpenPGPError) -> SecureBytes {
    var lines = LineReader(bytes)
    _ = try readHeaders(&lines)
    _ = try readText(&lines)
    return try Armor.decode(&lines, .signature)
  }

  /// The first line, `Hash` headers, if any, and the empty line (RFC 9580 section 7.1 allows no others).
  private static func readHeaders(_ lines: inout LineReader) throws(OpenPGPError) -> [String] {
    guard let first = lines.next(), lines.text(first) == beginning else {
      throw OpenPGPError(.malformedMessage, "something else where the signed message begins", at: 0)
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

  /// The lines up to the signature: dash escapes removed, trailing blanks removed, joined by CRLF.
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
        throw OpenPGPError(.malformedPacket, "a packet that is no signature", at: packet.start)
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

  /// A text in the form that is hashed: trailing blanks and carriage returns of each line removed, lines joined by
  /// CRLF, and no line end after the last.
  static func canonicalLines(_ text: [UInt8]) throws(OpenPGPError) -> [[UInt8]] {
    var lines = text.split(separator: 0x0A, omittingEmptySubsequences: false).map { Array($0) }
    // A final newline ends the last line and begins no other.
    if lines.count > 1, lines.last == [] { lines.removeLast() }
    for (number, line) in lines.enumerated() {
      let kept = line.count - (line.reversed().prefix { $0 == 0x20 || $0 == 0x09 || $0 == 0x0D }.count)
      lines[number] = Array(line.prefix(kept))
      guard lines[number].allSatisfy({ $0 >= 0x20 && $0 != 0x7F || $0 == 0x09 }) else {
        throw OpenPGPError(.malformedMessage, "a control character in what is to be signed")
      }
    }
    return lines
  }

  /// The block of a text and the signature packets over it.
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
