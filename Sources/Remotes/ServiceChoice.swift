import Bytes

/// A key server, and how it is asked.
public struct KeyserverChoice: Sendable, Equatable {
  /// Its address.
  public let uri: String
  /// The login, as the value of the header; nil for none.
  public let authorization: String?
  /// Whether its certificate is checked.
  public let checksCertificate: Bool

  /// A key server; by default one without a login.
  public init(uri: String, authorization: String? = nil, checksCertificate: Bool = true) {
    self.uri = uri
    self.authorization = authorization
    self.checksCertificate = checksCertificate
  }
}

extension RemoteSettings {
  /// How a key server is asked whose address the user gives: with the login that was made for it.
  public func keyserver(at uri: String) -> KeyserverChoice {
    let credential = credential(forKeyserver: uri)
    let listed = remotes.flatMap { $0.content.keyservers ?? [] }
      .first { Self.normalized($0.uri) == Self.normalized(uri) }
    return KeyserverChoice(
      uri: uri, authorization: credential?.authorization,
      checksCertificate: !(credential?.isInsecure ?? listed?.isInsecure ?? false))
  }
}

extension RemoteClient {
  /// The key servers of the remote in use, in the order in which they are asked: those that its definition lists, or else
  /// the one that it names as its own, with the user's token.
  ///
  /// - Throws: ``RemoteError`` if it has none, or ``TransportError``.
  public func keyservers(_ settings: RemoteSettings) throws -> [KeyserverChoice] {
    let remote = try settings.active()
    if let listed = RemoteSettings.keyservers(of: remote) {
      guard !listed.isEmpty else {
        throw RemoteError(.noService, "the remote \"\(remote.name.printable)\" has no key server")
      }
      return listed.map { settings.keyserver(at: $0.uri) }
    }
    guard let own = try services(of: remote).keyserver else {
      throw RemoteError(.noService, "the remote \"\(remote.name.printable)\" has no key server")
    }
    return [
      KeyserverChoice(
        uri: own.uri, authorization: remote.content.token.isEmpty ? nil : "Bearer \(remote.content.token)",
        checksCertificate: true)
    ]
  }
}

extension RemoteClient {
  /// The key server that a remote names as its own, if its definition lists none; nil if it names none, or lists others.
  ///
  /// - Throws: ``RemoteError`` or ``TransportError``.
  public func ownKeyserver(_ store: RemoteStore, _ name: String?) throws -> String? {
    let remote = try store.settings().remote(name)
    guard remote.content.keyservers == nil else { return nil }
    return try services(of: remote).keyserver?.uri
  }
}

extension RemoteClient {
  /// The address of a container library, and the token for it: the library that the user names, or the one of the remote in
  /// use. The token is only for the library that the remote itself names.
  ///
  /// - Throws: ``RemoteError`` if the remote has no library, or ``TransportError``.
  public func library(_ settings: RemoteSettings, named uri: String?) throws -> (uri: String, token: String?)
  {
    guard let uri else {
      let remote = try settings.active()
      guard let library = try services(of: remote).library else {
        throw RemoteError(.noService, "the remote \"\(remote.name.printable)\" has no container library")
      }
      return (library.uri, remote.content.token.isEmpty ? nil : remote.content.token)
    }
    guard let remote = try? settings.active(), !remote.content.token.isEmpty,
      let own = try? services(of: remote).library?.uri, own == RemoteSettings.normalized(uri)
    else { return (uri, nil) }
    return (uri, remote.content.token)
  }
}
