import Bytes
public import Gcrypt

/// Lists of digests in the form of `sha256sum` and similar tools (spec/timeline.md, "Hash lists").
public enum HashList {
  /// The algorithms, by their names in coreutils.
  public static let algorithms: [(name: String, algorithm: HashAlgorithm)] = [
    ("sha256", .sha256), ("sha512", .sha512), ("sha384", .sha384), ("sha224", .sha224), ("sha1", .sha1),
    ("md5", .md5), ("blake2b", .blake2b_512),
  ]

  /// The longest list that is read, in bytes: it is held in memory.
  public static let longestList = 256 << 20
  /// The longest line of a list, in bytes: a digest, and a path of a million bytes, all escaped.
  public static let longestLine = 4 << 20

  /// A line including its end. A name with a line end or a backslash is escaped, and the line then begins
  /// with a backslash.
  public static func line(_ digest: [UInt8], _ name: [UInt8]) -> [UInt8] {
    let escaped = escaped(name)
    var line: [UInt8] = escaped == nil ? [] : [0x5C]
    line += Hexadecimal.text(digest).utf8
    line += [0x20, 0x20]
    line += escaped ?? name
    line.append(0x0A)
    return line
  }

  /// A name with escapes; nil if it needs none.
  private static func escaped(_ name: [UInt8]) -> [UInt8]? {
    guard name.contains(where: { $0 == 0x0A || $0 == 0x0D || $0 == 0x5C }) else { return nil }
    return name.flatMap { byte -> [UInt8] in
      switch byte {
      case 0x0A: [0x5C, UInt8(ascii: "n")]
      case 0x0D: [0x5C, UInt8(ascii: "r")]
      case 0x5C: [0x5C, 0x5C]
      default: [byte]
      }
    }
  }

  /// A name without its escapes; nil if one of them is invalid.
  static func unescaped(_ text: ArraySlice<UInt8>) -> [UInt8]? {
    var name: [UInt8] = []
    var rest = text
    while let byte = rest.popFirst() {
      guard byte == 0x5C else {
        name.append(byte)
        continue
      }
      switch rest.popFirst() {
      case UInt8(ascii: "n"): name.append(0x0A)
      case UInt8(ascii: "r"): name.append(0x0D)
      case 0x5C: name.append(0x5C)
      default: return nil
      }
    }
    return name
  }

  /// One line of a list.
  struct Line {
    var name: [UInt8]
    var digest: [UInt8]
    /// The algorithm, if the line names it.
    var tag: [UInt8]?

    /// Reads a line without its end: digest, blank, blank or asterisk, name; or `SHA256 (name) = digest`.
    init?(_ text: ArraySlice<UInt8>) {
      var text = text
      let isEscaped = text.first == 0x5C
      if isEscaped { text.removeFirst() }
      let name: ArraySlice<UInt8>
      if let tagged = Self.tagged(text) {
        (tag, name, digest) = tagged
      } else {
        let digits = text.prefix { $0 != 0x20 }
        guard let bytes = Hexadecimal.bytes(digits), text.count > digits.count + 2 else { return nil }
        guard [0x20, 0x2A].contains(text[digits.endIndex + 1]) else { return nil }
        digest = bytes
        name = text[(digits.endIndex + 2)...]
      }
      guard !name.isEmpty, let plain = isEscaped ? HashList.unescaped(name) : Array(name) else { return nil }
      self.name = plain
    }

    private static func tagged(_ text: ArraySlice<UInt8>) -> ([UInt8], ArraySlice<UInt8>, [UInt8])? {
      let word = text.prefix { $0 != 0x20 }
      // The digest comes after the last " = ", since a name may contain one too.
      guard text[word.endIndex...].starts(with: [0x20, 0x28]), let equals = text.lastIndex(of: 0x3D),
        equals > word.endIndex + 4, text[(equals - 2)..<equals].elementsEqual([0x29, 0x20]),
        text[(equals + 1)...].first == 0x20, let digest = Hexadecimal.bytes(text[(equals + 2)...])
      else { return nil }
      return (Array(word), text[(word.endIndex + 2)..<(equals - 2)], digest)
    }
  }
}

/// The change of a name since an earlier list was made.
public enum HashChange: String, Sendable, CaseIterable {
  /// The digest equals the one in the list.
  case same
  /// The digest differs.
  case changed
  /// It is in the list, but does not exist any more.
  case missing
  /// It is not in the list.
  case new
  /// It is in the list, and cannot be read now, without a key or because of damage. Whether it exists is
  /// unknown.
  case notRead = "not-read"
}

extension HashChange {
  /// The word for people.
  public var text: String { self == .notRead ? "not read" : rawValue }
}

/// An earlier list, and the names met since.
///
/// Names are compared byte by byte, without a leading `./`, which has no meaning.
public struct EarlierHashes: Sendable {
  private let names: [[UInt8]]
  private let digests: [[UInt8]]
  /// The numbers of the entries in the order of their names.
  private let order: [Int]
  private var isMet: [Bool]

  /// Reads a list.
  ///
  /// - Parameter algorithm: the algorithm that the digests must be of.
  /// - Throws: ``HashError/Code/list`` for an invalid line, digests of another length or algorithm, and a
  ///   name that is listed with two digests.
  public init(_ bytes: [UInt8], algorithm: HashAlgorithm) throws(HashError) {
    guard bytes.count <= HashList.longestList else {
      throw HashError(.list, "the list is longer than \(HashList.longestList >> 20) MiB")
    }
    let tag = Self.tag(of: algorithm)
    var (names, digests): ([[UInt8]], [[UInt8]]) = ([], [])
    var (start, number) = (0, 0)
    while start < bytes.count {
      number += 1
      var end = bytes[start...].firstIndex(of: 0x0A) ?? bytes.count
      let next = end + 1
      // A carriage return belongs to another system's line end.
      if end > start, bytes[end - 1] == 0x0D { end -= 1 }
      let text = bytes[start..<end]
      if text.isEmpty || text.first == 0x23 {
        start = next
        continue
      }
      guard let line = HashList.Line(text) else {
        throw HashError(.list, "line \(number) of the list is not a digest and a name", offset: Int64(start))
      }
      guard line.digest.count == algorithm.digestSize, line.tag.map({ $0 == tag }) ?? true else {
        throw HashError(
          .list, "line \(number) of the list has no digest of \(Self.name(of: algorithm))",
          offset: Int64(start))
      }
      names.append(Self.normalized(line.name))
      digests.append(line.digest)
      start = next
    }
    let (allNames, allDigests) = (names, digests)
    var order = Array(allNames.indices)
    order.sort { Self.precedes(allNames[$0], $0, allNames[$1], $1) }
    for (left, right) in zip(order, order.dropFirst())
    where allNames[left] == allNames[right] && allDigests[left] != allDigests[right] {
      throw HashError(.list, "the list has two digests of one name, in entries \(left + 1) and \(right + 1)")
    }
    self.names = names
    self.digests = digests
    self.order = order
    isMet = Array(repeating: false, count: names.count)
  }

  private static func precedes(_ a: [UInt8], _ i: Int, _ b: [UInt8], _ j: Int) -> Bool {
    a == b ? i < j : a.lexicographicallyPrecedes(b)
  }

  private static func name(of algorithm: HashAlgorithm) -> String {
    HashList.algorithms.first { $0.algorithm == algorithm }?.name ?? algorithm.name
  }

  private static func tag(of algorithm: HashAlgorithm) -> [UInt8] {
    algorithm == .blake2b_512 ? Array("BLAKE2b".utf8) : Array(name(of: algorithm).uppercased().utf8)
  }

  /// A name without any leading `./`.
  public static func normalized(_ name: [UInt8]) -> [UInt8] {
    var rest = name[...]
    while rest.starts(with: [0x2E, 0x2F]), rest.count > 2 { rest = rest.dropFirst(2) }
    return Array(rest)
  }

  /// The first entry of a name, in the order of names.
  private func position(of name: [UInt8]) -> Int? {
    var (low, high) = (0, order.count)
    while low < high {
      let middle = low + (high - low) / 2
      if names[order[middle]].lexicographicallyPrecedes(name) { low = middle + 1 } else { high = middle }
    }
    return low < order.count && names[order[low]] == name ? low : nil
  }

  /// Notes that a name exists; returns its change, and its earlier digest.
  ///
  /// - Parameter digest: nil if the file cannot be read.
  public mutating func meet(_ name: [UInt8], _ digest: [UInt8]?) -> (change: HashChange, earlier: [UInt8]?) {
    let name = Self.normalized(name)
    guard var place = position(of: name) else { return (.new, nil) }
    let earlier = digests[order[place]]
    while place < order.count, names[order[place]] == name {
      isMet[order[place]] = true
      place += 1
    }
    guard let digest else { return (.notRead, earlier) }
    return (earlier == digest ? .same : .changed, earlier)
  }

  /// The names that were not met, in the order of the list, with their digests.
  public var missing: [(name: [UInt8], digest: [UInt8])] {
    var seen: Set<[UInt8]> = []
    return names.indices.compactMap { index in
      isMet[index] || !seen.insert(names[index]).inserted ? nil : (names[index], digests[index])
    }
  }
}
