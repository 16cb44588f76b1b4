import Bytes
public import StrictJSON
public import Transport

/// Asks the site of a remote which services it has, and these how they are.
public struct RemoteClient: Sendable {
  private let settings: HTTPSettings

  /// A client.
  public init(settings: HTTPSettings = HTTPSettings()) { self.settings = settings }

  /// The services of a remote, by its own account.
  ///
  /// - Throws: ``RemoteError``, or ``TransportError``.
  public func services(of remote: RemoteSettings.Remote) throws -> ServiceDirectory {
    // Apptainer's own remote is a name for built-in services; nothing answers there.
    if remote.content.uri == RemoteFamily.apptainer.ownRemote.content.uri { return ServiceDirectory([:]) }
    let scheme = remote.content.isInsecure ? "http" : "https"
    let site = try HTTPAddress("\(scheme)://\(remote.content.uri)")
    let answer = try send(
      HTTPRequest(
        .get, site.appending("assets/config/config.prod.json"),
        purpose: "ask the remote \(remote.name.printable) for its services"))
    guard answer.status == 200 else {
      throw RemoteError(
        .noService,
        "the remote \"\(remote.name.printable)\" does not say its services: \(site.origin) answered \(answer.status)"
      )
    }
    do { return try ServiceDirectory(reading: answer.bytes) } catch {
      throw RemoteError(error.code, "the remote \"\(remote.name.printable)\": \(error.description)")
    }
  }

  /// Whether the service for tokens takes a token.
  ///
  /// - Throws: ``RemoteError`` if it does not, or the remote has no such service.
  public func check(token: String, of remote: RemoteSettings.Remote, _ services: ServiceDirectory) throws {
    guard let service = services.token else {
      throw RemoteError(
        .noService, "the remote \"\(remote.name.printable)\" has no service that checks tokens")
    }
    let address = try address(of: service.uri, "v1/token-status", remote)
    let answer = try send(
      HTTPRequest(
        .get, address, purpose: "check the token for \(remote.name.printable)",
        authorization: "Bearer \(token)"))
    guard answer.status == 200 else {
      let isRefused = [401, 403, 404].contains(answer.status)
      throw RemoteError(
        isRefused ? .notLoggedIn : .noService,
        isRefused
          ? "\(address.origin) does not take the token"
          : "\(address.origin) answered \(answer.status) to the token")
    }
  }

  /// The version that a service tells; nil if it answers something else.
  ///
  /// - Throws: ``TransportError`` if it does not answer.
  public func version(of service: String, _ remote: RemoteSettings.Remote) throws -> String? {
    let answer = try send(
      HTTPRequest(
        .get, try address(of: service, "version", remote), purpose: "ask for the version of \(service)"))
    guard answer.status == 200 else { return nil }
    let document = try? JSONParser.parse(
      answer.bytes, limits: JSONLimits(depth: 16, keepsDuplicateKeys: true))
    return (document?["data"]?["version"] ?? document?["version"])?.text
  }

  /// What the library says of the user whom the token belongs to; nil if it does not take the token.
  public func user(_ remote: RemoteSettings.Remote, _ services: ServiceDirectory) throws -> JSONValue? {
    guard !remote.content.token.isEmpty, let library = services.library else { return nil }
    let answer = try send(
      HTTPRequest(
        .get, try address(of: library.uri, "v1/rbac/users/current", remote), purpose: "ask who is logged in",
        authorization: "Bearer \(remote.content.token)"))
    guard answer.status == 200 else { return nil }
    return try? JSONParser.parse(answer.bytes, limits: JSONLimits(depth: 16, keepsDuplicateKeys: true))
  }

  /// The address of something that a service has. A remote over HTTPS names none over plain HTTP.
  private func address(
    of service: String, _ path: String, _ remote: RemoteSettings.Remote
  ) throws -> HTTPAddress {
    let address = try HTTPAddress(service)
    guard address.scheme == .https || remote.content.isInsecure else {
      throw RemoteError(
        .malformed,
        "the remote \"\(remote.name.printable)\" names a service that is not encrypted: \(address)")
    }
    return address.appending(path)
  }

  private func send(_ request: HTTPRequest) throws(TransportError) -> (status: Int, bytes: [UInt8]) {
    var settings = settings
    settings.allowsPlainHTTP = request.address.scheme == .http
    let exchange = try HTTPClient(settings).send(request)
    return (exchange.status, try exchange.bytes(limit: ServiceDirectory.maximumBytes))
  }
}
