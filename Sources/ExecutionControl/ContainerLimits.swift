public import SystemPackage

/// The limits on images in the runtimes' main configuration file: `singularity.conf` or `apptainer.conf`
/// (spec/runtime.md, "The limits").
public struct ContainerLimits: Equatable, Sendable {
  /// The users of whom one must own the image's file; empty for any.
  public private(set) var owners: [String] = []
  /// The groups of which one must own the image's file; empty for any.
  public private(set) var groups: [String] = []
  /// The directories of which one must contain the image, or paths of images; empty for any.
  public private(set) var paths: [FilePath] = []
  /// The kinds of images that are not allowed.
  public private(set) var forbidden: Set<ImageKind> = []

  /// Makes limits that forbid nothing.
  public init() {}

  /// Reads a configuration file: one `name = value` a line, and comments that start with `#` at the beginning
  /// of a line.
  ///
  /// Directives about other things are ignored. An unknown directive that looks like one about containers is
  /// refused, and so is an unknown value: a limit that is not understood would have no effect.
  ///
  /// - Throws: ``PolicySyntaxError`` with the line.
  public init(reading bytes: [UInt8]) throws(PolicySyntaxError) {
    guard let text = String(validating: bytes, as: UTF8.self), !bytes.contains(0) else {
      throw PolicySyntaxError("it is not a text in UTF-8")
    }
    var answers: [String: Bool] = [:]
    var isEmpty = true
    for (index, line) in text.utf8.split(separator: 0x0A, omittingEmptySubsequences: false).enumerated() {
      let content = Substring(line).trimmed
      if content.isEmpty || content.utf8.first == 0x23 { continue }
      guard let directive = Directive(content) else {
        throw PolicySyntaxError("it is neither a comment nor a directive", line: index + 1)
      }
      isEmpty = false
      do throws(PolicySyntaxError) {
        try take(directive, &answers)
      } catch {
        throw PolicySyntaxError(error.reason, line: index + 1)
      }
    }
    // A file without directives may be the result of a crash or a full disk, so it is not a policy.
    guard !isEmpty else { throw PolicySyntaxError("it holds no directive") }
  }

  private mutating func take(
    _ directive: Directive, _ answers: inout [String: Bool]
  ) throws(PolicySyntaxError) {
    switch directive.name {
    case "limit container owners": owners += try directive.list()
    case "limit container groups": groups += try directive.list()
    case "limit container paths":
      for text in try directive.list() {
        let path = FilePath(text)
        guard path.isAbsolute, !path.components.contains(where: { $0.kind == .parentDirectory }) else {
          throw PolicySyntaxError("\"\(text)\" is not an absolute path without \"..\"")
        }
        paths.append(path)
      }
    default:
      guard let kind = ImageKind(directive: directive.name) else {
        guard directive.name.utf8.allSatisfy({ $0 < 0x80 }) else {
          throw PolicySyntaxError("the name of a directive is not ASCII")
        }
        guard !directive.isAboutContainers else {
          throw PolicySyntaxError("unknown directive \"\(directive.name)\" about containers")
        }
        return
      }
      guard let answer = try directive.answer() else { return }
      guard answers.updateValue(answer, forKey: directive.name) ?? answer == answer else {
        throw PolicySyntaxError("it contradicts an earlier \"\(directive.name)\"")
      }
      if !answer { forbidden.insert(kind) }
    }
  }
}

/// The kinds of images that a policy distinguishes.
public enum ImageKind: String, CaseIterable, Sendable {
  /// A SIF image whose partition is not encrypted.
  case sif
  /// A SIF image whose partition is encrypted.
  case encrypted
  /// A squashfs without a SIF image around it.
  case squashfs
  /// An ext file system without a SIF image around it; never mounted here.
  case extfs
  /// A directory; never run here.
  case directory = "dir"

  /// The directive that allows or forbids the kind.
  public var directive: String { "allow container \(rawValue)" }

  fileprivate init?(directive name: String) {
    guard let kind = Self.allCases.first(where: { $0.directive == name }) else { return nil }
    self = kind
  }
}

/// One line of a configuration file.
private struct Directive {
  let name: String
  let value: String

  /// Nil if there is no `=` with a name before it.
  init?(_ line: Substring) {
    guard let equals = line.utf8.firstIndex(of: 0x3D) else { return nil }
    name = String(line[..<equals].trimmed)
    value = String(line[line.utf8.index(after: equals)...].trimmed)
    if name.isEmpty { return nil }
  }

  /// Whether the name looks like a directive that limits containers, whatever its spelling.
  var isAboutContainers: Bool {
    let letters = name.lowercased().filter(\.isLetter)
    return letters.hasPrefix("limitcontainer") || letters.hasPrefix("allowcontainer")
  }

  /// `yes` or `no`; nil for an empty value, which counts as no directive.
  func answer() throws(PolicySyntaxError) -> Bool? {
    switch value {
    case "": return nil
    case "yes": return true
    case "no": return false
    default: throw PolicySyntaxError("\"\(name)\" is \"yes\" or \"no\", not \"\(value)\"")
    }
  }

  /// Names that are separated by commas. An empty value and `NULL` count as no directive.
  func list() throws(PolicySyntaxError) -> [String] {
    if value.isEmpty || value == "NULL" { return [] }
    var names: [String] = []
    for entry in value.split(separator: ",", omittingEmptySubsequences: false) {
      let name = entry.trimmed
      guard !name.isEmpty else { throw PolicySyntaxError("\"\(self.name)\" has an empty entry") }
      names.append(String(name))
    }
    return names
  }
}

extension Substring {
  /// The text without blanks, tabs, carriage returns and form feeds at its ends.
  fileprivate var trimmed: Substring {
    func isBlank(_ byte: UInt8) -> Bool { byte == 0x20 || (0x09...0x0D).contains(byte) }
    let utf8 = self.utf8
    guard let first = utf8.firstIndex(where: { !isBlank($0) }),
      let last = utf8.lastIndex(where: { !isBlank($0) })
    else { return "" }
    return self[first...last]
  }
}
