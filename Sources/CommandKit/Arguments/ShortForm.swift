import ArgumentParser

/// The simplest form of a command that scripts call by the thousand: it runs without the argument parser.
///
/// The parser works by reflection, which takes longer than listing an image or checking a signature. Command lines of any
/// other form go to the parser, with the same result.
package struct ShortForm: Sendable {
  /// The command's name.
  private let command: String
  private let parse: @Sendable (inout Words) -> (() throws -> Void)?

  /// A form of a command.
  ///
  /// - Parameter parse: takes the words after the command's name; returns the action, or nil if the words have another form.
  package init(_ command: String, _ parse: @escaping @Sendable (inout Words) -> (() throws -> Void)?) {
    self.command = command
    self.parse = parse
  }

  /// Runs the command whose form a command line has.
  ///
  /// - Returns: whether there was one.
  package static func run(_ arguments: [String], _ forms: [ShortForm]) throws -> Bool {
    guard let name = arguments.first, let form = forms.first(where: { $0.command == name }) else {
      return false
    }
    var words = Words(arguments.dropFirst())
    guard let action = form.parse(&words), words.isEmpty else { return false }
    try action()
    return true
  }

  /// The words of a command line that are not read yet.
  package struct Words {
    @usableFromInline var rest: ArraySlice<String>

    fileprivate init(_ words: ArraySlice<String>) { rest = words }

    /// Whether all are read.
    @inlinable package var isEmpty: Bool { rest.isEmpty }

    /// Reads an operand; nil where there is none, what may be an option, and what a slash says to be a directory.
    @inlinable package mutating func operand<Value: ExpressibleByArgument>(_ type: Value.Type = Value.self)
      -> Value?
    {
      guard let word = rest.popFirst(), word.utf8.first != UInt8(ascii: "-"),
        word.utf8.last != UInt8(ascii: "/")
      else { return nil }
      return Value(argument: word)
    }

    /// Reads all other operands; nil where one may be an option.
    @inlinable package mutating func operands<Value: ExpressibleByArgument>(_ type: Value.Type = Value.self)
      -> [Value]?
    {
      var values: [Value] = []
      while !isEmpty {
        guard let value = operand(type) else { return nil }
        values.append(value)
      }
      return values
    }

    /// Reads an option, wherever it stands, with its values; nil where one of them is missing.
    @inlinable package mutating func values<Value: ExpressibleByArgument>(
      of option: String, _ type: Value.Type = Value.self
    ) -> [Value]? {
      var others: [String] = []
      var values: [Value] = []
      while let word = rest.popFirst() {
        guard word == option else {
          others.append(word)
          continue
        }
        guard let value = operand(type) else { return nil }
        values.append(value)
      }
      rest = others[...]
      return values
    }
  }
}
