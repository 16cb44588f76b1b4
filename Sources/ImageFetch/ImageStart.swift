import Bytes

/// What a file is by its first bytes, so that a page of a web server never becomes an image.
enum ImageStart {
  /// Refuses what no runtime can run: neither a SIF image nor a squashfs.
  static func check(_ bytes: [UInt8], _ source: String) throws(FetchError) {
    func has(_ magic: String, at offset: Int) -> Bool {
      bytes.count >= offset + magic.utf8.count && bytes[offset...].starts(with: magic.utf8)
    }
    if has("SIF_MAGIC", at: 32) || has("hsqs", at: 0) { return }
    // Images of Singularity 2 have a line for the kernel before the squashfs.
    if let end = bytes.prefix(128).firstIndex(of: 0x0A), has("#!", at: 0), has("hsqs", at: end + 1) { return }
    let text = String(decoding: bytes.prefix(256), as: UTF8.self).lowercased()
    let looks =
      bytes.isEmpty
      ? "nothing"
      : text.contains("<html") || text.contains("<!doctype")
        ? "a web page"
        : bytes.first == UInt8(ascii: "{") ? "a JSON document" : "something else"
    throw FetchError(.notImage, "\(source): the server sent \(looks), not an image")
  }

  /// Refuses what is not a SIF image.
  static func checkSIF(_ bytes: [UInt8], _ source: String) throws(FetchError) {
    guard bytes.count >= 41, bytes[32...].starts(with: "SIF_MAGIC".utf8) else {
      throw FetchError(.notSIF, "\(source): what is there is not a SIF image")
    }
  }
}
