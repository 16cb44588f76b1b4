public import SystemPackage

/// A file or directory of the host that is shown in a container.
public struct Bind: Sendable, Equatable {
  /// Its path on the host.
  public var source: FilePath
  /// Its path in the container: absolute, without `..`.
  public var target: FilePath
  /// Whether the container cannot write there.
  public var isReadOnly: Bool

  /// Makes a bind.
  ///
  /// - Throws: ``RuntimeError/Code/invalidArgument`` for a target that is not absolute, has `..` in it, or is
  ///   the root.
  public init(_ source: FilePath, at target: FilePath, isReadOnly: Bool = false) throws(RuntimeError) {
    guard target.isAbsolute, !target.components.contains(where: { $0.kind == .parentDirectory }) else {
      throw RuntimeError(
        .invalidArgument, "a bind's target has to be an absolute path without \"..\", not \(target.string)")
    }
    self.source = source
    self.target = target.lexicallyNormalized()
    guard self.target != "/" else {
      throw RuntimeError(.invalidArgument, "/ is the container's root: nothing is mounted over it")
    }
    self.isReadOnly = isReadOnly
  }

  /// Reads binds as people write them: `source[:target[:ro|rw]]`, several of them separated by commas.
  ///
  /// A backslash takes away the meaning of a following colon, comma or backslash. Without a target, the
  /// source is the target.
  public static func parse(_ text: [UInt8]) throws(RuntimeError) -> [Bind] {
    var binds: [Bind] = []
    for parts in split(text) {
      let source = FilePath(bytes: parts[0])
      var target = source
      if parts.count > 1, !parts[1].isEmpty { target = FilePath(bytes: parts[1]) }
      let mode = parts.count > 2 ? String(decoding: parts[2], as: UTF8.self) : "rw"
      guard parts.count <= 3, !parts[0].isEmpty, mode == "ro" || mode == "rw" else {
        throw RuntimeError(
          .invalidArgument,
          "a bind is SOURCE[:TARGET[:ro|rw]], not \"\(String(decoding: text, as: UTF8.self))\"")
      }
      binds.append(try Bind(source, at: target, isReadOnly: mode == "ro"))
    }
    return binds
  }

  /// The binds that variables of this process ask for, as the runtimes read them.
  public static func ofProcess() throws(RuntimeError) -> [Bind] {
    var binds: [Bind] = []
    let variables = ProgramVariables.ofProcess()
    for name in ["SINGULARITY_BINDPATH", "SINGULARITY_BIND", "APPTAINER_BINDPATH", "APPTAINER_BIND"] {
      guard let text = variables.last(where: { $0.name == name })?.value else { continue }
      // A list that was put together of empty parts is usual here.
      let parts = Array(text.split(separator: 0x2C).joined(separator: [0x2C]))
      guard !parts.isEmpty else { continue }
      do { binds += try parse(parts) } catch {
        throw RuntimeError(.invalidArgument, "the variable \(name): \(error.message)")
      }
    }
    return binds
  }

  /// Splits a text into binds, and each bind into its parts.
  static func split(_ text: [UInt8]) -> [[[UInt8]]] {
    var binds: [[[UInt8]]] = [[[]]]
    var rest = text[...]
    while let byte = rest.popFirst() {
      let last = binds.count - 1
      switch byte {
      case 0x5C where rest.first.map { [0x5C, 0x3A, 0x2C].contains($0) } == true:
        binds[last][binds[last].count - 1].append(rest.removeFirst())
      case 0x2C: binds.append([[]])
      case 0x3A: binds[last].append([])
      default: binds[last][binds[last].count - 1].append(byte)
      }
    }
    return binds
  }
}

extension FilePath {
  /// Whether a path is another one or lies beneath it, by components.
  func isBeneath(_ other: FilePath) -> Bool { starts(with: other) }
}
