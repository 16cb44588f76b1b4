/// A pattern of the shell. Characters that were in quotes stand for themselves.
struct ShellPattern {
  var bytes: [UInt8] = []
  /// For each byte, whether it may have a meaning.
  var isActive: [Bool] = []

  /// Whether a text matches.
  ///
  /// - Parameter steps: what the comparison may still cost; negative afterwards if it was too much.
  func matches(_ text: ArraySlice<UInt8>, _ steps: inout Int) -> Bool {
    var (place, at) = (0, text.startIndex)
    // Where to go on if what follows the last star does not match.
    var retry: (place: Int, at: Int)?
    while true {
      steps -= 1
      guard steps >= 0 else { return false }
      if place == bytes.count {
        if at == text.endIndex { return true }
      } else if isActive[place], bytes[place] == 0x2A {
        retry = (place + 1, at)
        place += 1
        continue
      } else if at < text.endIndex, let end = single(at: place, text[at], &steps) {
        place = end
        at += 1
        continue
      }
      guard let last = retry, last.at < text.endIndex else { return false }
      retry = (last.place, last.at + 1)
      (place, at) = (last.place, last.at + 1)
    }
  }

  /// The place behind an element that matches one byte; nil if it does not match.
  private func single(at place: Int, _ byte: UInt8, _ steps: inout Int) -> Int? {
    guard isActive[place] else { return bytes[place] == byte ? place + 1 : nil }
    switch bytes[place] {
    case 0x3F: return place + 1
    case 0x5B:
      guard let (end, matches) = set(at: place, byte, &steps) else { fallthrough }
      return matches ? end : nil
    default: return bytes[place] == byte ? place + 1 : nil
    }
  }

  /// A set in brackets: the place behind it, and whether the byte is in it; nil if no bracket closes it.
  private func set(at place: Int, _ byte: UInt8, _ steps: inout Int) -> (Int, Bool)? {
    var index = place + 1
    let isNegated = index < bytes.count && isActive[index] && (bytes[index] == 0x21 || bytes[index] == 0x5E)
    if isNegated { index += 1 }
    let first = index
    var found = false
    while index < bytes.count {
      steps -= 1
      if index > first, isActive[index], bytes[index] == 0x5D { return (index + 1, found != isNegated) }
      if index + 2 < bytes.count, isActive[index + 1], bytes[index + 1] == 0x2D,
        !(isActive[index + 2] && bytes[index + 2] == 0x5D)
      {
        if bytes[index] <= byte, byte <= bytes[index + 2] { found = true }
        index += 3
      } else {
        if bytes[index] == byte { found = true }
        index += 1
      }
    }
    return nil
  }

  /// Whether the shell would look for files that match.
  var selectsFiles: Bool {
    for (index, byte) in bytes.enumerated() where isActive[index] {
      if byte == 0x2A || byte == 0x3F { return true }
      if byte == 0x5B, bytes[(index + 1)...].contains(0x5D) { return true }
    }
    return false
  }
}
