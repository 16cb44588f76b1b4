public import SystemPackage

/// A file or directory of the host, or of an image, that is shown in a container.
public struct Bind: Sendable, Equatable {
  /// Its path on the host; the image's, if a part of an image is shown.
  public var source: FilePath
  /// Its path in the container: absolute, without `..`.
  public var target: FilePath
  /// Whether the container cannot write there.
  public var isReadOnly: Bool
  /// The part of the image that is shown; nil if the source itself is.
  public var part: ImagePart?
  /// Whether a container that is started in this one gets it as well.
  public var isPassedOn = true

  /// A file or directory in an image.
  public struct ImagePart: Sendable, Equatable {
    /// The id of the partition; nil for the first data partition of a SIF image, or the whole of another file.
    public var object: UInt32?
    /// The path in its file system.
    public var path: FilePath

    /// Makes it from its parts.
    public init(object: UInt32? = nil, path: FilePath = "/") {
      self.object = object
      self.path = path
    }
  }

  /// The image that has to be mounted for it; nil if none.
  var image: BoundImage.Name? {
    part.map { BoundImage.Name(path: source, object: $0.object) }
  }

  /// Makes a bind.
  ///
  /// - Throws: ``RuntimeError/Code/invalidArgument`` for a target that is not absolute, has `..` in it, or is
  ///   the root.
  public init(_ source: FilePath, at target: FilePath, isReadOnly: Bool = false) throws(RuntimeError) {
    self.source = source
    self.target = try Self.place(target, of: "a bind's target")
    self.isReadOnly = isReadOnly
  }

  /// A place in the container, normalised.
  ///
  /// - Parameter what: the beginning of the sentence about one that cannot be used.
  static func place(_ target: FilePath, of what: String) throws(RuntimeError) -> FilePath {
    guard target.isAbsolute, !target.components.contains(where: { $0.kind == .parentDirectory }) else {
      throw RuntimeError(
        .invalidArgument, "\(what) has to be an absolute path without \"..\", not \(target.string)")
    }
    let place = target.lexicallyNormalized()
    guard place != "/" else {
      throw RuntimeError(.invalidArgument, "/ is the container's root: nothing is mounted over it")
    }
    return place
  }

  // MARK: Text

  /// Reads binds as people write them: `source[:target[:option[,option]]]`, several of them separated by commas.
  ///
  /// A backslash takes away the meaning of a following colon, comma or backslash. Without a target, the
  /// source is the target. The options are those of ``Options``. A bind without any text is none.
  public static func parse(_ text: [UInt8]) throws(RuntimeError) -> [Bind] {
    var all: [(parts: [[UInt8]], options: Options)] = []
    for parts in split(text) where parts != [[]] {
      if parts.count == 1, let last = all.last, last.parts.count == 3,
        try all[all.count - 1].options.take(parts[0])
      {
        continue
      }
      var options = Options()
      let isKnown = try parts.count < 3 ? true : options.take(parts[2])
      guard parts.count <= 3, !parts[0].isEmpty, isKnown else {
        throw RuntimeError(
          .invalidArgument,
          "a bind is SOURCE[:TARGET[:OPTIONS]] with options of ro, rw, image-src=PATH, id=N and nonested, "
            + "not \"\(String(decoding: text, as: UTF8.self))\"")
      }
      all.append((parts, options))
    }
    return try all.map { (parts, options) throws(RuntimeError) in
      let target = parts.count > 1 && !parts[1].isEmpty ? parts[1] : parts[0]
      return try options.bind(parts[0], at: target)
    }
  }

  /// The binds that variables of this process ask for, as the runtimes read them.
  public static func ofProcess() throws(RuntimeError) -> [Bind] {
    var binds: [Bind] = []
    let variables = ProgramVariables.ofProcess()
    let names: [(name: String, parse: ([UInt8]) throws(RuntimeError) -> [Bind])] = [
      ("BINDPATH", parseTrimmed), ("BIND", parseTrimmed), ("MOUNT", parse(mounts:)),
    ]
    for prefix in ["SINGULARITY_", "APPTAINER_"] {
      for (name, parse) in names {
        guard let text = variables.last(where: { $0.name == prefix + name })?.value else { continue }
        do { binds += try parse(text) } catch {
          throw RuntimeError(.invalidArgument, "the variable \(prefix)\(name): \(error.message)")
        }
      }
    }
    return binds
  }

  /// Reads a list that has blanks between its parts.
  private static func parseTrimmed(_ text: [UInt8]) throws(RuntimeError) -> [Bind] {
    let parts = text.split(separator: 0x2C).map { part in
      Array(part.drop { $0 == 0x20 }.reversed().drop { $0 == 0x20 }.reversed())
    }
    return try parse(Array(parts.joined(separator: [0x2C])))
  }

  /// Splits a text into binds, and each bind into its parts.
  ///
  /// - Parameter isList: whether a comma separates two binds.
  static func split(_ text: [UInt8], isList: Bool = true) -> [[[UInt8]]] {
    var binds: [[[UInt8]]] = [[[]]]
    var rest = text[...]
    while let byte = rest.popFirst() {
      let last = binds.count - 1
      switch byte {
      case 0x5C where rest.first.map { [0x5C, 0x3A, 0x2C].contains($0) } == true:
        binds[last][binds[last].count - 1].append(rest.removeFirst())
      case 0x2C where isList: binds.append([[]])
      case 0x3A: binds[last].append([])
      default: binds[last][binds[last].count - 1].append(byte)
      }
    }
    return binds
  }
}

extension FilePath {
  /// The path with a backslash before each byte that has a meaning in a list of binds.
  var quotedForBinds: [UInt8] {
    bytes.flatMap { [0x5C, 0x3A, 0x2C].contains($0) ? [0x5C, $0] : [$0] }
  }

  /// Whether a path is another one or lies beneath it, by components.
  func isBeneath(_ other: FilePath) -> Bool { starts(with: other) }
}
