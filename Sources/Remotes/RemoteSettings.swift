/// The remotes of a user: the user's file and the system's, taken together (spec/remotes.md, "Two files").
public struct RemoteSettings: Sendable {
  /// A remote of either file.
  public struct Remote: Sendable, Equatable {
    /// The name.
    public let name: String
    /// The definition, with the user's token.
    public let content: RemoteFile.Remote
    /// Whether the system defines it.
    public let isSystem: Bool
  }

  /// The runtime whose files these are.
  public let family: RemoteFamily
  /// The user's file; empty if there is none.
  public var user: RemoteFile
  /// The system's file; nil if there is none.
  public var system: RemoteFile?

  /// Settings from the content of the files.
  ///
  /// - Parameters:
  ///   - user: the user's file; nil if there is none.
  ///   - system: the system's file; nil if there is none.
  /// - Throws: ``RemoteError`` for a remote of the user that has the name of one of the system.
  public init(family: RemoteFamily, user: RemoteFile?, system: RemoteFile?) throws(RemoteError) {
    self.family = family
    self.user = user ?? RemoteFile()
    self.system = system
    for (name, remote) in self.user.remotes where !remote.isSystem && system?.remotes[name] != nil {
      throw RemoteError(
        .malformed,
        "the remote \"\(name.printable)\" is the user's and the system's: rename or remove the user's")
    }
  }

  /// The remotes that the system defines. Without a file, that is the runtime's own one.
  var systemRemotes: [String: RemoteFile.Remote] {
    if let remotes = system?.remotes, !remotes.isEmpty { return remotes }
    return [family.ownRemote.name: family.ownRemote.content]
  }

  /// All remotes, sorted by their names. The system's definitions win; only the token is the user's.
  public var remotes: [Remote] {
    var found: [Remote] = []
    for (name, var content) in systemRemotes where user.remotes[name]?.isSystem != false {
      content.token = user.remotes[name]?.token ?? ""
      found.append(Remote(name: name, content: content, isSystem: true))
    }
    // What the user's file remembers of a remote that the system no longer has cannot be used.
    for (name, content) in user.remotes where !content.isSystem {
      found.append(Remote(name: name, content: content, isSystem: false))
    }
    return found.sorted { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }
  }

  /// The one remote that the administrator allows; nil if all are allowed.
  public var exclusive: Remote? { remotes.first { $0.isSystem && $0.content.isExclusive } }

  /// The name of the remote in use; nil if none is chosen.
  public var activeName: String? {
    if let exclusive { return exclusive.name }
    if !user.active.isEmpty { return user.active }
    if let name = system?.active, !name.isEmpty { return name }
    return system?.remotes.isEmpty == false ? nil : family.ownRemote.name
  }

  /// The remote in use.
  ///
  /// - Throws: ``RemoteError`` with the names of the remotes if none is chosen, or the chosen one does not exist.
  public func active() throws(RemoteError) -> Remote {
    guard let name = activeName else {
      throw RemoteError(.noneActive, "no remote is in use; there are \(names)")
    }
    return try remote(name)
  }

  /// The remote of a name; without one, the remote in use.
  ///
  /// - Throws: ``RemoteError`` if there is none, or the administrator allows only another.
  public func remote(_ name: String?) throws(RemoteError) -> Remote {
    guard let name else { return try active() }
    guard let remote = remotes.first(where: { $0.name == name }) else {
      throw RemoteError(.unknown, "there is no remote \"\(name.printable)\"; there are \(names)")
    }
    if let exclusive, exclusive.name != name {
      throw RemoteError(
        .forbidden, "the administrator allows only the remote \"\(exclusive.name.printable)\"")
    }
    return remote
  }

  private var names: String { remotes.map { "\"\($0.name.printable)\"" }.joined(separator: ", ") }

  /// The login for an address of a key server; nil if there is none.
  public func credential(forKeyserver uri: String) -> RemoteFile.Credential? {
    user.credentials.first { Self.normalized($0.uri) == Self.normalized(uri) && !$0.authorization.isEmpty }
  }

  /// An address without slashes at its end.
  static func normalized(_ uri: String) -> String {
    var uri = uri[...]
    while uri.hasSuffix("/") { uri.removeLast() }
    return String(uri)
  }
}

/// The two runtimes, whose files of remotes have the same form in different places.
public enum RemoteFamily: String, Sendable, CaseIterable {
  /// SingularityCE.
  case singularity
  /// Apptainer.
  case apptainer

  /// The remote that the runtime has without any file.
  public var ownRemote: RemoteSettings.Remote {
    switch self {
    case .singularity:
      return RemoteSettings.Remote(
        name: "SylabsCloud", content: RemoteFile.Remote(uri: "cloud.sylabs.io"), isSystem: true)
    case .apptainer:
      var content = RemoteFile.Remote(uri: "cloud.apptainer.org")
      content.keyservers = [RemoteFile.Keyserver(uri: "https://keys.openpgp.org")]
      return RemoteSettings.Remote(name: "DefaultRemote", content: content, isSystem: true)
    }
  }
}
