import SIF
import StrictJSON

/// Follows armored blocks and JSON (spec/forensics.md, "What is looked for").
extension CarveFormats {
  /// The longest JSON text that is followed, in bytes.
  private static let longestJSON = 16 << 20

  fileprivate static func find(_ needle: [UInt8], in text: [UInt8], from start: Int) -> Int? {
    guard let first = needle.first, text.count >= needle.count else { return nil }
    var index = start
    while index + needle.count <= text.count {
      if text[index] == first, text[index...].starts(with: needle) { return index }
      index += 1
    }
    return nil
  }

  /// A block between `-----BEGIN LABEL-----` and `-----END LABEL-----`.
  static func armor(_ window: StorageWindow, _ ends: inout ArmorEnds) -> (ContentKind, CarvedShape)? {
    let head = window.bytes(80, at: 0)
    let begin = Array("-----BEGIN ".utf8)
    guard let label = label(head, behind: begin) else { return nil }
    let isClearSigned = label == Array("PGP SIGNED MESSAGE".utf8)
    let isPGP = label.starts(with: Array("PGP ".utf8))
    let kind: ContentKind = isClearSigned ? .clearSigned : isPGP ? .armor : .pem
    let name = String(decoding: label, as: UTF8.self)
    // The first end has to match, since blocks are not nested.
    if let end = ends.next(window) {
      let tail = window.bytes(80, at: end)
      guard Self.label(tail, behind: ArmorEnds.mark) == (isClearSigned ? Array("PGP SIGNATURE".utf8) : label)
      else { return nil }
      let length = ArmorEnds.mark.count + (isClearSigned ? 13 : label.count) + 5
      return (
        kind,
        CarvedShape(end + Int64(lineEnd(tail, length)), .high, "a block \(name) from beginning to end")
      )
    }
    let length = Int64(window.bytes(64 << 10, at: 0).prefix { $0 >= 9 && $0 < 127 }.count)
    var shape = CarvedShape(length, .low, "the beginning of a block \(name), without its end")
    shape.isComplete = false
    return (kind, shape)
  }

  /// The label between `start` and five dashes; nil if there is none.
  private static func label(_ text: [UInt8], behind start: [UInt8]) -> [UInt8]? {
    guard text.starts(with: start), let close = find(Array("-----".utf8), in: text, from: start.count) else {
      return nil
    }
    let label = Array(text[start.count..<close])
    let isLabel = label.allSatisfy {
      (0x41...0x5A).contains($0) || (0x30...0x39).contains($0) || $0 == 0x20
    }
    return isLabel && !label.isEmpty ? label : nil
  }

  /// The position after the line end at `end`, if there is one.
  private static func lineEnd(_ text: [UInt8], _ end: Int) -> Int {
    if end + 1 < text.count, text[end] == 13, text[end + 1] == 10 { return end + 2 }
    return end < text.count && text[end] == 10 ? end + 1 : end
  }

  /// A JSON object or array that the parser accepts.
  static func json(_ window: StorageWindow, _ budget: CarveBudget) -> CarvedShape? {
    let head = window.bytes(64, at: 0)
    let spaces: [UInt8] = [0x20, 0x09, 0x0A, 0x0D]
    let second = head.dropFirst().first { !spaces.contains($0) }
    let isObject = head.first == UInt8(ascii: "{")
    guard
      second == UInt8(ascii: "\"") || second == (isObject ? UInt8(ascii: "}") : UInt8(ascii: "]"))
        || !isObject && second == UInt8(ascii: "{")
    else { return nil }
    // A cheap check of the beginning rejects most texts that only look like JSON.
    let text = head.prefix { $0 >= 9 }
    guard (0..<4).contains(where: { String(validating: text.dropLast($0), as: UTF8.self) != nil }) else {
      return nil
    }
    var length: Int?
    for limit in [4096, 256 << 10, longestJSON] {
      let text = window.bytes(limit, at: 0)
      length = balancedEnd(text)
      budget.wastedJSON += text.count
      if let length {
        guard
          (try? JSONParser.check(Array(text[..<length]), limits: JSONLimits(keepsDuplicateKeys: true))) != nil
        else { return nil }
        // JSON that was found does not count as wasted.
        budget.wastedJSON = max(budget.wastedJSON - 2 * text.count, 0)
        return CarvedShape(
          Int64(lineEnd(text, length)), length >= 16 ? .high : .low, "JSON that the parser accepts as a whole"
        )
      }
      if text.count < limit || text.contains(where: { $0 < 9 }) { return nil }
    }
    return nil
  }

  /// The position after the bracket that closes the first one; nil if none does.
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

/// Finds the ends of armored blocks. It reads each byte once, however many blocks begin before it.
struct ArmorEnds {
  static let mark = Array("-----END ".utf8)
  /// The longest block that is followed, in bytes.
  private static let longest: Int64 = 4 << 20
  /// The range that was searched, and the first end in it, if there is one.
  private var searched: Range<Int64> = 0..<0
  private var found: Int64?

  /// The place of the first end after the window's first byte; nil if there is none nearby.
  mutating func next(_ window: StorageWindow) -> Int64? {
    let start = window.offset
    let limit = start + min(Self.longest, window.byteCount)
    var position = start
    if searched.contains(start) {
      if let found, found >= start { return found - start }
      // There is none up to here.
      if found == nil { position = searched.upperBound }
    }
    let origin = position == start ? start : searched.lowerBound
    while position < limit {
      let block = window.bytes(256 << 10, at: position - start)
      guard !block.isEmpty else { break }
      if let index = CarveFormats.find(Self.mark, in: block, from: 0) {
        found = position + Int64(index)
        searched = origin..<position + Int64(index) + 1
        return position + Int64(index) - start
      }
      // A mark may cross the end of the block.
      let step = Int64(block.count > Self.mark.count ? block.count - Self.mark.count + 1 : block.count)
      position += step
      if block.count < 256 << 10 { position = max(position, limit) }
    }
    searched = origin..<max(position, origin)
    found = nil
    return nil
  }
}
