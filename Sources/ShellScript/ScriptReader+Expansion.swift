/// What words stand for.
extension ScriptReader {
  /// Collects the text of a word: as one text, or as fields with what separates them.
  struct Fields {
    var done: [[UInt8]] = []
    var current = ShellPattern()
    /// Whether there is a field, which may be empty.
    var isStarted = false
    let splits: Bool

    mutating func add(_ bytes: some Collection<UInt8>, isActive: Bool) {
      current.bytes += bytes
      current.isActive += repeatElement(isActive, count: bytes.count)
      isStarted = true
    }
  }

  /// The memory of a field besides its text.
  private static let bytesOfField = 48

  /// The value of a word as one text, which is not split.
  mutating func text(of word: ShellWord) throws(ShellStop) -> [UInt8] { try pattern(of: word).bytes }

  /// The value of a word as a pattern.
  mutating func pattern(of word: ShellWord) throws(ShellStop) -> ShellPattern {
    var fields = Fields(splits: false)
    try expand(word.pieces, word.place, into: &fields)
    return fields.current
  }

  /// The fields of a command's words.
  mutating func fields(of arguments: [SimpleCommand.Argument]) throws(ShellStop) -> [[UInt8]] {
    var all: [[UInt8]] = []
    for argument in arguments {
      // An assignment is done by the command itself; its place among the words does not matter.
      guard case .word(let word) = argument else { continue }
      try step(word.place, 1)
      if case .text(let bytes, .plain)? = word.pieces.first, bytes.contains(0x7B), let brace = word.braces {
        throw .needsShell(word.place, brace)
      }
      var fields = Fields(splits: true)
      try expand(word.pieces, word.place, into: &fields)
      try finish(&fields, word.place)
      all += fields.done
    }
    return all
  }

  private mutating func finish(_ fields: inout Fields, _ place: Place) throws(ShellStop) {
    guard fields.isStarted else { return }
    try use(Self.bytesOfField, place)
    guard !fields.current.selectsFiles else { throw .needsShell(place, "a pattern of file names") }
    fields.done.append(fields.current.bytes)
    fields.current = ShellPattern()
    fields.isStarted = false
  }

  private mutating func expand(
    _ pieces: [ShellWord.Piece], _ place: Place, into fields: inout Fields
  ) throws(ShellStop) {
    for piece in pieces {
      switch piece {
      case .text(let bytes, .split) where fields.splits: try split(bytes, place, into: &fields)
      case .text(let bytes, let quoting):
        try use(bytes.count, place)
        fields.add(bytes, isActive: quoting != .quoted)
      case .home: fields.add(variables["HOME"]?.value ?? [0x7E], isActive: false)
      case .parameter(let parameter, let isQuoted):
        try step(place, 1)
        try expand(parameter, isQuoted: isQuoted, place, into: &fields)
      }
    }
  }

  /// The value of a parameter; nil if it is not set.
  private func value(of name: String) -> [UInt8]? {
    switch name {
    case "@", "*": arguments.isEmpty ? nil : Array(arguments.joined(separator: [0x20]))
    case "#": Array("\(arguments.count)".utf8)
    case "?": Array("\(status)".utf8)
    default:
      if let number = Int(name) {
        number == 0 ? self.name : number <= arguments.count ? arguments[number - 1] : nil
      } else {
        variables[name]?.value
      }
    }
  }

  private mutating func expand(
    _ parameter: Parameter, isQuoted: Bool, _ place: Place, into fields: inout Fields
  ) throws(ShellStop) {
    let value = value(of: parameter.name)
    switch parameter.operation {
    case .value:
      if parameter.name == "@", isQuoted, fields.splits {
        for (index, argument) in arguments.enumerated() {
          if index > 0 { try finish(&fields, place) }
          try use(argument.count, place)
          fields.add(argument, isActive: false)
        }
        return
      }
      try add(value, isQuoted, place, into: &fields)
    case .length:
      let value = value ?? []
      // The number of characters depends on the language that is set.
      guard value.allSatisfy({ $0 < 0x80 }) else {
        throw .needsShell(place, "the length of a text beyond ASCII")
      }
      try add(Array("\(value.count)".utf8), isQuoted, place, into: &fields)
    case .ifUnset(let orEmpty):
      if let value, !orEmpty || !value.isEmpty { return try add(value, isQuoted, place, into: &fields) }
      try expand(parameter.argument, place, into: &fields)
    case .ifSet(let notEmpty):
      guard let value, !notEmpty || !value.isEmpty else { return }
      try expand(parameter.argument, place, into: &fields)
    case .assign(let orEmpty):
      if let value, !orEmpty || !value.isEmpty { return try add(value, isQuoted, place, into: &fields) }
      guard parameter.name.utf8.first.map({ $0.isOfName && !$0.isDigit }) == true else {
        throw .needsShell(place, "an assignment to $\(parameter.name)")
      }
      let new = try text(of: ShellWord(pieces: parameter.argument, place: place))
      try set(parameter.name, to: new, place)
      try add(new, isQuoted, place, into: &fields)
    case .removePrefix(let longest):
      let shape = try pattern(of: ShellWord(pieces: parameter.argument, place: place))
      let value = (value ?? [])[...]
      let ends = Array(value.startIndex...value.endIndex)
      var rest = value
      for end in longest ? ends.reversed() : ends where try matches(value[..<end], shape, place) {
        rest = value[end...]
        break
      }
      try add(Array(rest), isQuoted, place, into: &fields)
    case .removeSuffix(let longest):
      let shape = try pattern(of: ShellWord(pieces: parameter.argument, place: place))
      let value = (value ?? [])[...]
      let starts = Array(value.startIndex...value.endIndex)
      var rest = value
      for start in longest ? starts : starts.reversed() where try matches(value[start...], shape, place) {
        rest = value[..<start]
        break
      }
      try add(Array(rest), isQuoted, place, into: &fields)
    }
  }

  private mutating func add(
    _ value: [UInt8]?, _ isQuoted: Bool, _ place: Place, into fields: inout Fields
  ) throws(ShellStop) {
    guard let value else { return }
    guard !isQuoted, fields.splits else {
      try use(value.count, place)
      return fields.add(value, isActive: !isQuoted)
    }
    try split(value, place, into: &fields)
  }

  /// Adds a text whose blanks separate fields.
  private mutating func split(_ bytes: [UInt8], _ place: Place, into fields: inout Fields) throws(ShellStop) {
    if let separators = variables["IFS"]?.value, separators != [0x20, 0x09, 0x0A] {
      throw .needsShell(place, "words separated by IFS")
    }
    try use(bytes.count, place)
    var rest = bytes[...]
    while let first = rest.first {
      if first.isBlank || first == 0x0A {
        try finish(&fields, place)
        rest = rest.drop { $0.isBlank || $0 == 0x0A }
      } else {
        let part = rest.prefix { !($0.isBlank || $0 == 0x0A) }
        fields.add(part, isActive: true)
        rest = rest[part.endIndex...]
      }
    }
  }
}

extension ShellWord {
  /// The name of what a shell would do with the word's braces; nil if nothing.
  fileprivate var braces: String? {
    let plain = pieces.flatMap { piece in
      if case .text(let bytes, .plain) = piece { bytes } else { [UInt8]() }
    }
    guard let open = plain.firstIndex(of: 0x7B), let close = plain.lastIndex(of: 0x7D), open < close else {
      return nil
    }
    let inside = plain[open..<close]
    return inside.contains(0x2C) || inside.contains(0x2E) ? "a list in braces" : nil
  }
}
