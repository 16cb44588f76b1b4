/// The lines of a text with armored blocks, PEM's or OpenPGP's, read as people pass such texts on.
///
/// White space at the ends of a line and byte order marks do not count. Lines end in LF, CR LF or CR. A first or last line of
/// a block is a line of its own, also if another one follows without a line end, or if base64 stands before a last line.
package struct ArmorLines: ~Escapable {
  private let bytes: Span<UInt8>
  /// The offset of the next line.
  package var offset: Int

  private static let begin = Array("-----BEGIN ".utf8)
  private static let end = Array("-----END ".utf8)
  private static let dashes = Array("-----".utf8)
  /// No label is longer.
  private static let maximumLabel = 64

  /// The lines of a text from an offset on.
  @_lifetime(copy bytes)
  package init(_ bytes: Span<UInt8>, at offset: Int = 0) {
    self.bytes = bytes
    self.offset = offset
    skipByteOrderMark()
  }

  /// Whether a byte is a space or a tab.
  package static func isBlank(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 }

  /// Whether a text stands at an offset.
  package func has(_ text: [UInt8], at place: Int) -> Bool {
    guard place <= bytes.count - text.count else { return false }
    for index in text.indices where bytes[place + index] != text[index] { return false }
    return true
  }

  private mutating func skipByteOrderMark() {
    if has([0xEF, 0xBB, 0xBF], at: offset) { offset += 3 }
  }

  private mutating func skipBlanks() {
    while offset < bytes.count, Self.isBlank(bytes[offset]) { offset += 1 }
  }

  /// The label of a line such as `-----BEGIN X-----`; nil for any other line.
  package func beginning(_ line: Range<Int>) -> String? { marker(line.lowerBound, Self.begin)?.label }

  /// The label of a line such as `-----END X-----`; nil for any other line.
  package func ending(_ line: Range<Int>) -> String? { marker(line.lowerBound, Self.end)?.label }

  private func marker(_ start: Int, _ prefix: [UInt8]) -> (label: String, end: Int)? {
    guard has(prefix, at: start) else { return nil }
    let first = start + prefix.count
    var place = first
    while place < bytes.count, place - first < Self.maximumLabel, bytes[place] != 0x0A, bytes[place] != 0x0D {
      if has(Self.dashes, at: place) {
        let label = (first..<place).map { bytes[$0] }
        return (String(decoding: label, as: UTF8.self), place + Self.dashes.count)
      }
      place += 1
    }
    return nil
  }

  /// The range of the next line without the white space at its ends; nil at the end of the text.
  package mutating func next() -> Range<Int>? {
    guard offset < bytes.count else { return nil }
    skipBlanks()
    skipByteOrderMark()
    let start = offset
    if let (_, end) = marker(start, Self.begin) ?? marker(start, Self.end) {
      offset = end
    } else {
      while offset < bytes.count, bytes[offset] != 0x0A, bytes[offset] != 0x0D,
        offset == start || marker(offset, Self.end) == nil
      { offset += 1 }
    }
    var end = offset
    while end > start, Self.isBlank(bytes[end - 1]) { end -= 1 }
    skipBlanks()
    if has([0x0D, 0x0A], at: offset) {
      offset += 2
    } else if has([0x0D], at: offset) || has([0x0A], at: offset) {
      offset += 1
    }
    return start..<end
  }
}
