import Bytes
import StrictJSON

/// The services of a site, by its own account: `assets/config/config.prod.json` (spec/remotes.md, "Services").
public struct ServiceDirectory: Sendable, Equatable {
  /// One service.
  public struct Service: Sendable, Equatable {
    /// The address of the service.
    public let uri: String
    /// The address of the registry behind it, if it says one.
    public let registryURI: String?
  }

  /// The services by their names: `library`, `keystore`, `token`, `builder`, `consent` and others.
  public let services: [String: Service]

  /// The most bytes of an answer.
  public static let maximumBytes = 1 << 20

  /// Reads a site's answer. What is no service is skipped.
  ///
  /// - Throws: ``RemoteError`` for what is no JSON object.
  public init(reading bytes: [UInt8]) throws(RemoteError) {
    let document: JSONValue
    do {
      document = try JSONParser.parse(
        bytes, limits: JSONLimits(bytes: Self.maximumBytes, depth: 16, keepsDuplicateKeys: true))
    } catch {
      throw RemoteError(.malformed, "not a list of services: \(error.description)")
    }
    guard let members = document.members else {
      throw RemoteError(.malformed, "not a list of services: no JSON object")
    }
    var services: [String: Service] = [:]
    for member in members {
      guard let uri = member.value["uri"]?.text, !uri.isEmpty else { continue }
      let name = member.key.hasSuffix("API") ? String(member.key.dropLast(3)) : member.key
      services[name] = Service(
        uri: RemoteSettings.normalized(uri), registryURI: member.value["registryUri"]?.text)
    }
    self.services = services
  }

  /// Services that are known otherwise.
  init(_ services: [String: Service]) { self.services = services }

  /// The container library.
  public var library: Service? { services["library"] }
  /// The key server.
  public var keyserver: Service? { services["keyserver"] ?? services["keystore"] }
  /// The service that knows whether a token is good.
  public var token: Service? { services["token"] }
  /// The service that builds images.
  public var builder: Service? { services["builder"] }
}
