import Bytes
import Glibc
public import OpenPGP
import StrictJSON
public import Transport

/// Asks a key server (spec/keyserver.md). What it answers is believed as far as it proves itself: a key by its fingerprint.
public struct KeyserverClient: Sendable {
  /// The server.
  public let server: KeyserverAddress
  /// Whether a login is sent: over an encrypted connection, or to this machine.
  public let sendsLogin: Bool
  private let client: HTTPClient
  private let authorization: String?

  /// The most bytes of an answer.
  public static let maximumBytes = 4 << 20
  /// The most seconds for a whole answer, however slowly it comes.
  private static let patience = 60
  /// The most keys that a search asks for.
  private static let pageSize = 256

  /// A client of a server.
  ///
  /// - Parameters:
  ///   - settings: how it talks to servers; whether plain HTTP is allowed follows from the server's address.
  ///   - authorization: the login, as the value of the header; it is not sent unencrypted to another machine.
  public init(
    _ server: KeyserverAddress, settings: HTTPSettings = HTTPSettings(), authorization: String? = nil
  ) {
    var settings = settings
    settings.allowsPlainHTTP = server.address.scheme == .http
    self.server = server
    client = HTTPClient(settings)
    sendsLogin =
      server.address.scheme == .https || ["localhost", "127.0.0.1", "[::1]"].contains(server.address.host)
    self.authorization = sendsLogin ? authorization : nil
  }

  // MARK: Searching

  /// The keys that the server finds by a name, an address or a part of a fingerprint.
  public func search(_ text: String) throws(KeyserverError) -> KeyserverIndex {
    let answer = try ask(
      "search for \(text)", "pks/lookup",
      [
        ("op", "index"), ("options", "mr"), ("fingerprint", "on"), ("x-pagesize", String(Self.pageSize)),
        ("search", KeyName(text)?.searchText ?? text),
      ])
    // Servers that found nothing say so with this status.
    if answer.status == 404 { return KeyserverIndex() }
    try requireSuccess(answer)
    guard let index = KeyserverIndex(reading: answer.bytes) else {
      throw KeyserverError(
        .answer, "\(server): the answer to a search is not an index\(Self.kind(answer.bytes))")
    }
    return index
  }

  // MARK: Keys

  /// A key that a server has.
  public struct FoundKey: Sendable {
    /// The packets of the key, as the server gave them; several where it gave several copies.
    public let packets: [TransferableKey]
    /// The key, made of all copies.
    public let ring: KeyRing
    /// The primary key.
    public let primary: PublicKeyPacket
    /// The number of other keys in the answer, which nobody asked for.
    public let otherKeys: Int
  }

  /// The key of a fingerprint or id. Other keys that the server sends along are left out.
  ///
  /// - Parameter now: the time of the judgement on subkeys, in Unix seconds.
  /// - Throws: ``KeyserverError`` if the server does not have it, or sends only others.
  public func key(_ name: KeyName, now: Int64) throws(KeyserverError) -> FoundKey {
    let answer = try ask(
      "get the key \(name)", "pks/lookup",
      [("op", "get"), ("options", "mr"), ("exact", "on"), ("search", name.searchText)])
    if answer.status == 404 {
      throw KeyserverError(.notFound, "\(server) has no key \(name)")
    }
    try requireSuccess(answer)
    return try Self.key(name, in: answer.bytes, of: server, now: now)
  }

  /// Takes the key of a name out of an answer.
  package static func key(
    _ name: KeyName, in answer: [UInt8], of server: KeyserverAddress, now: Int64
  ) throws(KeyserverError) -> FoundKey {
    guard let text = ArmoredText.blocks(in: answer) else {
      throw KeyserverError(.answer, "\(server): the answer holds no key\(kind(answer))")
    }
    let (ring, keys): (KeyRing, [TransferableKey])
    do throws(OpenPGPError) {
      ring = try KeyRing(reading: text)
      keys = try TransferableKey.read(text.span)
    } catch {
      throw KeyserverError(
        .answer, "\(server): the key in the answer cannot be read: \(error.description)", error)
    }
    let found = ring.certificates.filter { name.names($0, now: now) }
    guard let certificate = found.first else {
      let sent = ring.certificates.prefix(3).map(\.primary.fingerprintText).joined(separator: ", ")
      throw KeyserverError(
        .otherKey, "\(server) was asked for the key \(name), and sent another one: \(sent)")
    }
    guard found.count == 1 else {
      let sent = found.prefix(8).map(\.primary.fingerprintText).joined(separator: ", ")
      throw KeyserverError(
        .severalKeys, "\(server) has several keys \(name): \(sent); ask for one fingerprint")
    }
    let packets = keys.filter { $0.primary.fingerprint == certificate.primary.fingerprint }
    let own: KeyRing
    do throws(OpenPGPError) { own = try KeyRing(reading: packets.flatMap(\.publicPackets)) } catch {
      throw KeyserverError(
        .answer, "\(server): the key in the answer cannot be read: \(error.description)", error)
    }
    return FoundKey(
      packets: packets, ring: own, primary: certificate.primary, otherKeys: ring.certificates.count - 1)
  }

  /// Gives a public key to the server. Nobody can take it back.
  public func add(_ packets: [UInt8]) throws(KeyserverError) {
    let text = String(decoding: KeyArmor.publicKey(packets), as: UTF8.self)
    var request = HTTPRequest(
      .post, server.address.appending("pks/add"), purpose: "put a key on \(server)",
      fields: HTTPFields([("Content-Type", "application/x-www-form-urlencoded")]),
      authorization: authorization,
      body: .bytes(Array("keytext=\(HTTPAddress.parameter(text))".utf8)))
    // Where another address takes its place, the key would not arrive.
    request.redirects = .none
    let answer = try send(request)
    try requireSuccess(answer)
  }

  /// Asks whether the server takes the login.
  public func checkLogin() throws(KeyserverError) {
    try requireSuccess(
      try send(
        HTTPRequest(.get, server.address, purpose: "log in at \(server)", authorization: authorization)))
  }

  // MARK: Asking

  private struct Answer {
    let status: Int
    let fields: HTTPFields
    let bytes: [UInt8]
  }

  private func ask(
    _ what: String, _ path: String, _ parameters: [(name: String, value: String)]
  ) throws(KeyserverError) -> Answer {
    try send(
      HTTPRequest(
        .get, server.address.appending(path).adding(parameters), purpose: "ask \(server) to \(what)",
        authorization: authorization))
  }

  private func send(_ request: HTTPRequest) throws(KeyserverError) -> Answer {
    do throws(TransportError) {
      let exchange = try client.send(request)
      return Answer(
        status: exchange.status, fields: exchange.fields,
        bytes: try exchange.bytes(limit: Self.maximumBytes, patience: Self.patience))
    } catch { throw KeyserverError(.transport, error.description, error) }
  }

  private func requireSuccess(_ answer: Answer) throws(KeyserverError) {
    guard !(200...299).contains(answer.status) else { return }
    let said = Self.message(answer).map { ": \($0)" } ?? ""
    let words = "\(answer.status) \(HTTPStatus.name(answer.status))\(said)"
    let login = answer.status == 401 || answer.status == 403 ? "; it wants a login" : ""
    throw KeyserverError(.refused, "\(server) refused: \(words)\(login)")
  }

  /// The server's own words: in JSON, or in a text of one line.
  private static func message(_ answer: Answer) -> String? {
    let start = Array(answer.bytes.prefix(4096))
    if let json = try? JSONParser.parse(start, limits: JSONLimits(depth: 8, keepsDuplicateKeys: true)),
      let text = json["error"]?["message"]?.text ?? json["error"]?.text
    {
      return String(text.prefix(200))
    }
    guard answer.fields["Content-Type"]?.lowercased().hasPrefix("text/plain") == true else { return nil }
    let line = String(decoding: start.prefix { $0 != 0x0A && $0 != 0x0D }, as: UTF8.self)
    return line.isEmpty ? nil : String(line.prefix(200))
  }

  private static func kind(_ bytes: [UInt8]) -> String {
    bytes.first { $0 > 0x20 } == UInt8(ascii: "<") ? ", but a web page" : ""
  }
}

extension KeyserverIndex {
  /// An index without keys.
  init() {}
}

extension HTTPExchange {
  /// Reads the body, of a limited length and within a limited time.
  func bytes(limit: Int, patience: Int) throws(TransportError) -> [UInt8] {
    defer { close() }
    func now() -> Int {
      var time = timespec()
      clock_gettime(CLOCK_MONOTONIC, &time)
      return time.tv_sec
    }
    let start = now()
    var result: [UInt8] = []
    let block = UnsafeMutableRawBufferPointer.allocate(byteCount: 64 << 10, alignment: 16)
    defer { block.deallocate() }
    while true {
      let count = try read(into: block)
      guard count > 0 else { return result }
      guard result.count + count <= limit else {
        throw failure(.tooLarge, "the answer has more than \(limit) bytes")
      }
      guard now() - start <= patience else {
        throw failure(.timeout, "the answer has not ended after \(patience) seconds")
      }
      result.append(contentsOf: UnsafeRawBufferPointer(rebasing: block[..<count]))
    }
  }
}
