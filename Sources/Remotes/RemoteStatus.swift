import Bytes
import StrictJSON
public import Transport

/// How the services of a remote are.
public struct RemoteStatus: Sendable {
  /// One service.
  public struct Service: Sendable {
    /// The name.
    public let name: String
    /// The address.
    public let uri: String
    /// The version that it tells; nil if it tells none.
    public let version: String?
    /// Why it does not answer; nil if it does.
    public let fault: TransportError?
  }

  /// The services, sorted by their names.
  public private(set) var services: [Service] = []
  /// Whether the site takes the user's token; nil if there is none.
  public private(set) var isTokenAccepted: Bool?
  /// The name of the user who is logged in, if the library knows it.
  public private(set) var userName: String?

  /// Asks a remote's services.
  ///
  /// - Throws: ``RemoteError`` or ``TransportError`` if not even the site answers.
  public init(of remote: RemoteSettings.Remote, _ client: RemoteClient) throws {
    let directory = try client.services(of: remote)
    for (name, service) in directory.services.sorted(by: { $0.key < $1.key }) where name != "consent" {
      do {
        let version = try client.version(of: service.uri, remote)
        services.append(Service(name: name, uri: service.uri, version: version, fault: nil))
      } catch let error as TransportError {
        services.append(Service(name: name, uri: service.uri, version: nil, fault: error))
      } catch let error as RemoteError {
        services.append(
          Service(
            name: name, uri: service.uri, version: nil, fault: TransportError(.plainHTTP, error.description)))
      }
    }
    guard !remote.content.token.isEmpty else { return }
    do {
      try client.check(token: remote.content.token, of: remote, directory)
      isTokenAccepted = true
      userName = try? client.user(remote, directory)?["username"]?.text
    } catch let error as RemoteError where error.code == .notLoggedIn {
      isTokenAccepted = false
    }
  }
}

extension RemoteClient {
  /// The password for the registry behind a remote's library.
  ///
  /// - Throws: ``RemoteError`` if nobody is logged in, or the library has no such password.
  public func registryPassword(_ remote: RemoteSettings.Remote, _ services: ServiceDirectory) throws -> String
  {
    guard !remote.content.token.isEmpty else {
      throw RemoteError(.notLoggedIn, "nobody is logged in to \"\(remote.name.printable)\"")
    }
    guard let user = try user(remote, services) else {
      throw RemoteError(.notLoggedIn, "the library of \"\(remote.name.printable)\" does not take the token")
    }
    guard let secret = user["oidc_user_meta"]?["secret"]?.text, !secret.isEmpty else {
      throw RemoteError(
        .noService, "the library of \"\(remote.name.printable)\" has no password for a registry")
    }
    return secret
  }
}
