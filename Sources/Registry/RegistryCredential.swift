import Bytes

/// What a registry is told about who asks.
public enum RegistryCredential: Sendable, Equatable {
  /// Nothing.
  case none
  /// A user's name and password, or a token in its place.
  case password(user: String, secret: String)
  /// A token that the token service changes for others.
  case identityToken(String)
  /// A token that the registry takes as it is.
  case registryToken(String)

  /// The value of the field `Authorization` by the scheme Basic; nil if this is no password.
  var basic: String? {
    guard case .password(let user, let secret) = self else { return nil }
    return "Basic " + String(decoding: Base64.encode(Array("\(user):\(secret)".utf8)), as: UTF8.self)
  }
}
