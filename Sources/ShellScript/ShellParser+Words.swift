/// Words: quotes and parameters.
extension ShellParser {
  /// A word up to the next blank or sign of the language.
  ///
  /// - Parameter isValue: whether it is the value of an assignment, where a tilde may also stand behind a colon.
  mutating func word(isValue: Bool = false) throws(ShellStop) -> ShellWord {
    var word = ShellWord(pieces: [], place: place)
    let start = position
    while let byte = next, !Self.endsWord(byte) {
      switch byte {
      case 0x7E where position == start || isValue && text[position - 1] == 0x3A:
        _ = take()
        guard next.map({ $0 == 0x2F || $0 == 0x3A || Self.endsWord($0) }) ?? true else {
          throw beyond("the home directory of another user")
        }
        word.pieces.append(.home)
      case 0x24:
        _ = take()
        try dollar(isQuoted: false, into: &word.pieces)
      default: try part(into: &word.pieces, .plain)
      }
    }
    if next == 0x28 { throw beyond("a function, an array or a group in parentheses") }
    guard position > start else {
      throw next.map { beyond("\"\([$0].shown)\"") } ?? .fault(place, "a word is missing")
    }
    return word
  }

  /// A quoted part, or one character.
  private mutating func part(
    into pieces: inout [ShellWord.Piece], _ quoting: ShellWord.Quoting
  ) throws(ShellStop) {
    let opened = place
    guard let byte = take() else { return }
    switch byte {
    case 0x27:
      guard let end = text[position...].firstIndex(of: 0x27) else {
        throw .fault(opened, "a quote is not closed: '")
      }
      pieces.append(.text(Array(text[position..<end]), .quoted))
      while position <= end { _ = take() }
    case 0x22:
      // Even without any character, quotes make a word.
      pieces.append(.text([], .quoted))
      try quoted(opened, into: &pieces)
    case 0x5C:
      guard let byte = take() else { return pieces.append(.text([0x5C], .quoted)) }
      if byte != 0x0A { pieces.append(.text([byte], .quoted)) }
    case 0x60: throw beyond("a command in back quotes")
    default: add(byte, quoting, to: &pieces)
    }
  }

  /// Adds a byte, to the last piece if that is of the same kind.
  private func add(_ byte: UInt8, _ quoting: ShellWord.Quoting, to pieces: inout [ShellWord.Piece]) {
    if case .text(var bytes, quoting)? = pieces.last {
      pieces.removeLast()
      bytes.append(byte)
      pieces.append(.text(bytes, quoting))
    } else {
      pieces.append(.text([byte], quoting))
    }
  }

  /// The rest of a text in double quotes.
  private mutating func quoted(_ opened: Place, into pieces: inout [ShellWord.Piece]) throws(ShellStop) {
    while let byte = take() {
      switch byte {
      case 0x22: return
      case 0x24: try dollar(isQuoted: true, into: &pieces)
      default: try inQuotes(byte, ending: 0x22, into: &pieces)
      }
    }
    throw .fault(opened, "a quote is not closed: \"")
  }

  /// One character in double quotes, where a backslash has a meaning before a few others only.
  private mutating func inQuotes(
    _ byte: UInt8, ending: UInt8, into pieces: inout [ShellWord.Piece]
  ) throws(ShellStop) {
    if byte == 0x60 { throw beyond("a command in back quotes") }
    guard byte == 0x5C, let second = next else { return add(byte, .quoted, to: &pieces) }
    switch second {
    case 0x0A: _ = take()
    case 0x24, 0x60, 0x22, 0x5C, ending:
      _ = take()
      add(second, .quoted, to: &pieces)
    default: add(byte, .quoted, to: &pieces)
    }
  }

  /// A text that is a whole value, as if it were in double quotes, in which a double quote is a character.
  mutating func value() throws(ShellStop) -> ShellWord {
    var word = ShellWord(pieces: [], place: place)
    while let byte = take() {
      if byte == 0x24 {
        try dollar(isQuoted: true, into: &word.pieces)
      } else if byte == 0x5C, next == 0x22 {
        add(byte, .quoted, to: &word.pieces)
      } else {
        try inQuotes(byte, ending: 0x5C, into: &word.pieces)
      }
    }
    return word
  }

  // MARK: Parameters

  /// What follows a dollar sign, which has been taken.
  private mutating func dollar(
    isQuoted: Bool, into pieces: inout [ShellWord.Piece]
  ) throws(ShellStop) {
    let opened = place
    switch next {
    case 0x7B:
      _ = take()
      pieces.append(
        try deeper { (parser) throws(ShellStop) in
          .parameter(try parser.braces(opened, isQuoted: isQuoted), isQuoted: isQuoted)
        })
    case 0x28: throw beyond(peek() == 0x28 ? "arithmetic" : "the output of a command, $(…)")
    case 0x5B: throw beyond("arithmetic")
    case 0x27 where !isQuoted:
      _ = take()
      pieces.append(.text(try escapes(opened), .quoted))
    // A text to be translated: it is taken as it is.
    case 0x22 where !isQuoted: break
    case let byte?:
      let name = takeName()
      if !name.isEmpty {
        pieces.append(.parameter(Parameter(name: name), isQuoted: isQuoted))
      } else if byte.isDigit || Self.special.contains(byte) {
        _ = take()
        pieces.append(.parameter(Parameter(name: [byte].shown), isQuoted: isQuoted))
      } else if Array("$!-".utf8).contains(byte) {
        throw beyond("$\([byte].shown)")
      } else {
        add(0x24, isQuoted ? .quoted : .plain, to: &pieces)
      }
    case nil: add(0x24, isQuoted ? .quoted : .plain, to: &pieces)
    }
  }

  /// The parameters `@ * # ?`.
  private static let special = Array("@*#?".utf8)

  /// What is in the braces behind a dollar sign.
  private mutating func braces(_ opened: Place, isQuoted: Bool) throws(ShellStop) -> Parameter {
    let measures = next == 0x23 && peek() != 0x7D
    if measures { _ = take() }
    var name = takeName()
    if name.isEmpty {
      while let byte = next, byte.isDigit, name.utf8.count < 6 {
        _ = take()
        name += [byte].shown
      }
    }
    if name.isEmpty, let byte = next, Self.special.contains(byte) {
      _ = take()
      name = [byte].shown
    }
    guard !name.isEmpty else { throw beyond("\"${\([next ?? 0x24].shown)\"") }
    var parameter = Parameter(name: name)
    if measures {
      parameter.operation = .length
      guard next == 0x7D, !["@", "*"].contains(name) else { throw beyond("\"${#\"") }
    }
    if next == 0x7D {
      _ = take()
      return parameter
    }
    parameter.operation = try operation(opened)
    var isPattern = false
    switch parameter.operation {
    case .removePrefix, .removeSuffix: isPattern = true
    default: break
    }
    parameter.argument = try argument(opened, isQuoted: isQuoted && !isPattern)
    return parameter
  }

  private mutating func operation(_ opened: Place) throws(ShellStop) -> Parameter.Operation {
    let hasColon = next == 0x3A
    if hasColon { _ = take() }
    guard let sign = take() else { throw .fault(opened, "a brace is not closed: ${") }
    switch sign {
    case 0x2D: return .ifUnset(orEmpty: hasColon)
    case 0x3D: return .assign(orEmpty: hasColon)
    case 0x2B: return .ifSet(notEmpty: hasColon)
    case 0x23 where !hasColon, 0x25 where !hasColon:
      let longest = next == sign
      if longest { _ = take() }
      return sign == 0x23 ? .removePrefix(longest: longest) : .removeSuffix(longest: longest)
    default: throw beyond("\"\([sign].shown)\" in ${…}")
    }
  }

  /// The argument of an operation, up to the brace that closes it.
  private mutating func argument(_ opened: Place, isQuoted: Bool) throws(ShellStop) -> [ShellWord.Piece] {
    var pieces: [ShellWord.Piece] = []
    while let byte = next {
      switch byte {
      case 0x7D:
        _ = take()
        return pieces
      case 0x24:
        _ = take()
        try dollar(isQuoted: isQuoted, into: &pieces)
      // In double quotes a single quote is a character, but a double quote begins a text of its own.
      case _ where !isQuoted || byte == 0x22: try part(into: &pieces, .split)
      default:
        _ = take()
        try inQuotes(byte, ending: 0x7D, into: &pieces)
      }
    }
    throw .fault(opened, "a brace is not closed: ${")
  }

  /// The text of `$'…'`, with its escapes.
  private mutating func escapes(_ opened: Place) throws(ShellStop) -> [UInt8] {
    var bytes: [UInt8] = []
    while let byte = take() {
      if byte == 0x27 { return bytes }
      guard byte == 0x5C, let escape = take() else {
        bytes.append(byte)
        continue
      }
      switch escape {
      case 0x61: bytes.append(7)
      case 0x62: bytes.append(8)
      case 0x65, 0x45: bytes.append(0x1B)
      case 0x66: bytes.append(0x0C)
      case 0x6E: bytes.append(0x0A)
      case 0x72: bytes.append(0x0D)
      case 0x74: bytes.append(0x09)
      case 0x76: bytes.append(0x0B)
      case 0x5C, 0x27, 0x22, 0x3F: bytes.append(escape)
      case 0x30...0x37: bytes.append(number(UInt32(escape) - 0x30, base: 8, most: 2))
      case 0x78: bytes.append(number(0, base: 16, most: 2))
      default: throw beyond("\"\\\([escape].shown)\" in $'…'")
      }
      if bytes.last == 0 { throw .fault(opened, "there is a zero byte in $'…'") }
    }
    throw .fault(opened, "a quote is not closed: $'")
  }

  private mutating func number(_ start: UInt32, base: Int, most: Int) -> UInt8 {
    var value = start
    for _ in 0..<most {
      guard let byte = next, let digit = [byte].shown.first?.hexDigitValue, digit < base else { break }
      _ = take()
      value = value * UInt32(base) + UInt32(digit)
    }
    return UInt8(truncatingIfNeeded: value)
  }
}
