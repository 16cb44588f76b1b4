/// A definition file: the stages from which an image is built, and what is wrong with them (spec/definition.md).
public struct DefinitionFile: Equatable, Sendable {
  /// The longest file that is read, in bytes.
  public static let maximumBytes = 4 << 20

  /// The file as it was given, which the image keeps.
  public let bytes: [UInt8]
  /// The stages, in their order. The last one becomes the image.
  public private(set) var stages: [Stage] = []
  /// What is wrong, and what may surprise, by lines.
  public private(set) var findings: [DefinitionFinding] = []

  /// Reads a file. Whatever is wrong with it is in ``findings``.
  public init(reading bytes: [UInt8]) {
    self.bytes = bytes
    guard bytes.count <= Self.maximumBytes else {
      findings = [
        DefinitionFinding(
          code: .notDefinition, line: 1, message: "the file has more than \(Self.maximumBytes >> 20) MiB",
          isError: true)
      ]
      return
    }
    var parser = DefinitionParser(bytes)
    parser.parse()
    var checker = StageChecker(stages: parser.stages, findings: parser.findings)
    checker.check()
    stages = parser.stages
    findings = checker.findings.sorted { $0.line < $1.line }
  }

  /// The definition of an image that another one is made of, without any section.
  ///
  /// - Parameters:
  ///   - agent: how the other one is fetched.
  ///   - reference: its name or its path, as it was given.
  public init(agent: String, from reference: [UInt8]) {
    bytes = Array("bootstrap: \(agent)\nfrom: ".utf8) + reference + [0x0A, 0x0A]
    stages = [
      Stage(
        line: 1,
        header: [
          "bootstrap": Value(line: 1, bytes: Array(agent.utf8)), "from": Value(line: 2, bytes: reference),
        ])
    ]
  }

  /// Refuses a file in which something is wrong.
  ///
  /// - Throws: ``DefinitionError`` with the first finding that is an error.
  public func requireSound() throws(DefinitionError) {
    if let finding = findings.first(where: \.isError) { throw DefinitionError(finding: finding) }
  }
}

extension DefinitionFile {
  /// One stage: where its root file system comes from, and what is done to it.
  public struct Stage: Equatable, Sendable {
    /// The line that it begins with.
    public let line: Int
    /// The header, by keywords in lower case.
    public internal(set) var header: [String: Value] = [:]
    /// The sections, in their order.
    public internal(set) var sections: [Section] = []

    /// The agent that makes the root file system, in lower case; empty without one.
    public var agent: String { header["bootstrap"]?.text.lowercased() ?? "" }
    /// The name by which later stages know it.
    public var name: String? { header["stage"]?.text }

    /// All lines of the sections of a kind, joined in their order.
    public func lines(of kind: Section.Kind) -> [DefinitionLine] {
      sections.filter { $0.kind == kind }.flatMap(\.lines)
    }

    /// The arguments at the head of the last section of a kind that has any.
    public func arguments(of kind: Section.Kind) -> [UInt8] {
      sections.last { $0.kind == kind && !$0.arguments.isEmpty }?.arguments ?? []
    }

    /// The names of the apps, in the order in which they are first mentioned.
    public var apps: [String] {
      var names: [String] = []
      for section in sections {
        if let app = section.kind.app, !names.contains(app) { names.append(app) }
      }
      return names
    }
  }

  /// A value of a header.
  public struct Value: Equatable, Sendable {
    /// The line of its keyword.
    public let line: Int
    /// The value, without blanks at its ends.
    public internal(set) var bytes: [UInt8]

    /// The value as text.
    public var text: String { String(decoding: bytes, as: UTF8.self) }
  }

  /// One section.
  public struct Section: Equatable, Sendable {
    /// What a section is for.
    public enum Kind: Hashable, Sendable {
      case pre, setup, post, files, environment, help, labels, arguments, runscript, startscript, test
      case appInstall(String), appFiles(String), appEnvironment(String), appTest(String), appHelp(String)
      case appRun(String), appStart(String), appLabels(String)
    }

    /// What it is for.
    public let kind: Kind
    /// The line of its head.
    public let line: Int
    /// The rest of the head, without blanks at its ends.
    public let arguments: [UInt8]
    /// The lines below the head.
    public internal(set) var lines: [DefinitionLine] = []
  }
}

extension DefinitionFile.Section.Kind {
  /// The app that it belongs to; nil for the image.
  public var app: String? {
    switch self {
    case .appInstall(let app), .appFiles(let app), .appEnvironment(let app), .appTest(let app),
      .appHelp(let app), .appRun(let app), .appStart(let app), .appLabels(let app):
      app
    default: nil
    }
  }

  /// Whether its lines are a script, in which a here-document may hold anything.
  var isScript: Bool {
    switch self {
    case .pre, .setup, .post, .environment, .runscript, .startscript, .test: true
    case .appInstall, .appEnvironment, .appTest, .appRun, .appStart: true
    default: false
    }
  }

  /// The kind with a name; nil if there is none.
  init?(_ name: String) {
    switch name {
    case "pre": self = .pre
    case "setup": self = .setup
    case "post": self = .post
    case "files": self = .files
    case "environment": self = .environment
    case "help": self = .help
    case "labels": self = .labels
    case "arguments": self = .arguments
    case "runscript": self = .runscript
    case "startscript": self = .startscript
    case "test": self = .test
    default: return nil
    }
  }

  /// The kind of an app's section with a name; nil if there is none.
  static func ofApp(_ name: String, _ app: String) -> Self? {
    switch name {
    case "appinstall": .appInstall(app)
    case "appfiles": .appFiles(app)
    case "appenv": .appEnvironment(app)
    case "apptest": .appTest(app)
    case "apphelp": .appHelp(app)
    case "apprun": .appRun(app)
    case "appstart": .appStart(app)
    case "applabels": .appLabels(app)
    default: nil
    }
  }
}
