import Bytes
import Glibc
import LinuxSystem
import SystemPackage

/// A pattern of `%files`: `*` for any bytes, `?` for one, `[a-z]` and `[^a-z]` for one of a set, and `\c` for `c` itself. None of
/// them stands for a slash.
struct FilePattern {
  /// The directories that a pattern is looked for in.
  protocol Place {
    /// The names in a directory; none if the path is something else.
    func names(in path: [[UInt8]]) throws(SystemError) -> [[UInt8]]
    /// Whether a path leads to something.
    func has(_ path: [[UInt8]]) throws(SystemError) -> Bool
  }

  private let parts: [[UInt8]]

  /// A pattern from a path.
  init(_ path: [UInt8]) {
    parts = path.split(separator: 0x2F).filter { !$0.elementsEqual([0x2E]) }.map(Array.init)
  }

  /// Whether a text has anything that a pattern has.
  static func isPattern(_ text: some Sequence<UInt8>) -> Bool {
    text.contains { [0x2A, 0x3F, 0x5B, 0x5C].contains($0) }
  }

  /// The paths that match, in the order of their bytes.
  func matches(in place: some Place) throws(SystemError) -> [[[UInt8]]] {
    var found: [[[UInt8]]] = [[]]
    for (index, part) in parts.enumerated() {
      var next: [[[UInt8]]] = []
      for path in found {
        if Self.isPattern(part) {
          let names = try place.names(in: path).filter { Self.matches(part[...], $0[...]) }
          next += names.sorted { $0.lexicographicallyPrecedes($1) }.map { path + [$0] }
        } else {
          next.append(path + [part])
        }
      }
      found = next
      if index == parts.count - 1, !Self.isPattern(part) {
        var existing: [[[UInt8]]] = []
        for path in found where try place.has(path) { existing.append(path) }
        found = existing
      }
    }
    return found
  }

  /// Whether a name matches. The time is at most the product of both lengths.
  static func matches(_ pattern: ArraySlice<UInt8>, _ name: ArraySlice<UInt8>) -> Bool {
    var (place, at) = (pattern.startIndex, name.startIndex)
    var retry: (place: Int, at: Int)?
    while true {
      if place == pattern.endIndex, at == name.endIndex { return true }
      if place < pattern.endIndex, pattern[place] == 0x2A {
        place += 1
        retry = (place, at)
        continue
      }
      if place < pattern.endIndex, at < name.endIndex, let end = single(pattern[place...], name[at]) {
        place = end
        at += 1
        continue
      }
      guard let last = retry, last.at < name.endIndex else { return false }
      retry = (last.place, last.at + 1)
      (place, at) = (last.place, last.at + 1)
    }
  }

  /// The place behind the first element of a pattern, if that matches a byte.
  private static func single(_ pattern: ArraySlice<UInt8>, _ byte: UInt8) -> Int? {
    let start = pattern.startIndex
    switch pattern[start] {
    case 0x3F: return start + 1
    case 0x5C where pattern.count > 1: return pattern[start + 1] == byte ? start + 2 : nil
    case 0x5B:
      guard let (end, matches) = set(pattern, byte) else { return byte == 0x5B ? start + 1 : nil }
      return matches ? end : nil
    default: return pattern[start] == byte ? start + 1 : nil
    }
  }

  /// The place behind a set, and whether a byte is in it; nil if the set has no end.
  private static func set(_ pattern: ArraySlice<UInt8>, _ byte: UInt8) -> (Int, Bool)? {
    var at = pattern.startIndex + 1
    let isInverted = at < pattern.endIndex && [0x5E, 0x21].contains(pattern[at])
    if isInverted { at += 1 }
    let first = at
    var isIn = false
    while at < pattern.endIndex {
      if pattern[at] == 0x5D, at > first { return (at + 1, isIn != isInverted) }
      if pattern[at] == 0x5C, at + 1 < pattern.endIndex { at += 1 }
      let low = pattern[at]
      var high = low
      if at + 2 < pattern.endIndex, pattern[at + 1] == 0x2D, pattern[at + 2] != 0x5D {
        high = pattern[at + 2]
        at += 2
      }
      if low <= byte, byte <= high { isIn = true }
      at += 1
    }
    return nil
  }
}
