import Bytes

/// The id of an image: a UUID, its 16 bytes in textual order (spec/format.md, "Global header").
public struct ImageID: Hashable, Sendable {
  /// The 16 bytes.
  public let bytes: [UInt8]

  /// No id: all zero, as in deterministic images.
  public static let none = ImageID(bytes: Array(repeating: 0, count: 16))

  /// The id with the given bytes, cut or zero-padded to 16.
  public init(bytes: [UInt8]) {
    self.bytes = Array((bytes + repeatElement(0, count: 16)).prefix(16))
  }

  /// A new random id: a UUID of version 4 (RFC 9562 section 5.4).
  public static func random() -> ImageID {
    var bytes = (0..<16).map { _ in UInt8.random(in: 0...255) }
    bytes[6] = bytes[6] & 0x0F | 0x40
    bytes[8] = bytes[8] & 0x3F | 0x80
    return ImageID(bytes: bytes)
  }

  /// The id of a text such as `3fa802cc-358b-45e3-bcc0-69dc7a45f9f8`, or nil for anything else.
  public init?(text: some StringProtocol) {
    let groups = text.split(separator: "-", omittingEmptySubsequences: false)
    guard groups.map(\.utf8.count) == [8, 4, 4, 4, 12] else { return nil }
    guard let bytes = Array(hexadecimal: groups.joined()) else { return nil }
    self.init(bytes: bytes)
  }

  /// The id in lower case, in groups of 8, 4, 4, 4 and 12 digits.
  public var text: String {
    let groups = [bytes[0..<4], bytes[4..<6], bytes[6..<8], bytes[8..<10], bytes[10..<16]]
    return groups.map { Array($0).hexadecimal }.joined(separator: "-")
  }
}
