public import SystemPackage

/// Another home than the user's: a directory of the host, and its place in the container.
public struct HomeChoice: Sendable, Equatable {
  /// The directory of the host: absolute.
  public var source: FilePath
  /// The home in the container: absolute, without `..`.
  public var target: FilePath

  /// Makes a choice.
  ///
  /// - Throws: ``RuntimeError/Code/invalidArgument`` for paths that are not absolute, and for a home that is the root.
  public init(_ source: FilePath, at target: FilePath) throws(RuntimeError) {
    guard source.isAbsolute else {
      throw RuntimeError(.invalidArgument, "a home has to be an absolute path, not \(source.string)")
    }
    self.source = source
    self.target = try Bind.place(target, of: "a home in the container")
  }

  /// Reads `source[:target]`. A backslash takes away the meaning of a following colon, comma or backslash.
  public static func parse(_ text: [UInt8]) throws(RuntimeError) -> HomeChoice {
    let parts = Bind.split(text, isList: false)[0]
    guard parts.count <= 2, let source = parts.first, !source.isEmpty, parts.last?.isEmpty == false else {
      throw RuntimeError(
        .invalidArgument, "a home is SOURCE[:TARGET], not \"\(String(decoding: text, as: UTF8.self))\"")
    }
    return try HomeChoice(FilePath(bytes: source), at: FilePath(bytes: parts[parts.count - 1]))
  }
}
