import StrictJSON
public import Transport

/// The registry behind a library, which has the library's images too.
public struct LibraryRedirect: Sendable {
  /// The address of the registry.
  public let registry: HTTPAddress
  /// A token for the registry; nil for none.
  public let token: String?
  /// The name of the repository.
  public let repository: String
}

extension LibraryClient {
  /// The registry that has an image's bytes; nil if the library keeps them itself.
  ///
  /// A registry without encryption counts only where the library has none either.
  public func redirect(_ reference: LibraryReference) -> LibraryRedirect? {
    let parameters = [
      (name: "accessTypes", value: "pull"), (name: "mapped", value: "1"),
      (name: "namespace", value: reference.pathText),
    ]
    let request = HTTPRequest(
      .get, service.address.appending("v1/oci-redirect").adding(parameters),
      purpose: "ask the library for its registry", authorization: service.token.map { "Bearer \($0)" })
    // Most libraries have none, and say so in many ways.
    guard let answer = try? send(request), answer.status == 200,
      let value = try? JSONParser.parse(answer.bytes), let url = value.member("url")?.text,
      let registry = try? HTTPAddress(url), registry.scheme == .https || service.address.scheme == .http
    else { return nil }
    let token = value.member("token")?.text.flatMap { $0.isEmpty ? nil : $0 }
    let name = value.member("name")?.text.flatMap { $0.isEmpty ? nil : $0 }
    return LibraryRedirect(registry: registry, token: token, repository: name ?? reference.pathText)
  }
}
