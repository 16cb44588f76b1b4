/// Files that people give by mistake in place of an image or a key, told by their first bytes.
package enum ForeignFile: Sendable {
  case html
  case xml
  case json
  /// What Git checks out in place of a large file that it did not fetch.
  case lfsPointer
  case utf16
  /// A public key as `ssh-keygen` writes it, with the name of its algorithm.
  case sshPublicKey(String)
  /// A public key in SSH's other form (RFC 4716).
  case ssh2PublicKey
  case puttyKey
  /// ASN.1 without PEM around it: a certificate, a key, or a PKCS #12 file.
  case der
  case image
  case squashfs
  /// An image of Singularity 2: a squashfs behind a line of text.
  case singularity2
  case gzip
  case zstd
  case xz
  case zip
  case program
  case luks

  /// The number of bytes that the recognition looks at.
  package static let lookedAt = 512

  /// Recognises a file by its first ``lookedAt`` bytes, or as many as there are; nil for all that it does not know.
  package init?(beginning bytes: [UInt8]) {
    func has(_ text: String, at place: Int = 0) -> Bool { bytes.dropFirst(place).starts(with: text.utf8) }
    let bytesOfMark: [UInt8] = [0xEF, 0xBB, 0xBF]
    var text = bytes.starts(with: bytesOfMark) ? bytes[3...] : bytes[...]
    text = text.drop { [0x20, 0x09, 0x0A, 0x0D].contains($0) }
    let word = String(decoding: text.prefix(80), as: UTF8.self)
    let lower = word.lowercased()
    if has("SIF_MAGIC", at: 32) {
      self = .image
    } else if bytes.starts(with: ContentMagic.squashfs) {
      self = .squashfs
    } else if has("#!/usr/bin/env run-singularity") {
      self = .singularity2
    } else if bytes.starts(with: ContentMagic.luks) {
      self = .luks
    } else if bytes.starts(with: [0x1F, 0x8B]) {
      self = .gzip
    } else if bytes.starts(with: [0x28, 0xB5, 0x2F, 0xFD]) {
      self = .zstd
    } else if bytes.starts(with: [0xFD, 0x37, 0x7A, 0x58, 0x5A, 0x00]) {
      self = .xz
    } else if bytes.starts(with: [0x50, 0x4B, 0x03, 0x04]) {
      self = .zip
    } else if has("\u{7F}ELF") {
      self = .program
    } else if Self.isUTF16(bytes) {
      self = .utf16
    } else if lower.hasPrefix("<!doctype html") || lower.hasPrefix("<html") || lower.hasPrefix("<head") {
      self = .html
    } else if lower.hasPrefix("<?xml") {
      self = .xml
    } else if word.hasPrefix("version https://git-lfs") {
      self = .lfsPointer
    } else if let name = Self.sshAlgorithm(word) {
      self = .sshPublicKey(name)
    } else if word.hasPrefix("---- BEGIN SSH2 PUBLIC KEY") {
      self = .ssh2PublicKey
    } else if word.hasPrefix("PuTTY-User-Key-File-") {
      self = .puttyKey
    } else if word.hasPrefix("{\"") || word.hasPrefix("{\n") || word.hasPrefix("{\r") {
      self = .json
    } else if Self.isDER(bytes) {
      self = .der
    } else {
      return nil
    }
  }

  private static func sshAlgorithm(_ word: String) -> String? {
    let name = word.prefix { $0 != " " }
    let isKnown = ["ssh-", "ecdsa-sha2-", "sk-ssh-", "sk-ecdsa-"].contains { name.hasPrefix($0) }
    return isKnown && word.dropFirst(name.count).hasPrefix(" AAAA") ? String(name) : nil
  }

  /// A sequence that begins with a sequence or an integer, as keys, certificates and PKCS #12 files do. A short one must
  /// be the whole file, since its first byte is also the digit zero.
  private static func isDER(_ bytes: [UInt8]) -> Bool {
    guard bytes.count > 4, bytes[0] == 0x30 else { return false }
    let contents = bytes[1] < 0x80 ? 2 : 2 + Int(bytes[1] & 0x7F)
    guard bytes[1] < 0x80 ? bytes.count == 2 + Int(bytes[1]) : bytes[1] <= 0x83 else { return false }
    return contents < bytes.count && [0x02, 0x30].contains(bytes[contents])
  }

  /// UTF-16 with its mark, or of text that is mostly ASCII.
  private static func isUTF16(_ bytes: [UInt8]) -> Bool {
    if bytes.starts(with: [0xFF, 0xFE]) || bytes.starts(with: [0xFE, 0xFF]) { return true }
    guard bytes.count >= 8 else { return false }
    let (even, odd) = ([0, 2, 4, 6].map { bytes[$0] }, [1, 3, 5, 7].map { bytes[$0] })
    func isText(_ some: [UInt8]) -> Bool { some.allSatisfy { 0x20..<0x7F ~= $0 || $0 == 0x0A || $0 == 0x0D } }
    func isZero(_ some: [UInt8]) -> Bool { some.allSatisfy { $0 == 0 } }
    return isText(even) && isZero(odd) || isZero(even) && isText(odd)
  }

  /// What the file is, with an article, and what helps, if it is the same whatever the file was to be.
  package var description: String {
    switch self {
    case .html: "an HTML page: the download failed, or asked for a login"
    case .xml: "XML, perhaps a server's error message"
    case .json: "JSON, perhaps a server's error message"
    case .lfsPointer: "a Git LFS pointer, not the file itself: git lfs pull fetches that"
    case .utf16: "text in UTF-16; convert it with: iconv -f UTF-16 -t UTF-8"
    case .sshPublicKey: "a public key of OpenSSH"
    case .ssh2PublicKey: "a public key of SSH2"
    case .puttyKey: "a key of PuTTY"
    case .der: "binary ASN.1 (DER)"
    case .image: "a SIF image"
    case .squashfs: "a squashfs image"
    case .singularity2: "an image of Singularity 2, a squashfs behind a line of text"
    case .gzip: "compressed with gzip"
    case .zstd: "compressed with zstd"
    case .xz: "compressed with xz"
    case .zip: "a zip archive"
    case .program: "a program (ELF)"
    case .luks: "a LUKS volume"
    }
  }
}
