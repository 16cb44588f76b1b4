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
    var answers: [String: Bool] = [:]
    // A file without directives may be the result of a crash or a full disk, so it is not a policy.
    guard
      try ConfigurationDirective.forEach(
        in: bytes,
        { (directive) throws(PolicySyntaxError) in
          try take(directive, &answers)
        })
    else { throw PolicySyntaxError("it holds no directive") }
  }

  private mutating func take(
    _ directive: ConfigurationDirective, _ answers: inout [String: Bool]
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
  /// An ext3 file system without a SIF image around it.
  case extfs
  /// A directory.
  case directory = "dir"

  /// The directive that allows or forbids the kind.
  public var directive: String { "allow container \(rawValue)" }

  fileprivate init?(directive name: String) {
    guard let kind = Self.allCases.first(where: { $0.directive == name }) else { return nil }
    self = kind
  }
}
