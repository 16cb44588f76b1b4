import Bytes
import StrictJSON
import YAML

/// The content of one `remote.yaml`, the user's or the system's, as both runtimes keep it (spec/remotes.md).
public struct RemoteFile: Sendable, Equatable {
  /// One remote: the services of one site, with the user's token for them.
  public struct Remote: Sendable, Equatable {
    /// The host, perhaps with a path, without a scheme.
    public var uri: String
    /// The token that the user logged in with; empty for none.
    public var token = ""
    /// In the user's file: whether the definition is the system's.
    public var isSystem = false
    /// In the system's file: whether nothing else may be used.
    public var isExclusive = false
    /// Whether its services are found over plain HTTP.
    public var isInsecure = false
    /// The key servers, in the order in which they are asked; nil if the remote's own is used.
    public var keyservers: [Keyserver]?

    /// A remote.
    public init(uri: String, isInsecure: Bool = false) {
      self.uri = uri
      self.isInsecure = isInsecure
    }
  }

  /// A key server of a remote.
  public struct Keyserver: Sendable, Equatable {
    /// Its address.
    public var uri: String
    /// Whether it is left out: a remote's own one cannot be removed from the list.
    public var isSkipped = false
    /// Whether an administrator added it.
    public var isExternal = false
    /// Whether its certificate is not checked.
    public var isInsecure = false

    /// A key server.
    public init(uri: String, isExternal: Bool = false, isInsecure: Bool = false) {
      self.uri = uri
      self.isExternal = isExternal
      self.isInsecure = isInsecure
    }
  }

  /// A login at a registry or at a key server.
  public struct Credential: Sendable, Equatable {
    /// Where it counts: `docker://…` or `oras://…`, whose password is elsewhere, or the address of a key server.
    public var uri: String
    /// The value of the header `Authorization`; empty for a registry.
    public var authorization = ""
    /// Whether the server's certificate is not checked.
    public var isInsecure = false

    /// A login.
    public init(uri: String, authorization: String = "", isInsecure: Bool = false) {
      self.uri = uri
      self.authorization = authorization
      self.isInsecure = isInsecure
    }
  }

  /// The name of the remote that is used; empty for none.
  public var active = ""
  /// The remotes by their names.
  public var remotes: [String: Remote] = [:]
  /// The logins.
  public var credentials: [Credential] = []

  /// A file without content.
  public init() {}

  /// The most bytes of a file.
  public static let maximumBytes = 1 << 20

  /// Reads a file's content.
  ///
  /// - Throws: ``RemoteError`` for anything that would be lost if the file were written again, such as a key that nobody
  ///   knows.
  public init(reading bytes: [UInt8]) throws(RemoteError) {
    guard bytes.count <= Self.maximumBytes else { throw RemoteError(.malformed, "longer than 1 MiB") }
    let document: JSONValue
    do { document = try YAML.parse(bytes) } catch { throw RemoteError(.malformed, error.description) }
    if document == .null { return }
    for member in try Reader.members(document, "the file") {
      switch member.key {
      case "Active": active = try Reader.text(member.value, "Active")
      case "Remotes":
        if member.value == .null { continue }
        for remote in try Reader.members(member.value, "Remotes") {
          remotes[remote.key] = try Reader.remote(remote)
        }
      case "Credentials":
        credentials = try Reader.list(member.value, "Credentials").map(Reader.credential)
      default: throw Reader.unknown(member.key, "the file")
      }
    }
  }
}

/// Reads the values of a file, with what they are called in errors.
private enum Reader {
  static func unknown(_ key: String, _ place: String) -> RemoteError {
    RemoteError(.malformed, "\(place.printable) has the key \"\(key.printable)\", which no remote.yaml has")
  }

  static func members(_ value: JSONValue, _ place: String) throws(RemoteError) -> [JSONMember] {
    guard let members = value.members else {
      throw RemoteError(.malformed, "\(place.printable) is no mapping")
    }
    return members
  }

  static func list(_ value: JSONValue, _ place: String) throws(RemoteError) -> [JSONValue] {
    if value == .null { return [] }
    guard let elements = value.elements else {
      throw RemoteError(.malformed, "\(place.printable) is no list")
    }
    return elements
  }

  static func text(_ value: JSONValue, _ place: String) throws(RemoteError) -> String {
    switch value {
    case .string(let text): return text
    case .null: return ""
    // Zeros at the beginning of a number are lost by now.
    case .integer, .number, .bool:
      throw RemoteError(.malformed, "\(place.printable) is not text: put it into quotes")
    default: throw RemoteError(.malformed, "\(place.printable) is not text")
    }
  }

  static func truth(_ value: JSONValue, _ place: String) throws(RemoteError) -> Bool {
    if value == .null { return false }
    guard let truth = value.bool else {
      throw RemoteError(.malformed, "\(place.printable) is neither true nor false")
    }
    return truth
  }

  static func remote(_ member: JSONMember) throws(RemoteError) -> RemoteFile.Remote {
    let place = "the remote \(member.key)"
    var remote = RemoteFile.Remote(uri: "")
    for field in try members(member.value, place) {
      let name = "\(field.key) of \(place)"
      switch field.key {
      case "URI": remote.uri = try text(field.value, name)
      case "Token": remote.token = try text(field.value, name)
      case "System": remote.isSystem = try truth(field.value, name)
      case "Exclusive": remote.isExclusive = try truth(field.value, name)
      case "Insecure": remote.isInsecure = try truth(field.value, name)
      case "Keyservers":
        guard field.value != .null else { continue }
        remote.keyservers = try list(field.value, name).map { (value) throws(RemoteError) in
          try keyserver(value, place)
        }
      default: throw unknown(field.key, place)
      }
    }
    return remote
  }

  private static func keyserver(
    _ value: JSONValue, _ remote: String
  ) throws(RemoteError) -> RemoteFile.Keyserver {
    let place = "a key server of \(remote)"
    var server = RemoteFile.Keyserver(uri: "")
    for field in try members(value, place) {
      let name = "\(field.key) of \(place)"
      switch field.key {
      case "URI": server.uri = try text(field.value, name)
      case "Skip": server.isSkipped = try truth(field.value, name)
      case "External": server.isExternal = try truth(field.value, name)
      case "Insecure": server.isInsecure = try truth(field.value, name)
      default: throw unknown(field.key, place)
      }
    }
    return server
  }

  static func credential(_ value: JSONValue) throws(RemoteError) -> RemoteFile.Credential {
    let place = "a login"
    var credential = RemoteFile.Credential(uri: "")
    for field in try members(value, place) {
      let name = "\(field.key) of \(place)"
      switch field.key {
      case "URI": credential.uri = try text(field.value, name)
      case "Auth": credential.authorization = try text(field.value, name)
      case "Insecure": credential.isInsecure = try truth(field.value, name)
      default: throw unknown(field.key, place)
      }
    }
    return credential
  }
}
