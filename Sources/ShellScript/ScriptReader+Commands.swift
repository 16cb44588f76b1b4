/// The commands that are done without a shell.
extension ScriptReader {
  private static let known: Set<String> = [
    ":", "true", "false", "export", "readonly", "declare", "typeset", "unset", "set", ".", "source", "[",
    "test",
    "echo", "exit", "return", "break", "continue", "alias", "unalias", "umask", "command",
  ]

  mutating func builtin(
    _ name: String, _ words: [[UInt8]], _ values: [(name: String, value: [UInt8])], _ command: SimpleCommand
  ) throws(ShellStop) {
    let place = command.place
    // Where the two streams lead: 1, 2, or 0 for nowhere.
    var streams = [0, 1, 2]
    for redirection in command.redirections {
      streams[redirection.stream] = redirection.target == 0 ? 0 : streams[redirection.target]
    }
    let last = status
    status = 0
    switch name {
    case ":", "true", "alias", "unalias": break
    case "false": status = 1
    case "export", "readonly", "declare", "typeset": try declare(name, words, values, place)
    case "unset": try unset(words, place)
    case "set": try set(words, place)
    case ".", "source":
      guard let path = words.first else { throw .needsShell(place, "\"\(name)\" without a file") }
      try include(path, Array(words.dropFirst()), streams[2], place)
    case "test": status = try test(words, place) ? 0 : 1
    case "[":
      guard words.last == [0x5D] else { throw .needsShell(place, "\"[\" without \"]\"") }
      status = try test(Array(words.dropLast()), place) ? 0 : 1
    case "echo":
      let endsLine = words.first != Array("-n".utf8)
      let rest = endsLine ? words : Array(words.dropFirst())
      if let option = rest.first, option.first == 0x2D, option.count > 1 {
        throw .needsShell(place, "echo -…")
      }
      try write(Array(rest.joined(separator: [0x20])) + (endsLine ? [0x0A] : []), to: streams[1], place)
    case "exit": throw .exit(UInt8(truncatingIfNeeded: try number(words, place) ?? Int(last)))
    case "return":
      status = UInt8(truncatingIfNeeded: try number(words, place) ?? Int(last))
      throw .returned
    case "break", "continue":
      throw .leaveLoop(levels: max(try number(words, place) ?? 1, 1), goesOn: name == "continue")
    case "umask":
      guard words.count == 1, words[0].allSatisfy({ (0x30...0x37).contains($0) }),
        let mask = UInt32(words[0].shown, radix: 8), mask <= 0o777
      else { throw .needsShell(place, "umask") }
      self.mask = mask
    case "command":
      guard words.count == 2, words[0] == Array("-v".utf8) else {
        throw .needsShell(place, "the command \"command\"")
      }
      try find(words[1], streams[1], place)
    default: throw .needsShell(place, "the command \"\(name.utf8.shown)\"")
    }
  }

  private func number(_ words: [[UInt8]], _ place: Place) throws(ShellStop) -> Int? {
    guard let word = words.first else { return nil }
    guard let number = Int(word.shown), number >= 0 else { throw .needsShell(place, "\"\(word.shown)\"") }
    return number
  }

  private mutating func declare(
    _ name: String, _ words: [[UInt8]], _ values: [(name: String, value: [UInt8])], _ place: Place
  ) throws(ShellStop) {
    var exports = name == "export"
    var marks = true
    for (index, word) in words.enumerated() {
      if word.first == 0x2D {
        // In what shells print, x stands for export, r for read-only, and i for a number.
        guard word.count > 1, name == "declare" || name == "typeset",
          word.dropFirst().allSatisfy({ Array("xri".utf8).contains($0) })
        else {
          if name == "export", word == Array("-n".utf8), index == 0 {
            marks = false
            exports = false
            continue
          }
          throw .needsShell(place, "\(name) \(word.shown)")
        }
        if word.contains(0x78) { exports = true }
        continue
      }
      // A word that was made of parameters may be an assignment as well.
      let variable = String(decoding: word.prefix { $0 != 0x3D }, as: UTF8.self)
      guard let first = variable.utf8.first, !first.isDigit, variable.utf8.allSatisfy(\.isOfName) else {
        throw .needsShell(place, "\(name) \(word.shown)")
      }
      if word.contains(0x3D) {
        try set(variable, to: Array(word.drop { $0 != 0x3D }.dropFirst()), place, exports: exports)
      } else if exports {
        variables[variable, default: Variable(nil)].isExported = true
      } else if !marks {
        variables[variable]?.isExported = false
      }
    }
    for (name, value) in values { try set(name, to: value, place, exports: exports) }
    guard !words.isEmpty || !values.isEmpty else { throw .needsShell(place, "\(name) without a name") }
  }

  private mutating func unset(_ words: [[UInt8]], _ place: Place) throws(ShellStop) {
    for (index, word) in words.enumerated() {
      if index == 0, word == Array("-f".utf8) { return }
      if index == 0, word == Array("-v".utf8) { continue }
      guard word.first != 0x2D, !word.contains(0x5B) else { throw .needsShell(place, "unset \(word.shown)") }
      variables[String(decoding: word, as: UTF8.self)] = nil
    }
  }

  private mutating func set(_ words: [[UInt8]], _ place: Place) throws(ShellStop) {
    for word in words {
      switch String(decoding: word, as: UTF8.self) {
      case "-a": exportsAll = true
      case "+a": exportsAll = false
      case "+e", "+u", "+x", "+eu", "+ex": break
      default: throw .needsShell(place, "set \(word.shown)")
      }
    }
    guard !words.isEmpty else { throw .needsShell(place, "set") }
  }

  private mutating func find(_ name: [UInt8], _ stream: Int, _ place: Place) throws(ShellStop) {
    var found: [UInt8]?
    if Self.known.contains(String(decoding: name, as: UTF8.self)) {
      found = name
    } else if name.contains(0x2F) {
      if files.holds(.isExecutable, of: name), !files.holds(.isDirectory, of: name) { found = name }
    } else {
      for directory in (variables["PATH"]?.value ?? []).split(separator: 0x3A) where !name.isEmpty {
        try step(place, 1)
        let path = Array(directory) + [0x2F] + name
        guard files.holds(.isExecutable, of: path), files.holds(.isRegular, of: path) else { continue }
        found = path
        break
      }
    }
    guard let found else {
      status = 1
      return
    }
    try write(found + [0x0A], to: stream, place)
  }

  // MARK: Conditions

  /// What `test` says of its words.
  private mutating func test(_ words: [[UInt8]], _ place: Place) throws(ShellStop) -> Bool {
    try step(place, 1 + words.count)
    switch words.count {
    case 0: return false
    case 1: return !words[0].isEmpty
    case 2:
      if words[0] == [0x21] { return words[1].isEmpty }
      return try unary(words[0], words[1], place)
    case 3:
      if let answer = try binary(words[0], words[1], words[2], place) { return answer }
      if words[0] == [0x21] { return try !test(Array(words.dropFirst()), place) }
      if words[0] == [0x28], words[2] == [0x29] { return !words[1].isEmpty }
    default:
      for (sign, isOr) in [("-o", true), ("-a", false)] {
        guard let middle = words.firstIndex(of: Array(sign.utf8)), middle > 0, middle < words.count - 1,
          !words.contains([0x28])
        else { continue }
        let (first, second) = (Array(words[..<middle]), Array(words[(middle + 1)...]))
        let left = try test(first, place)
        return left == isOr ? isOr : try test(second, place)
      }
      if words[0] == [0x21] { return try !test(Array(words.dropFirst()), place) }
    }
    throw .needsShell(place, "this test")
  }

  private func unary(_ sign: [UInt8], _ word: [UInt8], _ place: Place) throws(ShellStop) -> Bool {
    guard sign.count == 2, sign[0] == 0x2D else { throw .needsShell(place, "\"\(sign.shown)\" in a test") }
    switch sign[1] {
    case 0x6E: return !word.isEmpty
    case 0x7A: return word.isEmpty
    case 0x76: return variables[String(decoding: word, as: UTF8.self)]?.value != nil
    case 0x68: return files.holds(.isLink, of: word)
    default:
      guard let question = FileQuestion(rawValue: [sign[1]].shown) else {
        throw .needsShell(place, "\"\(sign.shown)\" in a test")
      }
      return !word.isEmpty && files.holds(question, of: word)
    }
  }

  /// The answer to a comparison; nil if the sign in the middle is none.
  private func binary(
    _ left: [UInt8], _ sign: [UInt8], _ right: [UInt8], _ place: Place
  ) throws(ShellStop) -> Bool? {
    switch String(decoding: sign, as: UTF8.self) {
    case "=", "==": return left == right
    case "!=": return left != right
    case "-a": return !left.isEmpty && !right.isEmpty
    case "-o": return !left.isEmpty || !right.isEmpty
    case let name where ["-eq", "-ne", "-lt", "-le", "-gt", "-ge"].contains(name):
      func number(_ word: [UInt8]) -> Int? {
        Int(String(decoding: word.drop { $0.isBlank }.prefix { !$0.isBlank }, as: UTF8.self))
      }
      guard let left = number(left), let right = number(right) else {
        throw .needsShell(place, "a comparison of what is no number")
      }
      switch name {
      case "-eq": return left == right
      case "-ne": return left != right
      case "-lt": return left < right
      case "-le": return left <= right
      case "-gt": return left > right
      default: return left >= right
      }
    default: return nil
    }
  }

  /// What `[[ … ]]` says: one question, with or without `!`.
  mutating func condition(_ words: [ShellWord], _ place: Place) throws(ShellStop) -> Bool {
    try step(place, 1 + words.count)
    if words.first?.isPlain("!") == true { return try !condition(Array(words.dropFirst()), place) }
    switch words.count {
    case 1: return try !text(of: words[0]).isEmpty
    case 2: return try unary(try text(of: words[0]), try text(of: words[1]), place)
    case 3:
      let left = try text(of: words[0])
      for (sign, isEqual) in [("=", true), ("==", true), ("!=", false)] where words[1].isPlain(sign) {
        let shape = try pattern(of: words[2])
        return try matches(left[...], shape, place) == isEqual
      }
      let (sign, right) = (try text(of: words[1]), try text(of: words[2]))
      if let answer = try binary(left, sign, right, place), !["-a", "-o"].contains(sign.shown) {
        return answer
      }
    default: break
    }
    throw .needsShell(place, "this condition in [[ ]]")
  }
}

extension ShellWord {
  fileprivate func isPlain(_ text: String) -> Bool {
    guard pieces.count == 1, case .text(let bytes, .plain) = pieces[0] else { return false }
    return bytes.elementsEqual(text.utf8)
  }
}
