import Bytes

extension DefinitionFile {
  /// One label: a name, and a value that may be empty.
  public struct Label: Equatable, Sendable {
    /// Its name.
    public let name: [UInt8]
    /// Its value, with its quotes.
    public let value: [UInt8]
    let isSeparatedByTab: Bool

    /// Reads a line of `%labels`; nil for an empty line and a comment.
    public init?(_ line: DefinitionLine) {
      let text = line.trimmed
      guard let first = text.first, first != 0x23 else { return nil }
      name = Array(text.prefix { !$0.isBlank })
      isSeparatedByTab = text.dropFirst(name.count).first == 0x09
      value = Array(text.dropFirst(name.count).trimmed)
    }
  }

  /// A line of `%files`: what is copied, and where to.
  public struct FileCopy: Equatable, Sendable {
    /// The number of the line.
    public let line: Int
    /// A path or a pattern.
    public let source: [UInt8]
    /// The place in the image; nil for the path of the source.
    public let destination: [UInt8]?
    let hasMore: Bool
  }

  /// A value that a template stands for: `name=value`.
  public struct Argument: Equatable, Sendable {
    /// The number of the line.
    public let line: Int
    /// Its name.
    public let name: String
    /// Its value, with its quotes.
    public let value: [UInt8]
  }
}

extension DefinitionFile.Stage {
  /// The labels of the image, in their order.
  public var labels: [DefinitionFile.Label] { lines(of: .labels).compactMap(DefinitionFile.Label.init) }

  /// The values that `%arguments` gives to templates, in their order.
  public var arguments: [DefinitionFile.Argument] {
    lines(of: .arguments).compactMap { line in
      guard line.trimmed.first != 0x23, let (name, value) = DefinitionTemplate.assignment(line.trimmed) else {
        return nil
      }
      return DefinitionFile.Argument(line: line.number, name: name, value: value)
    }
  }
}

extension DefinitionFile.Section {
  /// The words of the head, without a comment.
  var headWords: [ArraySlice<UInt8>] { Array(arguments.prefix { $0 != 0x23 })[...].words }

  /// The stage that `%files` copies from; nil for the host.
  public var sourceStage: String? {
    kind == .files && headWords.count == 2 ? headWords[1].text : nil
  }

  /// What `%files` copies, in its order.
  ///
  /// A word is what is between blanks, or between double quotes. A template is one word.
  public var copies: [DefinitionFile.FileCopy] {
    guard kind == .files else { return [] }
    return lines.compactMap { line in
      guard let first = line.trimmed.first, first != 0x23 else { return nil }
      var words = Self.words(line.trimmed)
      // A comment behind the source is none of the words.
      if let comment = words.firstIndex(where: { $0.first == 0x23 }) { words.removeSubrange(comment...) }
      guard let source = words.first else { return nil }
      return DefinitionFile.FileCopy(
        line: line.number, source: source, destination: words.count > 1 ? words[1] : nil,
        hasMore: words.count > 2)
    }
  }

  private static func words(_ text: ArraySlice<UInt8>) -> [[UInt8]] {
    var words: [[UInt8]] = []
    var word: [UInt8]?
    var rest = text
    while let byte = rest.popFirst() {
      if byte == 0x22 {
        let quoted = rest.prefix { $0 != 0x22 }
        rest = rest.dropFirst(quoted.count + 1)
        if let word { words.append(word) }
        words.append(Array(quoted))
        word = nil
      } else if byte.isBlank {
        if let word { words.append(word) }
        word = nil
      } else if byte == 0x7B, rest.first == 0x7B, let end = DefinitionTemplate.end(of: rest.dropFirst()) {
        word = (word ?? []) + [byte] + rest[..<end]
        rest = rest[end...]
      } else {
        word = (word ?? []) + [byte]
      }
    }
    if let word { words.append(word) }
    return words
  }
}
