import SIF
import StrictJSON

/// Follows armored blocks and JSON (spec/forensics.md, "What is looked for").
extension CarveFormats {
  /// The longest armored block and JSON text that are followed, in bytes.
  private static let longestArmor = 4 << 20
  static let longestJSON = 16 << 20

  private static func find(_ needle: [UInt8], in text: [UInt8], from start: Int) -> Int? {
    guard let first = needle.first, text.count >= needle.count else { return nil }
    var index = start
    while index + needle.count <= text.count {
      if text[index] == first, text[index...].starts(with: needle) { return index }
      index += 1
    }
    return nil
  }

  /// A block between `-----BEGIN LABEL-----` and `-----END LABEL-----`.
  static func armor(_ window: StorageWindow) -> (ContentKind, CarvedShape)? {
    let head = window.bytes(80, at: 0)
    let begin = Array("-----BEGIN ".utf8)
    let dashes = Array("-----".utf8)
    guard head.starts(with: begin), let close = find(dashes, in: head, from: begin.count) else { return nil }
    let label = Array(head[begin.count..<close])
    let isLabel = label.allSatisfy {
      (0x41...0x5A).contains($0) || (0x30...0x39).contains($0) || $0 == 0x20
    }
    guard !label.isEmpty, isLabel else { return nil }
    let isClearSigned = label == Array("PGP SIGNED MESSAGE".utf8)
    let isPGP = label.starts(with: Array("PGP ".utf8))
    let kind: ContentKind = isClearSigned ? .clearSigned : isPGP ? .armor : .pem
    let name = String(decoding: label, as: UTF8.self)
    let ending = Array("-----END ".utf8) + (isClearSigned ? Array("PGP SIGNATURE".utf8) : label) + dashes
    // Most are short: read more only where it is needed.
    for limit in [16 << 10, longestArmor] {
      let text = window.bytes(limit, at: 0)
      if let end = find(ending, in: text, from: close).map({ $0 + ending.count }) {
        return (kind, CarvedShape(Int64(lineEnd(text, end)), .high, "a block \(name) from beginning to end"))
      }
      if text.count < limit { break }
    }
    let length = Int64(window.bytes(longestArmor, at: 0).prefix { $0 >= 9 && $0 < 127 }.count)
    var shape = CarvedShape(length, .low, "the beginning of a block \(name), without its end")
    shape.isComplete = false
    return (kind, shape)
  }

  /// Behind a line's end, where one follows.
  private static func lineEnd(_ text: [UInt8], _ end: Int) -> Int {
    if end + 1 < text.count, text[end] == 13, text[end + 1] == 10 { return end + 2 }
    return end < text.count && text[end] == 10 ? end + 1 : end
  }

  /// A JSON object or array that the parser accepts.
  ///
  /// - Parameter spent: counts the bytes that were looked at.
  static func json(_ window: StorageWindow, spent: inout Int) -> CarvedShape? {
    let head = window.bytes(64, at: 0)
    let spaces: [UInt8] = [0x20, 0x09, 0x0A, 0x0D]
    let second = head.dropFirst().first { !spaces.contains($0) }
    let isObject = head.first == UInt8(ascii: "{")
    guard
      second == UInt8(ascii: "\"") || second == (isObject ? UInt8(ascii: "}") : UInt8(ascii: "]"))
        || !isObject && second == UInt8(ascii: "{")
    else { return nil }
    var length: Int?
    for limit in [4096, 256 << 10, longestJSON] {
      let text = window.bytes(limit, at: 0)
      spent += text.count
      length = balancedEnd(text)
      if let length {
        guard
          (try? JSONParser.parse(Array(text[..<length]), limits: JSONLimits(keepsDuplicateKeys: true))) != nil
        else { return nil }
        return CarvedShape(
          Int64(lineEnd(text, length)), length >= 16 ? .high : .low, "JSON that the parser accepts as a whole"
        )
      }
      if text.count < limit || text.contains(where: { $0 < 9 }) { return nil }
    }
    return nil
  }

  /// Behind the bracket that closes the first one; nil where none does.
  private static func balancedEnd(_ text: [UInt8]) -> Int? {
    var depth = 0
    var isInString = false
    var isEscaped = false
    for (index, byte) in text.enumerated() {
      if isInString {
        if isEscaped {
          isEscaped = false
        } else if byte == 0x5C {
          isEscaped = true
        } else if byte == 0x22 {
          isInString = false
        }
        continue
      }
      switch byte {
      case 0x22: isInString = true
      case UInt8(ascii: "{"), UInt8(ascii: "["): depth += 1
      case UInt8(ascii: "}"), UInt8(ascii: "]"):
        depth -= 1
        if depth == 0 { return index + 1 }
      default: break
      }
    }
    return nil
  }
}
