import ArgumentParser
import Bytes
import Glibc
import LinuxSystem
import Squash
import Synchronization
import SystemPackage

/// The files that a command line names, each in its role: a command reads every ``PathArgument``, and writes every
/// ``OutputArgument``.
///
/// The roles are found in the types of the options and operands of any command, as the parser finds the options
/// themselves. So no command can forget to compare a new option with the others.
package struct CommandFiles {
  private struct Input {
    let name: String?
    let path: FilePath
    let endsWithSlash: Bool
  }

  private struct Output {
    let name: String
    let path: FilePath
    let endsWithSlash: Bool
  }

  private var inputs: [Input] = []
  private var outputs: [Output] = []
  private var texts: [(name: String?, text: String)] = []

  /// Whether there is anything to check: an output, a name with a slash at its end, or an argument that is not text. Looking
  /// for the roles of all arguments takes longer than many a command.
  package static var isNeeded: Bool {
    wasSeen.load(ordering: .relaxed) || !ArgumentBytes.commandLine.allSatisfy(ArgumentBytes.isText)
  }

  /// Whether the parser has read an output or a name with a slash at its end.
  private static let wasSeen = Atomic<Bool>(false)

  /// Tells that the parser has read such an argument.
  static func note() { wasSeen.store(true, ordering: .relaxed) }

  /// The files that a parsed command names.
  package init(of command: some ParsableArguments) {
    collect(Mirror(reflecting: command), nil, isOption: false)
  }

  /// Refuses a command line whose files or texts cannot be meant.
  ///
  /// - Throws: ``ToolFailure`` if an output is also an input, or a text is not Unicode; ``SystemError`` if a slash follows the
  ///   name of a file.
  package func check() throws {
    for (name, text) in texts where !ArgumentBytes.isText(text) {
      throw ToolFailure.usage("\(name ?? "the argument") \"\(ArgumentBytes.printable(text))\" is not UTF-8")
    }
    for input in inputs where input.endsWithSlash {
      if let isDirectory = Self.isDirectory(input.path), !isDirectory {
        throw SystemError(errno: .notDirectory, operation: "open", path: input.path)
      }
    }
    for output in outputs where output.path == "-" {
      throw ToolFailure.usage(
        "\(output.name) cannot be written to standard output: give the name of a file, such as ./-")
    }
    for output in outputs where output.endsWithSlash && Self.isDirectory(output.path) != true {
      throw SystemError(errno: .notDirectory, operation: "write to", path: output.path)
    }
    guard !outputs.isEmpty else { return }
    let inputs = inputs + Self.inputsOfEnvironment
    for output in outputs {
      // A device is not replaced, and may be read and written at once.
      guard let target = FileIdentity(of: output.path), !OutputFile.isStream(output.path) else { continue }
      for input in inputs where Self.concerns(input, target, output.path) {
        let role = input.name.map { "belongs to \($0)" } ?? "is the input"
        throw ToolFailure.usage("\(output.name) \(output.path.printable) \(role)")
      }
    }
  }

  /// Whether a file is an input, or lies in the directory of keys that an option names.
  private static func concerns(_ input: Input, _ target: FileIdentity, _ path: FilePath) -> Bool {
    guard let identity = FileIdentity(of: input.path) else { return false }
    if identity == target { return true }
    guard input.name != nil, let whole = try? path.resolvingLinks() else { return false }
    return identity == FileIdentity(of: whole.removingLastComponent())
  }

  private static var inputsOfEnvironment: [Input] {
    SecretInput.pathVariables.compactMap { name in
      guard let value = getenv(name), value.pointee != 0 else { return nil }
      return Input(name: "$\(name)", path: FilePath(platformString: value), endsWithSlash: false)
    }
  }

  /// Whether a path leads to a directory; nil if it leads nowhere.
  private static func isDirectory(_ path: FilePath) -> Bool? {
    var status = stat()
    guard path.withPlatformString({ stat($0, &status) }) == 0 else { return nil }
    return status.st_mode & S_IFMT == S_IFDIR
  }

  /// Adds what a value holds: the wrappers of the parser, groups of options, optional values and lists.
  ///
  /// - Parameter name: the property that holds it.
  private mutating func collect(_ mirror: Mirror, _ name: String?, isOption: Bool) {
    for child in mirror.children {
      switch child.value {
      case let file as PathArgument:
        let option = isOption ? name.map(Self.optionName) : nil
        inputs.append(Input(name: option, path: file.path, endsWithSlash: file.endsWithSlash))
      case let file as OutputArgument: add(file, name, isOption)
      case let file as StreamArgument: if file.path != nil { add(file.output, name, isOption) }
      case let text as String where name != nil:
        texts.append((isOption ? name.map(Self.optionName) : nil, text))
      default:
        let inner = Mirror(reflecting: child.value)
        guard !inner.children.isEmpty else { continue }
        // A property of the command, behind its wrapper.
        if let label = child.label, label.hasPrefix("_"), label != "_parsedValue" {
          let wrapper = String(describing: inner.subjectType)
          let isValue = wrapper.hasPrefix("Option<") || wrapper.hasPrefix("Argument<")
          collect(inner, isValue ? String(label.dropFirst()) : nil, isOption: wrapper.hasPrefix("Option<"))
        } else {
          collect(inner, name, isOption: isOption)
        }
      }
    }
  }

  private mutating func add(_ file: OutputArgument, _ name: String?, _ isOption: Bool) {
    let option = name.map { isOption ? Self.optionName($0) : "the \($0)" } ?? "the output"
    outputs.append(Output(name: option, path: file.path, endsWithSlash: file.endsWithSlash))
  }

  /// `--sign-key` for `signKey`.
  private static func optionName(_ property: String) -> String {
    property.reduce(into: "--") { name, letter in
      name += letter.isUppercase ? "-\(letter.lowercased())" : String(letter)
    }
  }
}
