/// A selection of paths: all of them, or those that match patterns, with everything beneath them.
///
/// In a pattern `*` and `?` stand for bytes of one component, `[a-z]` and `[!a-z]` for one byte of a set,
/// `**` as a whole component for any number of components, and a backslash makes the next byte literal.
public struct PathSelection: Sendable {
  /// How a path relates to the selection.
  enum Verdict {
    /// Neither the path nor anything beneath it is selected.
    case none
    /// Something beneath it may be selected.
    case above
    /// It is selected.
    case chosen
  }

  /// The patterns as they were given.
  private let texts: [[UInt8]]
  /// The components of each pattern.
  private let patterns: [[[UInt8]]]
  private let isAll: Bool

  /// Everything.
  public static let all = PathSelection(patterns: [[UInt8]]())

  /// The paths that match one of the patterns; without patterns, everything. A leading slash changes nothing.
  public init(patterns: [[UInt8]]) {
    texts = patterns
    self.patterns = patterns.map { $0.split(separator: 0x2F).map(Array.init) }.map { pattern in
      pattern.filter { $0 != [0x2E] }
    }
    isAll = patterns.isEmpty || self.patterns.contains([])
  }

  /// The paths that match one of the patterns, which are text.
  ///
  /// ```swift
  /// options.selection = PathSelection(patterns: ["etc", "usr/**/*.so"])
  /// ```
  public init(patterns: [String]) { self.init(patterns: patterns.map { Array($0.utf8) }) }

  /// Whether a path has a special byte, which makes it a pattern.
  public static func isPattern(_ path: [UInt8]) -> Bool {
    path.contains { $0 == 0x2A || $0 == 0x3F || $0 == 0x5B || $0 == 0x5C }
  }

  /// A pattern that matches exactly one path.
  public static func literal(_ path: [UInt8]) -> [UInt8] {
    path.flatMap { [0x2A, 0x3F, 0x5B, 0x5C].contains($0) ? [0x5C, $0] : [$0] }
  }

  /// How a path relates to the selection.
  func verdict(_ path: [UInt8]) -> Verdict {
    var matched = Matched()
    return verdict(path, &matched)
  }

  /// The patterns that have selected an entry.
  struct Matched {
    /// Whether each pattern has; empty if nobody asks.
    fileprivate var patterns: [Bool] = []
    fileprivate var hasAll = true
  }

  /// A record in which no pattern has selected an entry yet.
  var nothingMatched: Matched { Matched(patterns: patterns.map { _ in false }, hasAll: patterns.isEmpty) }

  /// The patterns, as they were given, that have selected nothing.
  func unmatched(_ matched: Matched) -> [[UInt8]] {
    zip(texts, matched.patterns).filter { !$0.1 }.map(\.0)
  }

  /// How a path relates to the selection; records the patterns that select it.
  func verdict(_ path: [UInt8], _ matched: inout Matched) -> Verdict {
    if isAll, matched.hasAll { return .chosen }
    let components = path.split(separator: 0x2F)
    var verdict = Verdict.none
    for (index, pattern) in patterns.enumerated() {
      switch Self.match(pattern[...], components[...]) {
      case .chosen:
        verdict = .chosen
        if matched.hasAll { return .chosen }
        matched.patterns[index] = true
      case .above where verdict == .none: verdict = .above
      case .above, .none: break
      }
    }
    matched.hasAll = matched.hasAll || !matched.patterns.contains(false)
    return isAll ? .chosen : verdict
  }

  /// Matches component by component with a set of live positions, so that every pattern costs at most its
  /// length times the path's.
  private static func match(_ pattern: ArraySlice<[UInt8]>, _ path: ArraySlice<ArraySlice<UInt8>>) -> Verdict
  {
    let doubleStar: [UInt8] = [0x2A, 0x2A]
    func closure(_ states: Set<Int>) -> Set<Int> {
      var states = states
      for state in states.sorted() {
        var next = state
        while next < pattern.count, pattern[next] == doubleStar {
          next += 1
          states.insert(next)
        }
      }
      return states
    }
    var states = closure([0])
    for component in path {
      // A pattern that ended further up selects everything beneath.
      if states.contains(pattern.count) { return .chosen }
      var next: Set<Int> = []
      for state in states where state < pattern.count {
        if pattern[state] == doubleStar {
          next.insert(state)
        } else if matches(pattern[state][...], component) {
          next.insert(state + 1)
        }
      }
      if next.isEmpty { return .none }
      states = closure(next)
    }
    return states.contains(pattern.count) ? .chosen : .above
  }

  /// Matches one component, backtracking only to the latest star.
  private static func matches(_ pattern: ArraySlice<UInt8>, _ name: ArraySlice<UInt8>) -> Bool {
    var (p, n) = (pattern.startIndex, name.startIndex)
    var retry: (p: Int, n: Int)?
    while n < name.endIndex {
      if p < pattern.endIndex, pattern[p] == 0x2A {
        retry = (p + 1, n)
        p += 1
        continue
      }
      if p < pattern.endIndex, let end = matchesOne(pattern, p, name[n]) {
        p = end
        n += 1
        continue
      }
      guard let (nextP, nextN) = retry else { return false }
      retry = (nextP, nextN + 1)
      (p, n) = (nextP, nextN + 1)
    }
    return pattern[p...].allSatisfy { $0 == 0x2A }
  }

  /// Matches one byte; returns the index at which the pattern goes on, or nil.
  private static func matchesOne(_ pattern: ArraySlice<UInt8>, _ start: Int, _ byte: UInt8) -> Int? {
    switch pattern[start] {
    case 0x3F: return start + 1
    case 0x5C where start + 1 < pattern.endIndex: return pattern[start + 1] == byte ? start + 2 : nil
    case 0x5B:
      guard let end = pattern[(start + 1)...].dropFirst(1).firstIndex(of: 0x5D) else { break }
      var set = pattern[(start + 1)..<end]
      let isNegated = set.first == 0x21 || set.first == 0x5E
      if isNegated { set.removeFirst() }
      var isMember = false
      var index = set.startIndex
      while index < set.endIndex {
        let low = set[index]
        if index + 2 < set.endIndex, set[index + 1] == 0x2D {
          isMember = isMember || (low <= set[index + 2] && byte >= low && byte <= set[index + 2])
          index += 3
        } else {
          isMember = isMember || byte == low
          index += 1
        }
      }
      return isMember != isNegated ? end + 1 : nil
    default: break
    }
    return pattern[start] == byte ? start + 1 : nil
  }
}
