import Bytes

/// What a key server's machine-readable index says (spec/keyserver.md, "The index").
///
/// Nothing of it is proven: anybody can put keys with any names on a key server. It is read leniently, because servers
/// differ: lines may end in CR LF, the first line may be missing, and lines of other kinds are skipped.
public struct KeyserverIndex: Sendable {
  /// One key of the index.
  public struct Entry: Sendable, Equatable {
    /// The fingerprint or key id, as the server gave it.
    public let name: KeyName
    /// The number of the algorithm (RFC 9580 section 9.1); nil if the server does not say.
    public let algorithm: Int?
    /// The bits of the key; nil if the server does not say.
    public let bits: Int?
    /// When the key was made and when it expires.
    public let times: Times
    /// The remarks.
    public let flags: Flags
    /// The names of the owner.
    public internal(set) var userIDs: [UserID] = []
  }

  /// A name of a key's owner.
  public struct UserID: Sendable, Equatable {
    /// The bytes: UTF-8 by convention, but they may be anything.
    public let bytes: [UInt8]
    /// When the name was signed and when that expires.
    public let times: Times
    /// The remarks.
    public let flags: Flags

    /// The bytes as text; bytes that are not UTF-8 are replaced. Escape it before it reaches a terminal.
    public var text: String { String(decoding: bytes, as: UTF8.self) }
  }

  /// Times in Unix seconds; nil where the server does not say.
  public struct Times: Sendable, Equatable {
    /// The beginning.
    public let created: Int64?
    /// The end.
    public let expires: Int64?
  }

  /// Remarks of the server about a key or a name.
  public struct Flags: Sendable, Equatable {
    /// `r`.
    public let isRevoked: Bool
    /// `d`.
    public let isDisabled: Bool
    /// `e`.
    public let isExpired: Bool

    init(_ field: Substring.UTF8View?) {
      isRevoked = field?.contains(UInt8(ascii: "r")) ?? false
      isDisabled = field?.contains(UInt8(ascii: "d")) ?? false
      isExpired = field?.contains(UInt8(ascii: "e")) ?? false
    }
  }

  /// The keys, in the server's order.
  public private(set) var entries: [Entry] = []
  /// The number of keys that the server says it found; nil if it does not say. It may be any number.
  public private(set) var statedCount: Int?
  /// Whether the server says that it found more keys than it tells of.
  public var isPartial: Bool { statedCount.map { $0 > entries.count } ?? false }

  /// Reads an index.
  ///
  /// - Returns: nil if the text has no line of an index, as a web page has none.
  public init?(reading bytes: [UInt8]) {
    var isIndex = false
    for line in bytes.split(whereSeparator: { $0 == 0x0A || $0 == 0x0D }) {
      // Bytes that are not UTF-8 should be encoded; where they are not, they are replaced.
      let text = String(decoding: line, as: UTF8.self)
      let fields = text.split(separator: ":", omittingEmptySubsequences: false)
      switch fields[0] {
      case "info":
        isIndex = true
        statedCount = fields.count > 2 ? Int(fields[2]).flatMap { $0 >= 0 ? $0 : nil } : nil
      case "pub":
        isIndex = true
        guard fields.count > 1, let name = KeyName(fields[1]) else { continue }
        entries.append(
          Entry(
            name: name, algorithm: Self.number(fields, 2), bits: Self.number(fields, 3),
            times: Self.times(fields, 4), flags: Flags(fields.count > 6 ? fields[6].utf8 : nil)))
      case "uid":
        guard fields.count > 1, !entries.isEmpty else { continue }
        entries[entries.count - 1].userIDs.append(
          UserID(
            bytes: PercentEncoding.decode(fields[1]), times: Self.times(fields, 2),
            flags: Flags(fields.count > 4 ? fields[4].utf8 : nil)))
      default: continue
      }
    }
    guard isIndex else { return nil }
  }

  private static func number(_ fields: [Substring], _ index: Int) -> Int? {
    guard index < fields.count, let value = Int(fields[index]), value > 0 else { return nil }
    return value
  }

  private static func times(_ fields: [Substring], _ index: Int) -> Times {
    func time(_ index: Int) -> Int64? {
      guard index < fields.count, let value = Int64(fields[index]), value > 0, value < 1 << 40 else {
        return nil
      }
      return value
    }
    return Times(created: time(index), expires: time(index + 1))
  }
}

/// The encoding of bytes in addresses and forms, `%` and two digits.
enum PercentEncoding {
  /// The bytes of a text. Only `%XX` is decoded: a plus sign stays one, as in `user+tag@example.org`.
  static func decode(_ text: Substring) -> [UInt8] {
    var result: [UInt8] = []
    var rest = text.utf8[...]
    while let byte = rest.popFirst() {
      let digits = rest.prefix(2)
      if byte == UInt8(ascii: "%"), digits.count == 2, let value = Hexadecimal.bytes(digits)?.first {
        result.append(value)
        rest.removeFirst(2)
      } else {
        result.append(byte)
      }
    }
    return result
  }
}
