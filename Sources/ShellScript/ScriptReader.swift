/// Finds out which variables a script of a shell sets, without a shell (spec/shell-subset.md).
///
/// It knows assignments, `export`, `unset`, conditions, loops over words, and files that a script includes. A script
/// that needs more is left to a shell as a whole: then nothing of it has been done. No process is started, nothing is
/// written, and files are seen through ``ScriptFiles`` alone. Steps, bytes and depth are bounded.
public struct ScriptReader {
  /// A variable: its value, nil if it was only marked for export, and whether programs get it.
  public struct Variable: Sendable, Equatable {
    /// The value.
    public var value: [UInt8]?
    /// Whether programs get it.
    public var isExported: Bool

    /// Makes a variable.
    public init(_ value: [UInt8]?, isExported: Bool = true) {
      self.value = value
      self.isExported = isExported
    }
  }

  /// How a script ended.
  public enum End: Sendable, Equatable {
    /// It was read to its end.
    case done
    /// It asked to end everything, with a status.
    case exit(UInt8)
    /// A line needs something that only a shell does. Nothing was changed.
    case needsShell(Place, String)
    /// A line is wrong, or the limits are used up. Nothing was changed.
    case fault(Place, String)
  }

  /// The variables, by name.
  public var variables: [String: Variable] = [:]
  /// The positional parameters.
  public var arguments: [[UInt8]] = []
  /// What `$0` stands for.
  public var name: [UInt8] = []
  /// What scripts have written to their standard output and standard error.
  public private(set) var output: [UInt8] = []
  /// What scripts have written to their standard error.
  public private(set) var errors: [UInt8] = []
  /// The mode mask that a script has set.
  public internal(set) var mask: UInt32?

  var files: any ScriptFiles
  var status: UInt8 = 0
  var exportsAll = false
  private var sourceDepth = 0
  /// What reading may still cost: about one for each command, word, and byte of a comparison.
  var steps = Self.mostSteps
  /// The bytes that values may still have, all that were ever made together.
  private var room = Self.mostBytes

  private static let mostSteps = 2_000_000
  private static let mostBytes = 8 << 20
  private static let mostOutput = 64 << 10
  private static let longestValue = 1 << 20
  private static let deepestSource = 16

  /// Makes a reader without variables.
  public init(files: any ScriptFiles) { self.files = files }

  /// Reads a script.
  ///
  /// - Parameter name: the script's name in messages.
  public mutating func run(_ text: [UInt8], named name: String) -> End {
    var copy = self
    copy.steps = Self.mostSteps
    copy.room = Self.mostBytes
    copy.status = 0
    let end: End
    do throws(ShellStop) {
      try copy.run(try ShellParser.parse(text, file: name))
      end = .done
    } catch {
      switch error {
      case .needsShell(let place, let what): return .needsShell(place, what)
      case .fault(let place, let sentence): return .fault(place, sentence)
      case .exit(let status): end = .exit(status)
      case .returned, .leaveLoop: end = .done
      }
    }
    self = copy
    return end
  }

  /// The value that a text stands for between double quotes. In it a double quote is a character.
  ///
  /// - Returns: nil if the text is no such value, or has a command in it.
  public func value(of text: [UInt8]) -> [UInt8]? {
    var copy = self
    var parser = ShellParser(text, file: "")
    guard let word = try? parser.value() else { return nil }
    return try? copy.text(of: word)
  }

  /// The words that a text stands for, as in a script's list of arguments.
  ///
  /// - Returns: nil if the text is not a list of words.
  public func words(of text: [UInt8]) -> [[UInt8]]? {
    var copy = self
    guard let commands = try? ShellParser.parse(Array(": ".utf8) + text, file: ""), commands.count == 1,
      case .simple(let command) = commands[0], command.redirections.isEmpty,
      let words = try? copy.fields(of: command.arguments)
    else { return nil }
    return Array(words.dropFirst())
  }

  /// The values of the assignments with which a script begins. Nothing else of it is done.
  public func leadingAssignments(of text: [UInt8]) -> [String: [UInt8]] {
    var copy = self
    copy.variables = [:]
    for command in (try? ShellParser.parse(text, file: "")) ?? [] {
      guard case .simple(let command) = command, command.arguments.isEmpty,
        (try? command.assignments.forEach { (assignment) throws(ShellStop) in try copy.assign(assignment) })
          != nil
      else { break }
    }
    return copy.variables.compactMapValues(\.value)
  }

  /// Forgets what scripts have written.
  public mutating func takeOutput() -> (output: [UInt8], errors: [UInt8]) {
    defer { (output, errors) = ([], []) }
    return (output, errors)
  }

  // MARK: Commands

  func spend(_ cost: Int, _ place: Place) throws(ShellStop) {
    guard steps >= cost else { throw .fault(place, "it takes too many steps") }
  }

  mutating func run(_ commands: [ShellCommand]) throws(ShellStop) {
    for command in commands { try run(command) }
  }

  private mutating func run(_ command: ShellCommand) throws(ShellStop) {
    switch command {
    case .simple(let command): try run(command)
    case .chain(let links):
      for link in links {
        switch link.when {
        case .always: try run(link.command)
        case .ifDone: if status == 0 { try run(link.command) }
        case .ifFailed: if status != 0 { try run(link.command) }
        }
      }
    case .negated(let command):
      try run(command)
      status = status == 0 ? 1 : 0
    case .group(let commands): try run(commands)
    case .choice(let branches, let otherwise):
      for branch in branches {
        try run(branch.condition)
        if status == 0 {
          try run(branch.body)
          return
        }
      }
      status = 0
      try run(otherwise)
    case .loop(let name, let words, let body): try loop(name, words, body)
    case .match(let subject, let arms): try match(subject, arms)
    case .condition(let words, let place): status = try condition(words, place) ? 0 : 1
    }
  }

  private mutating func loop(_ name: String, _ words: [ShellWord]?, _ body: [ShellCommand]) throws(ShellStop)
  {
    let values =
      try words.map { (words) throws(ShellStop) in try fields(of: words.map { .word($0) }) } ?? arguments
    let place = words?.first?.place ?? Place(file: "", line: 0)
    status = 0
    for value in values {
      try step(place)
      try set(name, to: value, place)
      do throws(ShellStop) { try run(body) } catch {
        guard case .leaveLoop(let levels, let goesOn) = error else { throw error }
        guard levels <= 1 else { throw .leaveLoop(levels: levels - 1, goesOn: goesOn) }
        if !goesOn { return }
      }
    }
  }

  private mutating func match(
    _ subject: ShellWord, _ arms: [(patterns: [ShellWord], body: [ShellCommand])]
  ) throws(ShellStop) {
    let text = try text(of: subject)
    status = 0
    for arm in arms {
      for pattern in arm.patterns {
        try step(pattern.place)
        let shape = try self.pattern(of: pattern)
        if try matches(text[...], shape, pattern.place) { return try run(arm.body) }
      }
    }
  }

  mutating func step(_ place: Place, _ cost: Int = 1) throws(ShellStop) {
    try spend(cost, place)
    steps -= cost
  }

  mutating func matches(
    _ text: ArraySlice<UInt8>, _ pattern: ShellPattern, _ place: Place
  ) throws(ShellStop) -> Bool {
    let found = pattern.matches(text, &steps)
    try spend(0, place)
    return found
  }

  private mutating func run(_ command: SimpleCommand) throws(ShellStop) {
    try step(command.place)
    if command.arguments.isEmpty {
      status = 0
      for assignment in command.assignments { try assign(assignment) }
      return
    }
    guard command.assignments.isEmpty else {
      throw .needsShell(command.place, "a variable for one command alone")
    }
    let words = try fields(of: command.arguments)
    // As in shells, before any of them is set.
    var values: [(name: String, value: [UInt8])] = []
    for case .assignment(let assignment) in command.arguments {
      values.append((assignment.name, try value(of: assignment)))
    }
    guard let first = words.first else {
      status = 0
      return
    }
    try builtin(String(decoding: first, as: UTF8.self), Array(words.dropFirst()), values, command)
  }

  // MARK: Variables

  private mutating func assign(_ assignment: Assignment) throws(ShellStop) {
    try set(assignment.name, to: try value(of: assignment), assignment.value.place)
  }

  private mutating func value(of assignment: Assignment) throws(ShellStop) -> [UInt8] {
    let value = try text(of: assignment.value)
    return assignment.appends ? (variables[assignment.name]?.value ?? []) + value : value
  }

  /// Sets a variable. Whether programs get it stays as it was.
  mutating func set(
    _ name: String, to value: [UInt8], _ place: Place, exports: Bool = false
  ) throws(ShellStop) {
    guard value.count <= Self.longestValue else { throw .fault(place, "the value of \(name) is too long") }
    try use(value.count + name.utf8.count, place)
    let isExported = exports || exportsAll || variables[name]?.isExported == true
    variables[name] = Variable(value, isExported: isExported)
  }

  /// Counts bytes that are made.
  mutating func use(_ count: Int, _ place: Place) throws(ShellStop) {
    guard count <= room else { throw .fault(place, "its values are too long together") }
    room -= count
  }

  mutating func write(_ text: [UInt8], to stream: Int, _ place: Place) throws(ShellStop) {
    guard stream > 0 else { return }
    guard output.count + errors.count + text.count <= Self.mostOutput else {
      throw .fault(place, "it writes too much")
    }
    if stream == 1 { output += text } else { errors += text }
  }

  // MARK: Other files

  /// Reads another file as part of a script.
  mutating func include(_ path: [UInt8], _ others: [[UInt8]], _ errors: Int, _ place: Place) throws(ShellStop)
  {
    guard sourceDepth < Self.deepestSource else { throw .fault(place, "files include each other too deeply") }
    guard path.contains(0x2F) else { throw .needsShell(place, "a file that is looked for in PATH") }
    guard let text = files.content(of: path) else {
      try write(Array("\(place): cannot read \(path.shown)\n".utf8), to: errors, place)
      status = 1
      return
    }
    try step(place, 1 + text.count / 16)
    let commands = try ShellParser.parse(text, file: path.shown)
    let saved = arguments
    if !others.isEmpty { arguments = others }
    sourceDepth += 1
    defer {
      sourceDepth -= 1
      arguments = saved
    }
    status = 0
    do throws(ShellStop) { try run(commands) } catch {
      guard case .returned = error else { throw error }
    }
  }
}

/// The files that a script may ask about.
public protocol ScriptFiles {
  /// The content of a regular file; nil if it cannot be read or is too long for a script.
  func content(of path: [UInt8]) -> [UInt8]?
  /// Answers a question about a path.
  func holds(_ question: FileQuestion, of path: [UInt8]) -> Bool
}

/// A question that a script can ask about a path. The raw value is the letter of `test`.
public enum FileQuestion: String, Sendable {
  case exists = "e"
  case isRegular = "f"
  case isDirectory = "d"
  case isLink = "L"
  case isReadable = "r"
  case isWritable = "w"
  case isExecutable = "x"
  case hasContent = "s"
}
