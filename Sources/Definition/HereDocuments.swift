/// Finds where here-documents begin in the lines of a shell script, and where they end.
///
/// It follows quotes, comments, substitutions and arithmetic as far as a line with `<<` needs it.
struct HereDocuments {
  /// A here-document that has begun.
  struct Document: Equatable {
    /// The line that ends it.
    let end: [UInt8]
    /// Whether tabs at the beginning of lines do not count.
    let stripsTabs: Bool

    func isEnded(by line: [UInt8]) -> Bool {
      stripsTabs ? line.drop { $0 == 0x09 }.elementsEqual(end) : line == end
    }
  }

  private enum Context {
    case single, double, command, arithmetic, parenthesis
  }

  private var contexts: [Context] = []
  private static let deepest = 100

  /// The here-documents that have begun and have not ended, the next one first.
  private(set) var open: [Document] = []

  /// Takes the line of a here-document. Returns whether it was one.
  mutating func takeContent(_ line: [UInt8]) -> Bool {
    guard let first = open.first else { return false }
    if first.isEnded(by: line) { open.removeFirst() }
    return true
  }

  /// Takes a line of the script itself.
  mutating func take(_ line: [UInt8]) {
    var rest = line[...]
    var isWordStart = true
    while let byte = rest.popFirst() {
      let startsWord = isWordStart
      isWordStart = byte.isBlank || Array(";|&()".utf8).contains(byte)
      switch contexts.last {
      case .single:
        if byte == 0x27 { contexts.removeLast() }
      case .double:
        switch byte {
        case 0x5C: _ = rest.popFirst()
        case 0x22: contexts.removeLast()
        case 0x24: takeSubstitution(&rest)
        default: break
        }
      case .arithmetic, .parenthesis:
        if byte == 0x28 { enter(.parenthesis) }
        if byte == 0x29 {
          if contexts.last == .arithmetic, rest.first == 0x29 { rest.removeFirst() }
          contexts.removeLast()
        }
      case .command, nil:
        switch byte {
        case 0x5C: _ = rest.popFirst()
        case 0x27: enter(.single)
        case 0x22: enter(.double)
        case 0x23 where startsWord: return
        case 0x24: takeSubstitution(&rest)
        case 0x28:
          if rest.first == 0x28, startsWord {
            rest.removeFirst()
            enter(.arithmetic)
          } else {
            enter(.command)
          }
        case 0x29: if contexts.last == .command { contexts.removeLast() }
        case 0x3C where rest.first == 0x3C:
          rest.removeFirst()
          takeOperator(&rest)
        default: break
        }
      }
    }
  }

  private mutating func enter(_ context: Context) {
    if contexts.count < Self.deepest { contexts.append(context) }
  }

  private mutating func takeSubstitution(_ rest: inout ArraySlice<UInt8>) {
    guard rest.first == 0x28 else { return }
    rest.removeFirst()
    guard rest.first == 0x28 else { return enter(.command) }
    rest.removeFirst()
    enter(.arithmetic)
  }

  /// What follows `<<`.
  private mutating func takeOperator(_ rest: inout ArraySlice<UInt8>) {
    // A here-string.
    if rest.first == 0x3C {
      rest.removeFirst()
      return
    }
    let stripsTabs = rest.first == 0x2D
    if stripsTabs { rest.removeFirst() }
    rest = rest.drop { $0 == 0x20 || $0 == 0x09 }
    var word: [UInt8] = []
    var quote: UInt8?
    while let byte = rest.first {
      if let mark = quote {
        if byte == mark { quote = nil } else { word.append(byte) }
      } else if byte == 0x27 || byte == 0x22 {
        quote = byte
      } else if byte == 0x5C {
        rest.removeFirst()
        if let next = rest.first { word.append(next) }
      } else if byte.isBlank || Array(";|&<>()".utf8).contains(byte) {
        break
      } else {
        word.append(byte)
      }
      rest = rest.dropFirst()
    }
    if !word.isEmpty, quote == nil { open.append(Document(end: word, stripsTabs: stripsTabs)) }
  }

  /// Forgets the last here-document that has begun.
  mutating func forgetLast() { if !open.isEmpty { open.removeLast() } }
}
