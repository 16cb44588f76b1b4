/// Reads a script's text into commands. Everything beyond the part of the language that this module evaluates is
/// reported as work for a shell, before any of the script is done (spec/shell-subset.md "What is read").
struct ShellParser {
  let text: [UInt8]
  let file: String
  var position = 0
  var line = 1
  private var depth = 0
  private static let deepest = 40

  init(_ text: [UInt8], file: String) {
    self.text = text
    self.file = file
  }

  /// All commands of a script.
  static func parse(_ text: [UInt8], file: String) throws(ShellStop) -> [ShellCommand] {
    var parser = ShellParser(text, file: file)
    if let zero = text.firstIndex(of: 0) {
      let place = Place(file: file, line: 1 + text[..<zero].count { $0 == 0x0A })
      throw .fault(place, "there is a zero byte: this is not a script")
    }
    let commands = try parser.list(until: [], opened: parser.place, as: "")
    guard parser.next == nil else { throw parser.beyond("\"\([parser.text[parser.position]].shown)\"") }
    return commands
  }

  // MARK: Bytes

  var next: UInt8? { position < text.count ? text[position] : nil }
  var place: Place { Place(file: file, line: line) }

  func peek(_ distance: Int = 1) -> UInt8? {
    position + distance < text.count ? text[position + distance] : nil
  }

  mutating func take() -> UInt8? {
    guard let byte = next else { return nil }
    position += 1
    if byte == 0x0A { line += 1 }
    return byte
  }

  mutating func skip(_ word: String) -> Bool {
    guard text[position...].starts(with: word.utf8) else { return false }
    for _ in word.utf8 { _ = take() }
    return true
  }

  func beyond(_ what: String) -> ShellStop { .needsShell(place, what) }

  /// Runs a body one level deeper.
  mutating func deeper<Result>(
    _ body: (inout ShellParser) throws(ShellStop) -> Result
  ) throws(ShellStop) -> Result {
    guard depth < Self.deepest else { throw .fault(place, "it is nested too deeply") }
    depth += 1
    defer { depth -= 1 }
    return try body(&self)
  }

  /// Skips blanks, joined lines, and comments; with `lines`, also the ends of lines.
  private mutating func skipBlanks(lines: Bool = false) {
    while let byte = next {
      if byte.isBlank || lines && byte == 0x0A {
        _ = take()
      } else if byte == 0x5C, peek() == 0x0A {
        _ = take()
        _ = take()
      } else if byte == 0x23 {
        while let byte = next, byte != 0x0A { position += 1 }
      } else {
        return
      }
    }
  }

  /// The next word, if it is made of letters and such only: it may be a word of the language.
  private var bareWord: String {
    let end = text[position...].firstIndex {
      !(0x61...0x7A).contains($0) && !Array("{}!:.[]".utf8).contains($0)
    }
    let word = text[position..<(end ?? text.count)]
    guard word.count < 16, end.map({ Self.endsWord(text[$0]) }) ?? true else { return "" }
    return String(decoding: word, as: UTF8.self)
  }

  /// Whether a byte ends a word: a blank, or one of `; & | < > ( )`.
  static func endsWord(_ byte: UInt8) -> Bool {
    switch byte {
    case 0x20, 0x09, 0x0A, 0x3B, 0x26, 0x7C, 0x3C, 0x3E, 0x28, 0x29: true
    default: false
    }
  }

  // MARK: Commands

  /// Commands up to one of some words, which is not taken.
  private mutating func list(
    until ends: Set<String>, opened: Place, as opening: String
  ) throws(ShellStop) -> [ShellCommand] {
    var commands: [ShellCommand] = []
    while true {
      skipBlanks(lines: true)
      guard let byte = next else {
        guard ends.isEmpty else { throw .fault(opened, "\"\(opening)\" has no end") }
        return commands
      }
      if ends.contains(bareWord) || byte == 0x3B && peek() == 0x3B && ends.contains(";;") { return commands }
      commands.append(try chain())
      skipBlanks()
      switch next {
      case nil, 0x0A: continue
      case 0x3B where peek() == 0x3B:
        guard ends.contains(";;") else { throw beyond("\";;\"") }
      case 0x3B: _ = take()
      case 0x26: throw beyond("a command in the background")
      case 0x7C: throw beyond("a pipe")
      case let byte?: throw beyond("\"\([byte].shown)\"")
      }
    }
  }

  private mutating func chain() throws(ShellStop) -> ShellCommand {
    let first = try command()
    var rest: [(when: ShellCommand.Joint, command: ShellCommand)] = []
    while true {
      skipBlanks()
      let joint: ShellCommand.Joint
      if skip("&&") {
        joint = .ifDone
      } else if skip("||") {
        joint = .ifFailed
      } else {
        return rest.isEmpty ? first : .chain([(.always, first)] + rest)
      }
      skipBlanks(lines: true)
      rest.append((joint, try command()))
    }
  }

  /// Words that begin what only a shell does.
  private static let beyondReach = ["while", "until", "function", "select", "time", "coproc"]
  /// Words that end what an earlier one began.
  private static let closing = ["then", "elif", "else", "fi", "do", "done", "esac", "in", "}"]

  private mutating func command() throws(ShellStop) -> ShellCommand {
    try deeper { (parser) throws(ShellStop) in try parser.oneCommand() }
  }

  private mutating func oneCommand() throws(ShellStop) -> ShellCommand {
    let (opened, word) = (place, bareWord)
    if Self.beyondReach.contains(word) || Self.closing.contains(word) { throw beyond("\"\(word)\"") }
    switch word {
    case "if", "for", "case", "{", "[[", "!": _ = skip(word)
    default: return .simple(try simple())
    }
    switch word {
    case "!":
      skipBlanks()
      return .negated(try command())
    case "{":
      let body = try list(until: ["}"], opened: opened, as: word)
      _ = skip("}")
      try requireEnd()
      return .group(body)
    case "if": return try choice(opened)
    case "for": return try loop(opened)
    case "case": return try match(opened)
    default: return try condition(opened)
    }
  }

  /// Behind a compound command only a sign that joins or ends commands is understood.
  private mutating func requireEnd() throws(ShellStop) {
    skipBlanks()
    guard let next, next != 0x0A, next != 0x3B, next != 0x29, next != 0x26, next != 0x7C else { return }
    throw beyond("\"\([next].shown)\" behind a group of commands")
  }

  private mutating func choice(_ opened: Place) throws(ShellStop) -> ShellCommand {
    var branches: [(condition: [ShellCommand], body: [ShellCommand])] = []
    repeat {
      let condition = try list(until: ["then"], opened: opened, as: "if")
      _ = skip("then")
      branches.append((condition, try list(until: ["elif", "else", "fi"], opened: opened, as: "if")))
    } while bareWord == "elif" && skip("elif")
    var otherwise: [ShellCommand] = []
    if bareWord == "else", skip("else") { otherwise = try list(until: ["fi"], opened: opened, as: "if") }
    _ = skip("fi")
    try requireEnd()
    return .choice(branches, otherwise: otherwise)
  }

  private mutating func loop(_ opened: Place) throws(ShellStop) -> ShellCommand {
    skipBlanks()
    let name = takeName()
    guard !name.isEmpty else { throw beyond("this \"for\"") }
    skipBlanks(lines: true)
    var words: [ShellWord]?
    if bareWord == "in", skip("in") {
      var found: [ShellWord] = []
      while true {
        skipBlanks()
        guard let next, next != 0x0A, next != 0x3B else { break }
        found.append(try word())
      }
      words = found
    }
    skipBlanks()
    if next == 0x3B { _ = take() }
    skipBlanks(lines: true)
    guard bareWord == "do", skip("do") else { throw beyond("this \"for\"") }
    let body = try list(until: ["done"], opened: opened, as: "for")
    _ = skip("done")
    try requireEnd()
    return .loop(name: name, words: words, body: body)
  }

  private mutating func match(_ opened: Place) throws(ShellStop) -> ShellCommand {
    skipBlanks()
    let subject = try word()
    skipBlanks(lines: true)
    guard bareWord == "in", skip("in") else { throw beyond("this \"case\"") }
    var arms: [(patterns: [ShellWord], body: [ShellCommand])] = []
    while true {
      skipBlanks(lines: true)
      guard next != nil else { throw .fault(opened, "\"case\" has no end") }
      if bareWord == "esac", skip("esac") { break }
      if next == 0x28 { _ = take() }
      var patterns: [ShellWord] = []
      repeat {
        skipBlanks()
        patterns.append(try word())
        skipBlanks()
      } while next == 0x7C && take() != nil
      guard next == 0x29 else { throw beyond("this \"case\"") }
      _ = take()
      arms.append((patterns, try list(until: [";;", "esac"], opened: opened, as: "case")))
      _ = skip(";;")
      if next == 0x26 { throw beyond("\";;&\"") }
    }
    try requireEnd()
    return .match(subject, arms)
  }

  private mutating func condition(_ opened: Place) throws(ShellStop) -> ShellCommand {
    var words: [ShellWord] = []
    while true {
      skipBlanks(lines: true)
      if bareWord == "]]", skip("]]") { break }
      words.append(try word())
    }
    try requireEnd()
    return .condition(words, opened)
  }

  // MARK: Simple commands

  /// Commands whose words may be assignments, with values that are not split.
  private static let declarations = ["export", "readonly", "declare", "typeset"]

  private mutating func simple() throws(ShellStop) -> SimpleCommand {
    var command = SimpleCommand(place: place)
    var declares = false
    while true {
      skipBlanks()
      guard let byte = next, byte == 0x3C || byte == 0x3E || byte == 0x26 || !Self.endsWord(byte) else {
        break
      }
      if let redirection = try redirection() {
        command.redirections.append(redirection)
        continue
      }
      if byte == 0x26 { break }
      if command.arguments.isEmpty || declares, let assignment = try assignment() {
        if declares {
          command.arguments.append(.assignment(assignment))
        } else {
          command.assignments.append(assignment)
        }
        continue
      }
      if command.arguments.isEmpty { declares = Self.declarations.contains(bareWord) }
      command.arguments.append(.word(try word()))
    }
    guard !command.arguments.isEmpty || !command.assignments.isEmpty || !command.redirections.isEmpty else {
      throw next.map { beyond("\"\([$0].shown)\"") }
        ?? .fault(place, "the script ends in the middle of a command")
    }
    return command
  }

  mutating func takeName() -> String {
    guard let first = next, first.isOfName, !first.isDigit else { return "" }
    let start = position
    while let next, next.isOfName { position += 1 }
    return String(decoding: text[start..<position], as: UTF8.self)
  }

  private mutating func assignment() throws(ShellStop) -> Assignment? {
    let start = position
    let name = takeName()
    let appends = next == 0x2B && peek() == 0x3D
    guard !name.isEmpty, next == 0x3D || appends else {
      if !name.isEmpty, next == 0x5B { throw beyond("an array") }
      position = start
      return nil
    }
    position += appends ? 2 : 1
    if next == 0x28 { throw beyond("an array") }
    let here = place
    let value = try next.map(Self.endsWord) ?? true ? ShellWord(pieces: [], place: here) : word(isValue: true)
    return Assignment(name: name, appends: appends, value: value)
  }

  /// A redirection, if one begins here; nil also for one that changes nothing, after taking it.
  private mutating func redirection() throws(ShellStop) -> Redirection? {
    var stream = 1
    var length = 0
    if let byte = next, byte.isDigit, peek() == 0x3E || peek() == 0x3C {
      stream = Int(byte) - 0x30
      length = 1
    }
    guard peek(length) == 0x3E else {
      if peek(length) == 0x3C { throw beyond("a redirection of input") }
      return nil
    }
    position += length + 1
    if next == 0x3E || next == 0x7C { position += 1 }
    if next == 0x26 { position += 1 } else { skipBlanks() }
    let start = position
    while let next, !Self.endsWord(next) { position += 1 }
    switch (stream, String(decoding: text[start..<position], as: UTF8.self), text[start - 1]) {
    case (1, "/dev/null", let before) where before != 0x26: return Redirection(stream: 1, target: 0)
    case (2, "/dev/null", let before) where before != 0x26: return Redirection(stream: 2, target: 0)
    case (1, "2", 0x26): return Redirection(stream: 1, target: 2)
    case (2, "1", 0x26): return Redirection(stream: 2, target: 1)
    default: throw beyond("a redirection")
    }
  }
}
