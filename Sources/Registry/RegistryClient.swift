import Bytes
import Glibc
import StrictJSON
import Synchronization
public import Transport

/// A registry: requests to it carry the credentials that it asks for, and that it alone gets.
///
/// Several threads may use it at once.
public final class RegistryClient: Sendable {
  /// The registry's scheme, host and port.
  public let origin: HTTPAddress.Origin
  /// Makes the requests.
  public let client: HTTPClient
  private let credential: RegistryCredential
  private let state = Mutex(State())
  /// Notes for the user, such as the number of pulls that are left.
  public let notice: (@Sendable (String) -> Void)?

  private struct State {
    var scheme = Scheme.unknown
    /// Tokens and their last seconds, by what they are for.
    var tokens: [String: (token: String, end: Int)] = [:]
    var said: Set<String> = []
  }

  private enum Scheme {
    case unknown
    case basic
    case bearer(realm: HTTPAddress, service: String?)
  }

  /// A registry that is asked with some credentials.
  ///
  /// - Parameters:
  ///   - host: its host, with its port if that is not the usual one.
  ///   - plainHTTP: whether it is asked without encryption.
  public init(
    host: String, plainHTTP: Bool = false, credential: RegistryCredential, client: HTTPClient,
    notice: (@Sendable (String) -> Void)? = nil
  ) throws(TransportError) {
    origin = try HTTPAddress.origin(plainHTTP ? .http : .https, authority: host)
    self.credential = credential
    self.client = client
    self.notice = notice
  }

  /// The address of something under `/v2/`.
  public func address(_ path: String) -> HTTPAddress { HTTPAddress(origin: origin, path: "/v2/\(path)") }

  /// Makes a request with what the registry wants to know about who asks.
  ///
  /// - Parameter scopes: what it is for, as tokens name it: `repository:library/alpine:pull`.
  public func send(_ request: HTTPRequest, scopes: [String]) throws -> HTTPExchange {
    // An upload may go to another host, which has given its own address for it.
    guard request.address.origin == origin else { return try client.send(request) }
    var request = request
    let key = scopes.joined(separator: " ")
    request.authorization = known(key)
    let first = try client.send(request)
    tell(first)
    // A host that the registry led to has no business with the registry's credentials.
    guard first.status == 401, first.address.origin == origin else { return first }
    let challenges = AuthenticationChallenge.challenges(in: first.fields.values("WWW-Authenticate"))
    guard let challenge = challenges.first(where: { ["bearer", "basic"].contains($0.scheme) }) else {
      return first
    }
    if challenge.scheme == "basic" {
      guard let basic = credential.basic else {
        first.close()
        throw RegistryError(.needsLogin, "cannot \(request.purpose): \(origin.authority) wants a login")
      }
      guard request.authorization != basic else { return first }
      state.withLock { $0.scheme = .basic }
      request.authorization = basic
    } else {
      first.close()
      request.authorization = "Bearer " + (try token(challenge, scopes, key, request.purpose))
    }
    return try client.send(request)
  }

  private func known(_ key: String) -> String? {
    if case .registryToken(let token) = credential { return "Bearer \(token)" }
    return state.withLock { state in
      switch state.scheme {
      case .unknown: nil
      case .basic: credential.basic
      case .bearer:
        state.tokens[key].flatMap { $0.end > Self.now ? "Bearer \($0.token)" : nil }
      }
    }
  }

  private static var now: Int {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return time.tv_sec
  }

  /// Says what the registry wants users to know, once.
  private func tell(_ exchange: HTTPExchange) {
    guard let notice else { return }
    var lines = exchange.fields.values("Warning").compactMap { warning -> String? in
      guard warning.hasPrefix("299 ") else { return nil }
      return "\(origin.authority) says: \(warning.dropFirst(4).prefix(300))"
    }
    if let rate = exchange.fields["ratelimit-remaining"],
      let left = Int(rate.prefix { $0 != ";" }), left <= 20
    {
      lines.append("\(origin.authority) allows \(left) more pulls for now; a login may allow more")
    }
    for line in lines where state.withLock({ $0.said.insert(line).inserted }) { notice(line) }
  }

  // MARK: Tokens

  /// Asks the token service that the registry names for a token, and keeps it until shortly before its end.
  private func token(
    _ challenge: AuthenticationChallenge, _ scopes: [String], _ key: String, _ purpose: String
  ) throws -> String {
    guard let text = challenge.parameters["realm"] else {
      throw RegistryError(
        .challenge, "cannot \(purpose): \(origin.authority) wants a token and names no place to get it")
    }
    let realm: HTTPAddress
    do throws(TransportError) { realm = try HTTPAddress(text) } catch {
      throw RegistryError(
        .challenge, "cannot \(purpose): \(origin.authority) names a token service that is none: \(error)",
        causedBy: error)
    }
    guard realm.scheme == .https || origin.scheme == .http else {
      throw RegistryError(
        .challenge,
        "cannot \(purpose): \(origin.authority) names the token service \(realm.origin), which is not encrypted"
      )
    }
    guard !LocalHosts.contains(realm.host) || LocalHosts.contains(origin.host) else {
      throw RegistryError(
        .challenge,
        "cannot \(purpose): \(origin.authority) names a token service in this network, \(realm.origin), and is not in it"
      )
    }
    let service = challenge.parameters["service"]
    // What the registry names comes first: some token services look at the first scope only.
    let named = (challenge.parameters["scope"] ?? "").split(separator: " ").map(String.init)
    let all = Self.merged(named + scopes)
    let answer = try askForToken(realm, service, all)
    let token = answer["token"]?.text ?? answer["access_token"]?.text ?? ""
    guard !token.isEmpty, token.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else {
      throw RegistryError(.challenge, "cannot \(purpose): \(realm.origin) answered without a token")
    }
    let seconds = Int(clamping: max(answer["expires_in"]?.integer ?? 60, 60))
    let end = Self.now.addingReportingOverflow(seconds - 10)
    state.withLock {
      $0.scheme = .bearer(realm: realm, service: service)
      $0.tokens[key] = (token, end.overflow ? .max : end.partialValue)
    }
    return token
  }

  /// Scopes of which each thing has one, with all actions.
  private static func merged(_ scopes: [String]) -> [String] {
    var merged: [(thing: Substring, actions: [Substring])] = []
    for scope in scopes {
      let colon = scope.lastIndex(of: ":") ?? scope.endIndex
      let actions = scope[colon...].dropFirst().split(separator: ",")
      if let index = merged.firstIndex(where: { $0.thing == scope[..<colon] }) {
        merged[index].actions += actions.filter { !merged[index].actions.contains($0) }
      } else {
        merged.append((scope[..<colon], actions))
      }
    }
    return merged.map {
      $0.actions.isEmpty ? "\($0.thing)" : "\($0.thing):\($0.actions.joined(separator: ","))"
    }
  }

  private func askForToken(_ realm: HTTPAddress, _ service: String?, _ scopes: [String]) throws -> JSONValue {
    let purpose = "get a token for \(origin.authority)"
    if case .identityToken(let identity) = credential {
      var form = [("grant_type", "refresh_token"), ("refresh_token", identity), ("client_id", "swift-sif")]
      if let service { form.append(("service", service)) }
      if !scopes.isEmpty { form.append(("scope", scopes.joined(separator: " "))) }
      let body = form.map { "\($0.0)=\(HTTPAddress.parameter($0.1))" }.joined(separator: "&")
      var request = HTTPRequest(
        .post, realm, purpose: purpose,
        fields: HTTPFields([("Content-Type", "application/x-www-form-urlencoded")]),
        body: .bytes(Array(body.utf8)))
      request.redirects = .none
      let exchange = try client.send(request)
      return try document(exchange)
    }
    var parameters = service.map { [(name: "service", value: $0)] } ?? []
    if case .password(let user, _) = credential { parameters.append((name: "account", value: user)) }
    parameters += scopes.map { (name: "scope", value: $0) }
    let request = HTTPRequest(
      .get, realm.adding(parameters), purpose: purpose, authorization: credential.basic)
    return try document(try client.send(request))
  }

  private func document(_ exchange: HTTPExchange) throws -> JSONValue {
    if [400, 401, 403].contains(exchange.status), credential != .none {
      let detail = Self.detail(exchange)
      throw RegistryError(
        .wrongLogin,
        "\(exchange.address.origin) refuses the login for \(origin.authority) (\(exchange.status) \(HTTPStatus.name(exchange.status)))\(detail.map { ": \($0)" } ?? "")"
      )
    }
    try Self.requireSuccess(exchange)
    return try Self.json(exchange, limit: 64 << 10)
  }

  // MARK: Answers

  /// The body of an answer as JSON.
  ///
  /// - Throws: ``TransportError/Code/answer`` for anything else.
  static func json(_ exchange: HTTPExchange, limit: Int) throws -> JSONValue {
    let bytes = try exchange.bytes(limit: limit)
    do throws(JSONError) {
      return try JSONParser.parse(
        bytes, limits: JSONLimits(bytes: limit, depth: 32, keepsDuplicateKeys: true))
    } catch {
      let looks = bytes.first { $0 > 0x20 } == UInt8(ascii: "<") ? " (it looks like a web page)" : ""
      throw exchange.failure(.answer, "the answer is not JSON: \(error)\(looks)")
    }
  }

  /// Refuses an answer whose status is not a success, with the registry's own words.
  static func requireSuccess(_ exchange: HTTPExchange) throws {
    guard !(200...299).contains(exchange.status) else { return }
    var detail = Self.detail(exchange)
    if exchange.status == 429, let left = exchange.fields["ratelimit-remaining"] {
      detail = (detail.map { "\($0); " } ?? "") + "\(left.prefix(40)) requests are left"
    }
    try exchange.requireSuccess(detail: detail)
  }

  /// What the registry says about an error, for people.
  private static func detail(_ exchange: HTTPExchange) -> String? {
    guard let bytes = try? exchange.bytes(limit: 64 << 10),
      let value = try? JSONParser.parse(
        bytes, limits: JSONLimits(bytes: 64 << 10, depth: 16, keepsDuplicateKeys: true))
    else { return nil }
    let first = value["errors"]?.elements?.first
    let parts = [
      first?["code"]?.text, first?["message"]?.text ?? value["details"]?.text ?? value["message"]?.text,
    ]
    let words = parts.compactMap { $0 }.filter { !$0.isEmpty }
    return words.isEmpty ? nil : words.joined(separator: ": ")
  }

  /// Asks whether the registry knows who asks.
  ///
  /// - Throws: ``RegistryError/Code/wrongLogin`` if it does not.
  public func checkLogin() throws {
    let exchange = try send(
      HTTPRequest(.get, address(""), purpose: "log in to \(origin.authority)"), scopes: [])
    guard exchange.status != 401 else {
      exchange.close()
      throw RegistryError(.wrongLogin, "\(origin.authority) refuses the login")
    }
    try Self.requireSuccess(exchange)
    exchange.close()
  }
}

/// Hosts that are this machine, or in its own network.
enum LocalHosts {
  static func contains(_ host: String) -> Bool {
    if host == "localhost" || host.hasSuffix(".localhost") { return true }
    if host.hasPrefix("[") {
      let inner = host.dropFirst().dropLast()
      return inner == "::1" || inner.hasPrefix("fe8") || inner.hasPrefix("fc") || inner.hasPrefix("fd")
        || inner.hasPrefix("::ffff:")
    }
    let parts = host.split(separator: ".", omittingEmptySubsequences: false).map { UInt8($0) }
    guard parts.count == 4, let first = parts[0], let second = parts[1], parts[2] != nil, parts[3] != nil
    else { return false }
    switch (first, second) {
    case (127, _), (10, _), (0, _), (192, 168), (169, 254), (172, 16...31): return true
    default: return false
    }
  }
}
