import Bytes

/// Something in a definition file that is wrong, or that may surprise its writer.
public struct DefinitionFinding: Equatable, Sendable {
  /// Its kind, a stable word for scripts.
  public enum Code: String, Sendable {
    /// There is nothing to build, or too much text.
    case notDefinition = "not-definition"
    /// A stage has no `Bootstrap:` or lacks what its agent needs.
    case header
    /// A word before a colon that no header has.
    case keyword
    /// An agent that does not exist, or that this project does not have.
    case agent
    /// A section that does not exist, or a head that cannot be meant.
    case section
    /// `%files` from a stage that is not an earlier one, or two stages of one name.
    case stage
    /// A value for a template that is missing, or that nothing uses.
    case argument
    /// Text that the runtimes read otherwise.
    case surprise
  }

  /// Its kind.
  public let code: Code
  /// The line, from 1.
  public let line: Int
  /// One sentence, without a final stop.
  public let message: String
  /// Whether nothing can be built before this is mended.
  public let isError: Bool

  /// A finding from its parts.
  public init(code: Code, line: Int, message: String, isError: Bool) {
    self.code = code
    self.line = line
    self.message = message
    self.isError = isError
  }
}

extension [DefinitionFinding] {
  /// Adds what is wrong.
  mutating func add(_ code: DefinitionFinding.Code, _ line: Int, _ message: String) {
    append(DefinitionFinding(code: code, line: line, message: message, isError: true))
  }

  /// Adds what the runtimes read otherwise, or what has no effect.
  mutating func note(_ line: Int, _ message: String) {
    append(DefinitionFinding(code: .surprise, line: line, message: message, isError: false))
  }
}

/// A definition file that cannot be built.
public struct DefinitionError: Fault, Equatable {
  /// The first thing that is wrong.
  public let finding: DefinitionFinding

  /// An error about a finding.
  public init(finding: DefinitionFinding) { self.finding = finding }

  /// The kind of the finding.
  public var identifier: String { finding.code.rawValue }
  /// The file is malformed.
  public var kind: FaultKind { .malformed }
  /// The sentence, with its line.
  public var description: String { "line \(finding.line): \(finding.message)" }
}
