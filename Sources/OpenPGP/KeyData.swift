import Bytes
import Gcrypt

/// Files with keys, in whichever form: binary packets, a keybox, or text with armored blocks.
enum KeyData {
  /// Passes each run of packets in the data to a closure: an armored block, a key of a keybox, or the whole data.
  ///
  /// - Parameter skip: called with the fault of each part that gives no packets.
  static func forEachRun(
    of bytes: Span<UInt8>, _ skip: (OpenPGPError) -> Void, _ body: (Span<UInt8>) throws(OpenPGPError) -> Void
  ) throws(OpenPGPError) {
    guard bytes.count <= KeyRing.maximumBytes else {
      throw OpenPGPError(.tooLarge, "\(bytes.count) bytes of keys")
    }
    if Keybox.isKeybox(bytes) { return try Keybox.read(bytes, body) }
    var text = KeyText(bytes)
    if text.isAtBinary {
      guard !isFramed(bytes), let start = text.skipToBlock() else { return try body(bytes) }
      // Packets, and behind them text: each is read as what it is.
      if isFramed(bytes.extracting(first: start)) { try body(bytes.extracting(first: start)) }
    }
    while let block = text.nextBlock(skip) {
      let packets: SecureBytes
      do { packets = try text.decode(block, skip) } catch {
        guard error.code == .malformedArmor else { throw error }
        skip(error)
        continue
      }
      try body(packets.span)
    }
  }

  private static func isFramed(_ bytes: Span<UInt8>) -> Bool {
    var reader = PacketReader(bytes)
    do {
      while try reader.next() != nil {}
      return true
    } catch { return false }
  }
}

/// Reads the armored blocks of a file of keys (RFC 9580 section 6).
///
/// People copy such files from pages and mails, so it takes what does not change the meaning: what ``ArmorLines`` lets pass,
/// white space in lines, headers that it does not know, missing and additional empty lines, lines of any length. RFC
/// 9580 section 6.1 forbids to refuse a block for its checksum.
struct KeyText: ~Escapable {
  /// A block whose first and last line were found: the range of the lines between them.
  typealias Block = Range<Int>

  private let bytes: Span<UInt8>
  private var lines: ArmorLines

  @_lifetime(copy bytes)
  init(_ bytes: Span<UInt8>) {
    self.bytes = bytes
    lines = ArmorLines(bytes)
  }

  /// Whether the next byte begins a packet.
  var isAtBinary: Bool { lines.offset < bytes.count && bytes[lines.offset] & 0x80 != 0 }

  /// Moves to the first armored block, and returns where it begins.
  mutating func skipToBlock() -> Int? {
    while let line = lines.next() {
      if lines.beginning(line)?.hasPrefix("PGP ") == true {
        lines.offset = line.lowerBound
        return line.lowerBound
      }
    }
    return nil
  }

  /// The next block that may hold keys. Others are skipped.
  mutating func nextBlock(_ skip: (OpenPGPError) -> Void) -> Block? {
    while let line = lines.next() {
      if lines.has(Array(":-----BEGIN PGP ".utf8), at: line.lowerBound) {
        let what = "a revocation that GnuPG made useless with a colon before it; without the colon it counts"
        skip(OpenPGPError(.malformedArmor, what, at: line.lowerBound))
        continue
      }
      // The text of a signed message has no last line.
      guard let label = lines.beginning(line), label != "PGP SIGNED MESSAGE" else { continue }
      guard let contents = skipToEnd(label) else {
        skip(OpenPGPError(.malformedArmor, "an armored block without its last line", at: line.lowerBound))
        continue
      }
      guard Armor.Kind(rawValue: label) != nil else {
        let name = VisibleText.text(label.utf8, doublesBackslashes: false)
        skip(OpenPGPError(.noKey, "a block of text that holds no OpenPGP key: \(name)", at: line.lowerBound))
        continue
      }
      return contents
    }
    return nil
  }

  /// Moves behind the last line of a block; nil if the text ends or another block begins before it.
  private mutating func skipToEnd(_ label: String) -> Range<Int>? {
    let start = lines.offset
    while let line = lines.next() {
      if let end = lines.ending(line) { return end == label ? start..<line.lowerBound : nil }
      if lines.beginning(line) != nil {
        lines.offset = line.lowerBound
        return nil
      }
    }
    return nil
  }

  /// The packets of a block, in secure memory, because private keys are armored, too.
  func decode(_ block: Block, _ skip: (OpenPGPError) -> Void) throws(OpenPGPError) -> SecureBytes {
    var lines = ArmorLines(bytes.extracting(first: block.upperBound), at: block.lowerBound)
    skipHeaders(&lines)
    var decoder = Base64.Decoder()
    let room = (block.upperBound - lines.offset) / 4 * 3 + 3
    var output = try gcrypt { () throws(GcryptError) in try SecureBytes(count: room) }
    var used = 0
    while let line = lines.next() {
      // A checksum, right or wrong, must not decide (RFC 9580 section 6.1).
      if decoder.isComplete, !line.isEmpty, bytes[line.lowerBound] == UInt8(ascii: "=") {
        if !isChecksum(line, Armor.crc24(output.span.extracting(first: used))) {
          skip(OpenPGPError(.malformedArmor, "a checksum that is not that of its block", at: line.lowerBound))
        }
        continue
      }
      for index in line where !ArmorLines.isBlank(bytes[index]) {
        var span = output.mutableSpan
        let isTaken = decoder.take(bytes[index]) { byte in
          guard used < span.count else { return }
          span[used] = byte
          used += 1
        }
        guard isTaken else { throw OpenPGPError(.malformedArmor, "a byte that is not base64", at: index) }
      }
    }
    guard decoder.isComplete else {
      throw OpenPGPError(.malformedArmor, "base64 that ends within a group", at: block.upperBound)
    }
    return try gcrypt { () throws(GcryptError) in try output.copy(0..<used) }
  }

  /// Skips lines such as `Key: value`, and an empty one after them. Base64 has no colon.
  private func skipHeaders(_ lines: inout ArmorLines) {
    while true {
      let start = lines.offset
      guard let line = lines.next(), !line.isEmpty else { return }
      if !line.contains(where: { bytes[$0] == UInt8(ascii: ":") }) {
        lines.offset = start
        return
      }
    }
  }

  private func isChecksum(_ line: Range<Int>, _ expected: UInt32) -> Bool {
    let digits = line.dropFirst().map { bytes[$0] }.filter { !ArmorLines.isBlank($0) }
    return Base64.decode(digits) == Array(BigEndian.bytes(expected).dropFirst())
  }
}
