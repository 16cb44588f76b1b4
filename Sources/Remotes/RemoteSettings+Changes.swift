import Bytes

/// The changes that commands make.
extension RemoteSettings {
  /// Adds a remote.
  ///
  /// - Parameters:
  ///   - place: the file that it is added to.
  ///   - activates: whether it is then the one in use.
  /// - Throws: ``RemoteError`` for a name or address that makes no sense, and for a name that is taken.
  public mutating func add(
    _ name: String, uri: String, isInsecure: Bool, to place: RemoteStore.Place, activates: Bool
  ) throws(RemoteError) {
    guard !name.isEmpty, name.unicodeScalars.allSatisfy({ $0.isShown && $0 != " " }) else {
      throw RemoteError(.argument, "\"\(name.printable)\" cannot be the name of a remote")
    }
    guard remotes.first(where: { $0.name == name }) == nil else {
      throw RemoteError(.exists, "there is a remote \"\(name.printable)\" already")
    }
    let remote = RemoteFile.Remote(uri: try Self.site(uri), isInsecure: isInsecure)
    if place == .user, !activates, let active = try? active() { remember(active) }
    change(place) {
      $0.remotes[name] = remote
      if activates { $0.active = name }
    }
  }

  /// The host, perhaps with a path, of a site: also if it was written as an address.
  private static func site(_ uri: String) throws(RemoteError) -> String {
    var site = uri[...]
    for scheme in ["https://", "http://"] where site.lowercased().hasPrefix(scheme) {
      site = site.dropFirst(scheme.count)
    }
    let text = normalized(String(site))
    guard !text.isEmpty, text.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }),
      !text.contains(where: { "?#@".contains($0) })
    else { throw RemoteError(.argument, "\"\(uri.printable)\" is not the host of a remote") }
    return text
  }

  /// Writes a remote of the system into the user's file, as the runtimes do: they expect it there.
  private mutating func remember(_ remote: Remote) {
    if remote.isSystem, user.remotes[remote.name] == nil {
      user.remotes[remote.name] = remote.content
      user.remotes[remote.name]?.isSystem = true
      user.remotes[remote.name]?.isExclusive = false
    }
    // The runtimes refuse a file that has remotes, and none in use.
    if user.active.isEmpty, let activeName { user.active = activeName }
  }

  private mutating func change(_ place: RemoteStore.Place, _ body: (inout RemoteFile) -> Void) {
    if place == .user {
      body(&user)
    } else {
      var file = system ?? RemoteFile()
      // The file's first remote does not take the place of the one that is there without a file.
      if file.remotes.isEmpty {
        file.remotes = systemRemotes
        if file.active.isEmpty { file.active = family.ownRemote.name }
      }
      body(&file)
      system = file
    }
  }

  /// Puts a remote into use.
  ///
  /// - Parameters:
  ///   - place: the file that says so.
  ///   - isExclusive: in the system's file, whether nothing else may be used.
  public mutating func use(
    _ name: String, in place: RemoteStore.Place, isExclusive: Bool
  ) throws(RemoteError) {
    if place == .user {
      remember(try remote(name))
      user.active = name
      return
    }
    guard var file = system, file.remotes[name] != nil else {
      throw RemoteError(.unknown, "the system has no remote \"\(name.printable)\"")
    }
    for other in file.remotes.keys { file.remotes[other]?.isExclusive = isExclusive && other == name }
    file.active = name
    system = file
  }

  /// Removes a remote.
  public mutating func remove(_ name: String, from place: RemoteStore.Place) throws(RemoteError) {
    if place == .user, systemRemotes[name] != nil, user.remotes[name]?.isSystem != false {
      throw RemoteError(
        .forbidden, "the remote \"\(name.printable)\" is the system's: only root removes it, globally")
    }
    guard (place == .user ? user.remotes[name] : system?.remotes[name]) != nil else {
      throw RemoteError(.unknown, "there is no remote \"\(name.printable)\" in this file")
    }
    change(place) {
      $0.remotes[name] = nil
      if $0.active == name { $0.active = "" }
    }
  }

  /// Remembers a token for a remote, or with an empty one forgets it.
  public mutating func setToken(_ token: String, of name: String) throws(RemoteError) {
    let remote = try remote(name)
    if token.isEmpty, user.remotes[name] == nil { return }
    remember(remote)
    user.remotes[name]?.token = token
  }

  // MARK: Key servers

  /// The key servers of a remote that are asked, in order; nil if the remote's own one is.
  public static func keyservers(of remote: Remote) -> [RemoteFile.Keyserver]? {
    remote.content.keyservers.map { $0.filter { !$0.isSkipped } }
  }

  /// Adds a key server to a remote of the system, or asks one again that was left out.
  ///
  /// - Parameters:
  ///   - own: the remote's own key server, by its account; it is the first unless an order is given.
  ///   - order: the place among those that are asked, counted from 1; nil for the last.
  public mutating func addKeyserver(
    _ uri: String, to name: String, own: String?, isInsecure: Bool, order: Int?
  ) throws(RemoteError) {
    try changeKeyservers(of: name, own: own) { (servers) throws(RemoteError) in
      var new = RemoteFile.Keyserver(uri: Self.normalized(uri), isExternal: true, isInsecure: isInsecure)
      if let index = servers.firstIndex(where: { Self.normalized($0.uri) == Self.normalized(uri) }) {
        guard servers[index].isSkipped else {
          throw RemoteError(
            .exists, "the remote \"\(name.printable)\" has the key server \(uri.printable) already")
        }
        new = servers.remove(at: index)
        new.isSkipped = false
      }
      let asked = servers.indices.filter { !servers[$0].isSkipped }
      guard let order else { return servers.append(new) }
      guard order >= 1, order <= asked.count + 1 else {
        throw RemoteError(.argument, "the order is from 1 to \(asked.count + 1)")
      }
      servers.insert(new, at: order <= asked.count ? asked[order - 1] : servers.count)
    }
  }

  /// Removes a key server from a remote of the system; the remote's own one is only left out.
  public mutating func removeKeyserver(
    _ uri: String, from name: String, own: String?
  ) throws(RemoteError) {
    try changeKeyservers(of: name, own: own) { (servers) throws(RemoteError) in
      guard let index = servers.firstIndex(where: { Self.normalized($0.uri) == Self.normalized(uri) }),
        !servers[index].isSkipped
      else {
        throw RemoteError(.unknown, "the remote \"\(name.printable)\" has no key server \(uri.printable)")
      }
      if servers[index].isExternal { servers.remove(at: index) } else { servers[index].isSkipped = true }
    }
  }

  private mutating func changeKeyservers(
    of name: String, own: String?, _ change: (inout [RemoteFile.Keyserver]) throws(RemoteError) -> Void
  ) throws(RemoteError) {
    guard let remote = remotes.first(where: { $0.name == name }) else {
      throw RemoteError(.unknown, "there is no remote \"\(name.printable)\"")
    }
    guard remote.isSystem else {
      throw RemoteError(
        .forbidden, "the remote \"\(name.printable)\" is a user's: only those of the system have key servers")
    }
    var servers = remote.content.keyservers ?? own.map { [RemoteFile.Keyserver(uri: $0)] } ?? []
    try change(&servers)
    var file = system ?? RemoteFile()
    var content = file.remotes[name] ?? remote.content
    content.token = ""
    content.keyservers = servers
    file.remotes[name] = content
    if file.active.isEmpty, file.remotes.count == 1 { file.active = name }
    system = file
  }

  // MARK: Logins

  /// Remembers a login, in place of an older one for the same address.
  public mutating func setCredential(_ credential: RemoteFile.Credential) {
    _ = removeCredential(for: credential.uri)
    user.credentials.append(credential)
  }

  /// Forgets a login. Returns whether there was one.
  public mutating func removeCredential(for uri: String) -> Bool {
    let count = user.credentials.count
    user.credentials.removeAll { Self.normalized($0.uri) == Self.normalized(uri) }
    return user.credentials.count < count
  }
}
