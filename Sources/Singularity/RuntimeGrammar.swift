import CommandKit

/// A command line that breaks the runtimes' grammar.
struct RuntimeUsageError: Error {
  /// The fault, in the words that programs look for.
  let sentence: String

  init(_ sentence: String) { self.sentence = sentence }
}

/// The grammar of the runtimes' command lines: `--name value`, `--name=value`, `-xvalue`, `-x=value`, `-x value`, letters
/// joined, and truth values behind flags.
struct RuntimeGrammar {
  /// What was read.
  struct Reading {
    /// The options in order, each with its value. A flag has none, or "true" or "false".
    var options: [(option: OptionTable.Option, value: String?)] = []
    var operands: [String] = []
    var wantsHelp = false

    /// Whether a flag is given, and the last one counts.
    func isOn(_ name: String) -> Bool {
      options.last { $0.option.name == name }.map { $0.value != "false" } ?? false
    }
  }

  private let options: [OptionTable.Option]
  private let stopsAtOperand: Bool

  /// - Parameter stopsAtOperand: whether everything from the first operand on belongs to a program.
  init(_ options: [OptionTable.Option], stopsAtOperand: Bool) {
    self.options = options
    self.stopsAtOperand = stopsAtOperand
  }

  func read(_ words: ArraySlice<String>) throws(RuntimeUsageError) -> Reading {
    var reading = Reading()
    var rest = words
    while let word = rest.popFirst() {
      guard word.utf8.first == UInt8(ascii: "-"), word != "-" else {
        reading.operands.append(word)
        guard stopsAtOperand else { continue }
        reading.operands += rest
        break
      }
      if word == "--" {
        reading.operands += rest
        break
      }
      if word.hasPrefix("--") {
        try readName(word, &rest, &reading)
      } else {
        try readLetters(word, &rest, &reading)
      }
      if reading.wantsHelp { break }
    }
    return reading
  }

  private func readName(
    _ word: String, _ rest: inout ArraySlice<String>, _ reading: inout Reading
  ) throws(RuntimeUsageError) {
    let text = word.unicodeScalars.dropFirst(2)
    let equals = text.firstIndex(of: "=")
    let name = String(text[..<(equals ?? text.endIndex)])
    let joined = equals.map { String(text[$0...].dropFirst()) }
    if name == "help" {
      reading.wantsHelp = true
      return
    }
    guard let option = options.first(where: { $0.name == name || $0.otherNames.contains(name) }) else {
      throw RuntimeUsageError("unknown flag: --\(name)")
    }
    try add(option, "--\(name)", joined, "--\(name)", &rest, &reading)
  }

  private func readLetters(
    _ word: String, _ rest: inout ArraySlice<String>, _ reading: inout Reading
  ) throws(RuntimeUsageError) {
    var letters = word.unicodeScalars.dropFirst()
    while let letter = letters.popFirst() {
      guard let option = options.first(where: { $0.letter == letter }) else {
        if letter == "h" {
          reading.wantsHelp = true
          return
        }
        throw RuntimeUsageError("unknown shorthand flag: '\(letter)' in \(word)")
      }
      let isLast = option.value != .none || letters.first == "="
      var joined: String?
      if isLast, !letters.isEmpty {
        if letters.first == "=" { letters.removeFirst() }
        joined = String(letters)
      }
      try add(option, "-\(letter), --\(option.name)", joined, "'\(letter)' in \(word)", &rest, &reading)
      if isLast { return }
    }
  }

  private func add(
    _ option: OptionTable.Option, _ spelling: String, _ joined: String?, _ place: String,
    _ rest: inout ArraySlice<String>, _ reading: inout Reading
  ) throws(RuntimeUsageError) {
    if option.value == .none {
      if let joined {
        guard let value = TruthValue.read(joined) else {
          throw RuntimeUsageError(
            "invalid argument \"\(joined)\" for \"\(spelling)\" flag: neither true nor false")
        }
        reading.options.append((option, value ? "true" : "false"))
      } else {
        reading.options.append((option, nil))
      }
      return
    }
    guard let value = joined ?? rest.popFirst() else {
      throw RuntimeUsageError("flag needs an argument: \(place)")
    }
    // Of several values of an option that takes one, the last counts.
    if option.value == .one { reading.options.removeAll { $0.option.name == option.name } }
    reading.options.append((option, value))
  }
}
