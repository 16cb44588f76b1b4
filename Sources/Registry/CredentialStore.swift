import Bytes
import Glibc
import LinuxSystem
import StrictJSON
public import SystemPackage

/// The files in which the runtimes and Docker keep the credentials of registries, `docker-config.json`, and the programs
/// that keep them in their place (spec/network.md "Credentials").
public struct CredentialStore: Sendable {
  /// The files that are read, the first one that knows a registry counts.
  private let files: [FilePath]
  /// The file that a login is written to.
  public let file: FilePath
  private static let limit = 1 << 20
  private static let dockerHub = "https://index.docker.io/v1/"

  /// The user's files, or another one alone.
  ///
  /// - Parameter file: the file that is named on the command line; nil for those of the runtimes and of Docker.
  public init(file: FilePath? = nil) {
    if let file {
      files = [file]
      self.file = file
      return
    }
    let home = UserDirectories.variable("HOME") ?? "/"
    let docker = UserDirectories.variable("DOCKER_CONFIG") ?? home.appending(".docker")
    files =
      UserDirectories.families.map { family in
        (family.variable("CONFIGDIR") ?? home.appending(".\(family.rawValue)")).appending(
          "docker-config.json")
      } + [docker.appending("config.json")]
    self.file = files[0]
  }

  // MARK: Reading

  /// The credentials for a repository of a registry; none if no file knows it.
  ///
  /// - Throws: ``RegistryError`` if a file or a program of one does not do what it should.
  public func credential(host: String, repository: String = "") throws -> RegistryCredential {
    for path in files {
      guard let document = try Self.read(path) else { continue }
      if let helper = Self.helper(document, host) {
        if let found = try CredentialHelper(helper).get(Self.serverName(host)) { return found }
      }
      guard let entries = document["auths"]?.members else { continue }
      for key in Self.keys(host, repository) {
        for entry in entries where Self.normalized(entry.key) == key {
          if let found = try Self.credential(entry.value, path) { return found }
        }
      }
    }
    return .none
  }

  /// The registries that the files know, with the user's name where it is known.
  public func registries() throws -> [(host: String, user: String?)] {
    var found: [(host: String, user: String?)] = []
    for path in files {
      guard let document = try Self.read(path) else { continue }
      let helpers = document["credHelpers"]?.members?.map(\.key) ?? []
      for key in (document["auths"]?.members?.map(\.key) ?? []) + helpers {
        let host = Self.normalized(key)
        guard !found.contains(where: { $0.host == host }) else { continue }
        var user: String?
        if let entry = document["auths"]?[key],
          case .password(let name, _)? = try? Self.credential(entry, path)
        {
          user = name
        }
        found.append((host, user))
      }
    }
    return found.sorted { $0.host < $1.host }
  }

  /// The keys that a repository's credentials may have: its own name, those above it, and the host.
  private static func keys(_ host: String, _ repository: String) -> [String] {
    var keys: [String] = []
    var parts = repository.split(separator: "/").map(String.init)
    while !parts.isEmpty {
      keys.append("\(host)/\(parts.joined(separator: "/"))")
      parts.removeLast()
    }
    keys.append(host)
    return keys
  }

  /// A key without its scheme and version, and with one name for Docker's own registry.
  private static func normalized(_ key: String) -> String {
    var text = key[...]
    for scheme in ["https://", "http://"] where text.hasPrefix(scheme) { text = text.dropFirst(scheme.count) }
    for end in ["/", "/v1", "/v2"] where text.hasSuffix(end) { text = text.dropLast(end.count) }
    return ["docker.io", "registry-1.docker.io"].contains(String(text)) ? "index.docker.io" : String(text)
  }

  private static func serverName(_ host: String) -> String { host == "index.docker.io" ? dockerHub : host }

  private static func helper(_ document: JSONValue, _ host: String) -> String? {
    let own = document["credHelpers"]?.members?.first { normalized($0.key) == host }?.value.text
    let name = own ?? document["credsStore"]?.text ?? ""
    return name.isEmpty ? nil : name
  }

  private static func read(_ path: FilePath) throws -> JSONValue? {
    let file: OwnedDescriptor
    do throws(SystemError) { file = try OwnedDescriptor(opening: path, flags: O_RDONLY | O_NOCTTY) } catch {
      guard error.errno == .noSuchFileOrDirectory || error.errno == .notDirectory else { throw error }
      return nil
    }
    let bytes = try file.readToEnd(limit: limit)
    if bytes.isEmpty { return nil }
    do throws(JSONError) {
      let value = try JSONParser.parse(bytes)
      if value.members != nil { return value }
      throw JSONError(.unexpectedByte, at: 0)
    } catch {
      throw RegistryError(.credentialFile, "\(path.printable) is not JSON: \(error)")
    }
  }

  private static func credential(_ entry: JSONValue, _ path: FilePath) throws -> RegistryCredential? {
    if let token = entry["identitytoken"]?.text, !token.isEmpty { return .identityToken(token) }
    if let token = entry["registrytoken"]?.text, !token.isEmpty { return .registryToken(token) }
    if let text = entry["auth"]?.text, !text.isEmpty {
      var padded = Array(text.utf8)
      while padded.count % 4 != 0 { padded.append(UInt8(ascii: "=")) }
      guard var bytes = Base64.decode(padded) else {
        throw RegistryError(.credentialFile, "\(path.printable): a login is not in Base64")
      }
      while bytes.last == 0 { bytes.removeLast() }
      guard let colon = bytes.firstIndex(of: UInt8(ascii: ":")) else {
        throw RegistryError(.credentialFile, "\(path.printable): a login has no colon")
      }
      return .password(
        user: String(decoding: bytes[..<colon], as: UTF8.self),
        secret: String(decoding: bytes[(colon + 1)...], as: UTF8.self))
    }
    if let user = entry["username"]?.text, !user.isEmpty {
      return .password(user: user, secret: entry["password"]?.text ?? "")
    }
    return nil
  }

  // MARK: Writing

  /// Keeps a login.
  ///
  /// - Returns: where it is kept, for people.
  public func save(host: String, user: String, secret: String) throws -> String {
    let lock = try lock()
    defer { withExtendedLifetime(lock) {} }
    let document = try Self.read(file) ?? .object([])
    if let helper = Self.helper(document, host) {
      try CredentialHelper(helper).store(Self.serverName(host), user, secret)
      return "docker-credential-\(helper)"
    }
    let text = String(decoding: Base64.encode(Array("\(user):\(secret)".utf8)), as: UTF8.self)
    try write(
      Self.changing(document, host, to: .object([JSONMember("auth", .string(text))])))
    return file.printable
  }

  /// Forgets a login.
  ///
  /// - Returns: whether there was one.
  public func remove(host: String) throws -> Bool {
    let lock = try lock()
    defer { withExtendedLifetime(lock) {} }
    guard let document = try Self.read(file) else { return false }
    if let helper = Self.helper(document, host) {
      let known = try CredentialHelper(helper).get(Self.serverName(host)) != nil
      if known { try CredentialHelper(helper).erase(Self.serverName(host)) }
      return known
    }
    let known = document["auths"]?.members?.contains { Self.normalized($0.key) == host } ?? false
    if known { try write(Self.changing(document, host, to: nil)) }
    return known
  }

  private static func changing(_ document: JSONValue, _ host: String, to entry: JSONValue?) -> JSONValue {
    var entries = (document["auths"]?.members ?? []).filter { normalized($0.key) != host }
    if let entry { entries.append(JSONMember(serverName(host), entry)) }
    let others = (document.members ?? []).filter { $0.key != "auths" }
    return .object(others + [JSONMember("auths", .object(entries))])
  }

  /// Keeps other processes from changing the file.
  private func lock() throws(SystemError) -> LockFile {
    let directory = file.removingLastComponent()
    if !directory.isEmpty { try Self.makeDirectories(directory) }
    return try LockFile(of: file)
  }

  private func write(_ document: JSONValue) throws {
    var output = try ReplacementFile(replacing: file, mode: 0o600)
    let bytes = JSONWriter.pretty(document) + [0x0A]
    try SystemError.writeAll(bytes.span.bytes, to: output.descriptor.rawValue)
    try SystemError.check("protect", file) { fchmod(output.descriptor.rawValue, 0o600) }
    try output.commit()
  }

  private static func makeDirectories(_ path: FilePath) throws(SystemError) {
    var status = stat()
    if path.withPlatformString({ stat($0, &status) }) == 0 { return }
    let parent = path.removingLastComponent()
    if !parent.isEmpty, parent != path { try makeDirectories(parent) }
    let result = path.withPlatformString { mkdir($0, 0o700) }
    // Another process may have made it meanwhile.
    guard result != 0, errno != EEXIST else { return }
    throw SystemError(errno: Errno(rawValue: errno), operation: "make the directory", path: path)
  }
}
