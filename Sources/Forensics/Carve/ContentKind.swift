import Bytes
import SIF

/// The kind of some content, by its first bytes and the distribution of its values (spec/forensics.md,
/// "Recognised content").
public enum ContentKind: String, Sendable, CaseIterable {
  /// A squashfs file system.
  case squashfs
  /// A LUKS volume.
  case luks
  /// An ext2, ext3 or ext4 file system.
  case ext
  /// An OpenPGP clear-signed message.
  case clearSigned = "pgp-clear-signed"
  /// Any other OpenPGP armor.
  case armor = "pgp-armor"
  /// Another PEM block.
  case pem
  /// JSON: an object or an array.
  case json
  /// An ELF program or library.
  case elf
  /// A tar archive.
  case tar
  /// A gzip stream.
  case gzip
  /// A Zstandard frame.
  case zstd
  /// An xz stream.
  case xz
  /// Another image of this format.
  case sif
  /// A script with an interpreter line.
  case script
  /// XML or HTML.
  case xml
  /// Plain text: UTF-8 without control characters.
  case text
  /// Only zeros.
  case zeros
  /// Bytes that look random: encrypted, or well compressed.
  case random
  /// Anything else.
  case data

  /// The number of first bytes that recognition needs: the magic of ext lies at offset 1080.
  static let prefixLength = ContentMagic.extOffset + ContentMagic.ext.count

  private static func has(_ bytes: [UInt8], _ magic: some Sequence<UInt8>, at offset: Int = 0) -> Bool {
    bytes.count >= offset && bytes[offset...].starts(with: magic)
  }

  /// Recognises contents by the magics in their first ``prefixLength`` bytes; nil if none matches.
  static func recognize(prefix bytes: [UInt8]) -> ContentKind? {
    if has(bytes, ContentMagic.luks) { return .luks }
    if bytes.starts(with: [0x7F, 0x45, 0x4C, 0x46]) { return .elf }
    if bytes.starts(with: [0x1F, 0x8B, 0x08]) { return .gzip }
    if bytes.starts(with: [0x28, 0xB5, 0x2F, 0xFD]) { return .zstd }
    if bytes.starts(with: [0xFD, 0x37, 0x7A, 0x58, 0x5A, 0x00]) { return .xz }
    if has(bytes, ContentMagic.squashfs) { return .squashfs }
    if has(bytes, Header.magic, at: Int(Header.Fields.magic.offset)) { return .sif }
    if has(bytes, "ustar".utf8, at: 257) { return .tar }
    if has(bytes, ContentMagic.ext, at: ContentMagic.extOffset) { return .ext }
    if has(bytes, ContentMagic.clearSigned) { return .clearSigned }
    if has(bytes, "-----BEGIN PGP ".utf8) { return .armor }
    if has(bytes, ContentMagic.armor) { return .pem }
    if has(bytes, "#!".utf8) { return .script }
    return nil
  }

  /// Recognises contents by their first bytes and by the number of times that each value occurs.
  static func recognize(prefix: [UInt8], _ counts: ByteCounts) -> ContentKind {
    let total = counts.total
    if counts.zeros == total { return .zeros }
    if let kind = recognize(prefix: prefix) { return kind }
    let text = prefix.starts(with: [0xEF, 0xBB, 0xBF]) ? prefix.dropFirst(3) : prefix[...]
    let isText = counts.controls == 0 && (counts.beyondASCII == 0 || isUTF8(prefix))
    if isText, let first = text.first(where: { ![0x20, 0x09, 0x0A, 0x0D].contains($0) }) {
      if first == UInt8(ascii: "{") || first == UInt8(ascii: "[") { return .json }
      if first == UInt8(ascii: "<") { return .xml }
    }
    if isText { return .text }
    return total >= 4096 && counts.entropy > 7.9 ? .random : .data
  }

  /// Whether bytes are UTF-8, apart from a character that is cut off at their end.
  private static func isUTF8(_ bytes: [UInt8]) -> Bool {
    (0..<min(4, bytes.count + 1)).contains { cut in
      String(validating: bytes.dropLast(cut), as: UTF8.self) != nil
    }
  }
}
