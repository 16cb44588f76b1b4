/// The one grammar of the command line, ahead of the argument parser (docs/decisions/0010-command-line.md).
///
/// By itself, the parser takes every group of letters with an `h` for a request for help, blames a known option for an
/// unknown one before it, and lets the last of several values win. Here a table of names tells options from operands,
/// and the parser gets a form that it cannot misread: long names, each with its value, and the operands after `--`.
package struct CommandLineGrammar {
  /// A command line that was understood.
  package struct Line: Sendable {
    /// An option as the parser reads it.
    package struct Option: Sendable, Equatable {
      /// Its name, without dashes.
      package let name: String
      /// The arguments for the parser: the option, and its value.
      package let words: [String]

      /// A flag.
      package static func flag(_ name: String) -> Option { Option(name: name, words: ["--\(name)"]) }
    }

    /// The names of the command; none for the tool itself.
    package var command: [String] = []
    /// The options, one for each value.
    package var options: [Option] = []
    /// The other arguments.
    package var operands: [String] = []
    /// The names of the options that were given, without dashes. A flag that was switched off is one of them.
    package var given: Set<String> = []
    /// The names of the options that variables stand for, and the variables (``OptionVariables``).
    package var variables: [String: String] = [:]
    /// All arguments for the parser, where it answers itself: help, and what the grammar does not know.
    package let parsersOwn: [String]?

    /// The line of a command, without arguments yet.
    ///
    /// - Parameter parsersOwn: the arguments for the parser, if it answers itself.
    package init(command: [String] = [], parsersOwn: [String]? = nil) {
      self.command = command
      self.parsersOwn = parsersOwn
    }

    /// The arguments for the parser.
    package var arguments: [String] {
      parsersOwn ?? command + options.flatMap(\.words) + (operands.isEmpty ? [] : ["--"] + operands)
    }

    /// Whether the command is to print JSON.
    package var wantsJSON: Bool { given.contains("json") }
  }

  /// A command line that breaks the grammar.
  package struct UsageError: Error {
    /// The fault, with the name of the argument.
    package let sentence: String
    /// The names of the command.
    package let command: [String]
    /// Whether the command was to print JSON.
    package let wantsJSON: Bool
  }

  /// The first arguments that the parser handles itself.
  private static let reserved = ["--experimental-dump-help", "---completion"]

  private let table: OptionTable
  private let otherNames: [String: String]

  /// The grammar of a tool.
  ///
  /// - Parameter otherNames: commands of the tool by names that they have besides their own.
  package init(_ table: OptionTable, otherNames: [String: String] = [:]) {
    self.table = table
    self.otherNames = otherNames
  }

  /// Finds the command, and puts the other arguments into the form for the parser.
  package func read(_ arguments: [String]) throws(UsageError) -> Line {
    if let first = arguments.first, Self.reserved.contains(first) { return Line(parsersOwn: arguments) }
    if arguments.first == "help" { return try help(arguments.dropFirst()) }
    var path: [String] = []
    var rest = arguments[...]
    while table.hasCommands(beneath: path), let first = rest.first {
      guard !first.isOption else { break }
      path.append(try require(first, of: path))
      rest.removeFirst()
    }
    guard let command = table.command(at: path) else { return Line(parsersOwn: arguments) }
    var scan = Scan(command: command, name: name(of: path), rest: rest)
    do throws(Fault) { try scan.run() } catch {
      let wantsJSON = command.option(named: "json") != nil && arguments.contains("--json")
      throw UsageError(sentence: error.sentence, command: path, wantsJSON: wantsJSON)
    }
    // Help on a command that does not exist is none on the tool.
    if scan.wantsHelp, table.hasCommands(beneath: path), let next = scan.rest.first, !next.isOption {
      _ = try require(next, of: path)
    }
    var line = Line(command: path, parsersOwn: scan.wantsHelp ? path + ["--help"] : nil)
    line.options = scan.options
    line.operands = scan.operands
    line.given = scan.given
    return line
  }

  /// `help`, and the names of a command.
  private func help(_ words: ArraySlice<String>) throws(UsageError) -> Line {
    var path: [String] = []
    if ["help", "-h", "--help"].contains(words.first) { return Line(parsersOwn: ["--help"]) }
    for word in words {
      guard !word.isOption else {
        throw UsageError(sentence: "help has no option \(word)", command: [], wantsJSON: false)
      }
      path.append(try require(word, of: path))
    }
    return Line(command: path, parsersOwn: path + ["--help"])
  }

  /// The name of a command, if it is one.
  private func require(_ word: String, of path: [String]) throws(UsageError) -> String {
    if path.isEmpty, let name = otherNames[word] { return name }
    guard table.command(at: path + [word]) == nil else { return word }
    let quoted = word.isEmpty ? "\"\"" : word
    throw UsageError(sentence: "\(name(of: path)) has no command \(quoted)", command: path, wantsJSON: false)
  }

  private func name(of path: [String]) -> String { path.isEmpty ? table.tool : path.joined(separator: " ") }

  /// An option with its value, for the parser.
  package static func option(_ option: OptionTable.Option, _ value: String) -> Line.Option {
    // The parser takes a value that begins with a dash for an option, and finds no value in an empty one after "=".
    Line.Option(
      name: option.name,
      words: value.isOption ? ["--\(option.name)=\(value)"] : ["--\(option.name)", value])
  }

  private struct Fault: Error {
    let sentence: String
  }

  /// The arguments of one command, read from left to right.
  private struct Scan {
    let command: OptionTable.Command
    let name: String
    var rest: ArraySlice<String>
    var options: [Line.Option] = []
    var operands: [String] = []
    var given: Set<String> = []
    var wantsHelp = false

    init(command: OptionTable.Command, name: String, rest: ArraySlice<String>) {
      self.command = command
      self.name = name
      self.rest = rest
    }

    mutating func run() throws(Fault) {
      while let argument = rest.popFirst() {
        switch argument {
        case "-h", "--help":
          wantsHelp = true
          return
        case "--":
          operands += rest
          return
        case _ where argument.isOption:
          if argument.utf8.dropFirst().first == UInt8(ascii: "-") {
            try readName(argument)
          } else {
            try readLetters(argument)
          }
        default:
          operands.append(argument)
          if command.startsProgram {
            operands += rest
            return
          }
        }
      }
    }

    /// `--name`, `--name value` or `--name=value`.
    private mutating func readName(_ argument: String) throws(Fault) {
      let text = argument.unicodeScalars.dropFirst(2)
      let end = text.firstIndex(of: "=")
      let name = String(text[..<(end ?? text.endIndex)])
      guard let option = command.option(named: name) else { throw unknown("--\(name)") }
      try add(option, "--\(name)", joined: end.map { String(text[$0...].dropFirst()) })
    }

    /// `-x`, `-xy`, and after the last of them a value: `-x value`, `-xvalue` or `-x=value`.
    private mutating func readLetters(_ argument: String) throws(Fault) {
      var letters = argument.unicodeScalars.dropFirst()
      let isGroup = letters.count > 1
      while let letter = letters.popFirst() {
        guard let option = command.option(of: letter) else {
          throw unknown("-\(letter)\(isGroup ? " (in \(argument))" : "")")
        }
        guard option.value != .none else {
          let isJoined = letters.first == "="
          try add(option, "-\(letter)", joined: isJoined ? String(letters.dropFirst()) : nil)
          guard !isJoined else { return }
          continue
        }
        let isJoined = !letters.isEmpty
        if letters.first == "=" { letters.removeFirst() }
        return try add(option, "-\(letter)", joined: isJoined ? String(letters) : nil)
      }
    }

    private func unknown(_ option: String) -> Fault {
      let bare = String(option.prefix { $0 != " " })
      let reason =
        command.startsProgram
        ? RefusedOptions.reason(ofProgram: bare)
        : command.path.isEmpty ? RefusedOptions.reason(ofTool: bare) : nil
      return Fault(sentence: "\(name) has no option \(option)\(reason.map { ": \($0)" } ?? "")")
    }

    private mutating func add(
      _ option: OptionTable.Option, _ spelling: String, joined: String?
    ) throws(Fault) {
      let isFirst = given.insert(option.name).inserted
      guard option.value != .none else {
        var isOn = true
        if let joined {
          // The runtimes take a truth value after every flag.
          guard command.startsProgram else { throw Fault(sentence: "\(spelling) takes no value") }
          guard let value = TruthValue.read(joined) else {
            throw Fault(sentence: "\(spelling) takes no value but true or false")
          }
          isOn = value
        }
        // A flag may be repeated, and the last one counts.
        let flag = Line.Option.flag(option.name)
        if !isOn { options.removeAll { $0 == flag } }
        if isOn, isFirst || !options.contains(flag) { options.append(flag) }
        return
      }
      guard isFirst || option.value == .list else {
        throw Fault(sentence: "\(spelling) is given twice, and takes one value")
      }
      var value = joined
      if value == nil, let next = rest.first, option.takesAnything || !next.isOption {
        value = rest.popFirst()
      }
      guard let value else { throw Fault(sentence: "\(spelling) needs a value") }
      options.append(CommandLineGrammar.option(option, value))
    }
  }
}

extension String {
  /// Whether an argument is an option: it begins with a dash, and is not the dash alone.
  fileprivate var isOption: Bool {
    utf8.first == UInt8(ascii: "-") && utf8.dropFirst().first != nil
  }
}
