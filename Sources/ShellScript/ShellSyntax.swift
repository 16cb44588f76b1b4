/// A command of a script.
indirect enum ShellCommand {
  case simple(SimpleCommand)
  /// Commands in order, each of which runs if the status before it allows it.
  case chain([(when: Joint, command: ShellCommand)])
  case negated(ShellCommand)
  case choice([(condition: [ShellCommand], body: [ShellCommand])], otherwise: [ShellCommand])
  /// Without words, the positional parameters.
  case loop(name: String, words: [ShellWord]?, body: [ShellCommand])
  case match(ShellWord, [(patterns: [ShellWord], body: [ShellCommand])])
  case group([ShellCommand])
  /// What is between `[[` and `]]`.
  case condition([ShellWord], Place)

  /// The sign between two commands.
  enum Joint { case always, ifDone, ifFailed }
}

/// Assignments and words on one line.
struct SimpleCommand {
  var assignments: [Assignment] = []
  var arguments: [Argument] = []
  var redirections: [Redirection] = []
  let place: Place

  enum Argument {
    case word(ShellWord)
    /// An assignment behind `export` and its like: its value is not split into words.
    case assignment(Assignment)
  }
}

struct Assignment {
  let name: String
  let appends: Bool
  let value: ShellWord
}

/// A redirection of output. Only /dev/null and the other stream are understood.
struct Redirection {
  let stream: Int
  /// 0 for /dev/null.
  let target: Int
}

/// A word, as it is written.
struct ShellWord {
  var pieces: [Piece]
  let place: Place

  enum Piece {
    case text([UInt8], Quoting)
    case parameter(Parameter, isQuoted: Bool)
    case home
  }

  enum Quoting {
    /// In quotes: every character stands for itself.
    case quoted
    /// As part of the script: it may be a pattern, but blanks in it do not separate words.
    case plain
    /// In the braces of a parameter without quotes: blanks in it separate words.
    case split
  }
}

/// A dollar sign, and what comes behind it.
struct Parameter {
  let name: String
  var operation = Operation.value
  var argument: [ShellWord.Piece] = []

  enum Operation: Equatable {
    case value, length
    /// What to do with the argument; `orEmpty` if a variable that is empty counts as one that is not set.
    case ifUnset(orEmpty: Bool), assign(orEmpty: Bool), ifSet(notEmpty: Bool)
    case removePrefix(longest: Bool), removeSuffix(longest: Bool)
  }
}

/// A line of a script, for messages.
public struct Place: Sendable, Equatable, CustomStringConvertible {
  /// The script's name.
  public let file: String
  /// The line, from 1.
  public let line: Int

  /// The name and the line.
  public var description: String { "\(file), line \(line)" }
}

/// The reasons why reading does not simply go on with the next command.
enum ShellStop: Error {
  case needsShell(Place, String)
  case fault(Place, String)
  case exit(UInt8)
  case returned
  case leaveLoop(levels: Int, goesOn: Bool)
}

extension UInt8 {
  /// Whether a byte can be in the name of a variable.
  var isOfName: Bool {
    (0x30...0x39).contains(self) || (0x41...0x5A).contains(self) || (0x61...0x7A).contains(self)
      || self == 0x5F
  }

  var isDigit: Bool { (0x30...0x39).contains(self) }
  var isBlank: Bool { self == 0x20 || self == 0x09 }
}

extension Collection<UInt8> {
  /// The bytes as text for a message, no more than 60 of them.
  var shown: String { String(decoding: prefix(60), as: UTF8.self) }
}
