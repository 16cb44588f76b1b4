import StrictJSON
public import Transport

/// A container library: who asks, and where.
public struct LibraryService: Sendable {
  /// The address of the library.
  public let address: HTTPAddress
  /// The token of the user; nil for none. It goes to no other host.
  public let token: String?

  /// A library.
  public init(_ address: HTTPAddress, token: String? = nil) {
    self.address = address
    self.token = token
  }

  /// The library that a reference names, without a token: those are for another host. Nil if it names none.
  public init?(of reference: LibraryReference, plainHTTP: Bool) throws(LibraryError) {
    guard let host = reference.host else { return nil }
    do {
      address = try HTTPAddress("\(plainHTTP ? "http" : "https")://\(host)")
    } catch { throw LibraryError(.reference, error.description, error) }
    token = nil
  }
}

/// Asks a container library (spec/library.md).
public struct LibraryClient: Sendable {
  /// The library.
  public let service: LibraryService
  let settings: HTTPSettings
  private let client: HTTPClient

  /// A client of a library. Whether plain HTTP is allowed follows from the library's address.
  public init(_ service: LibraryService, settings: HTTPSettings = HTTPSettings()) {
    var settings = settings
    settings.allowsPlainHTTP = service.address.scheme == .http
    self.service = service
    self.settings = settings
    client = HTTPClient(settings)
  }

  // MARK: Images

  /// An image's record.
  ///
  /// - Parameter architecture: as Go calls it, such as `amd64`.
  /// - Throws: ``LibraryError/Code/notFound`` if the library does not have it.
  public func image(
    _ reference: LibraryReference, architecture: String
  ) throws(LibraryError) -> LibraryImage {
    let answer = try call(
      .get, "v1/images/\(reference.pathText):\(reference.tags[0])", [("arch", architecture)],
      purpose: "find \(reference) in the library")
    guard let answer else {
      throw LibraryError(
        .notFound, "\(service.address.origin) does not have the image \(reference) for \(architecture)")
    }
    return try LibraryImage(answer)
  }

  /// The bytes of an image from a byte on. Where the library names another address, such as one of a storage service, they
  /// come from there, and the token does not go along.
  public func open(
    _ reference: LibraryReference, architecture: String, from start: Int64, byteCount: Int64?
  ) throws -> HTTPDownload {
    // The hash of the whole tells whether the bytes belong together.
    try HTTPDownload(
      request(reference, architecture), from: start, byteCount: byteCount, settings: settings,
      send: sendToStorage)
  }

  /// A part of the bytes of an image, the end included, from wherever the library has them.
  public func read(
    _ reference: LibraryReference, architecture: String, _ first: Int64, _ last: Int64
  ) throws -> HTTPExchange {
    var request = request(reference, architecture)
    request.range = (first, last)
    return try sendToStorage(request)
  }

  private func request(_ reference: LibraryReference, _ architecture: String) -> HTTPRequest {
    let path = "v1/imagefile/\(reference.pathText):\(reference.tags[0])"
    var request = HTTPRequest(
      .get, service.address.appending(path).adding([("arch", architecture)]),
      purpose: "download \(reference)",
      authorization: service.token.map { "Bearer \($0)" })
    request.redirects = .followExceptSeeOther
    return request
  }

  /// Makes a request that the library may answer with an address of a storage service, which is then asked.
  private func sendToStorage(_ request: HTTPRequest) throws -> HTTPExchange {
    let exchange = try client.send(request)
    guard exchange.status == 303, let location = exchange.fields["Location"] else { return exchange }
    exchange.close()
    var next = request
    next.address = try exchange.address.resolving(location)
    next.redirects = .follow
    guard next.address.scheme == .https || exchange.address.scheme == .http else {
      throw exchange.failure(.redirect, "it leads to \(next.address.origin), which is not encrypted")
    }
    if next.address.origin != service.address.origin { next.authorization = nil }
    return try client.send(next)
  }

  /// Refuses a text that libraries do not search for.
  public static func checkSearch(_ text: String) throws(LibraryError) {
    guard text.unicodeScalars.count >= 3 else {
      throw LibraryError(.reference, "a search needs at least 3 characters")
    }
  }

  /// The images whose names or descriptions have a text.
  public func search(
    _ text: String, architecture: String, onlySigned: Bool
  ) throws(LibraryError) -> [LibraryImage] {
    try Self.checkSearch(text)
    let answer = try call(
      .get, "v1/search",
      [("value", text), ("arch", architecture)] + (onlySigned ? [("signed", "true")] : []),
      purpose: "search the library")
    guard let images = answer?.member("image")?.elements else { return [] }
    var found: [LibraryImage] = []
    for image in images { found.append(try LibraryImage(image)) }
    return found.sorted { $0.reference < $1.reference }
  }

  /// Removes an image.
  public func delete(_ reference: LibraryReference, architecture: String) throws(LibraryError) {
    try requireToken("remove an image from")
    let answer = try call(
      .delete, "v1/images/\(reference.pathText):\(reference.tags[0])", [("arch", architecture)],
      purpose: "remove \(reference) from the library")
    guard answer != nil else {
      throw LibraryError(
        .notFound, "\(service.address.origin) does not have the image \(reference) for \(architecture)")
    }
  }

  func requireToken(_ what: String) throws(LibraryError) {
    guard service.token == nil else { return }
    throw LibraryError(
      .notLoggedIn, "nobody is logged in: to \(what) the library \(service.address.origin) needs a token")
  }

  // MARK: Calls

  /// The level of the service's interface; nil if it tells none, as the oldest do.
  func version() throws(LibraryError) -> LibraryVersion? {
    let answer = try call(.get, "version", purpose: "ask the library for its version")
    return answer?.member("apiVersion")?.text.flatMap { LibraryVersion($0) }
  }

  /// Calls the service, and returns what its answer carries; nil if there is no such thing.
  func call(
    _ method: HTTPRequest.Method, _ path: String, _ parameters: [(name: String, value: String)] = [],
    _ value: JSONValue? = nil, purpose: String
  ) throws(LibraryError) -> JSONValue? {
    var address = service.address.appending(path)
    if !parameters.isEmpty { address = address.adding(parameters) }
    var request = HTTPRequest(
      method, address, purpose: purpose, authorization: service.token.map { "Bearer \($0)" })
    if let value {
      request.fields.set("Content-Type", "application/json")
      request.body = .bytes(JSONWriter.compact(value))
    }
    let answer = try send(request)
    if answer.status == 404 { return nil }
    try requireSuccess(answer, purpose)
    do { return try LibraryAnswer.data(answer.bytes) } catch {
      throw LibraryError(error.code, "cannot \(purpose): \(address.origin): \(error.description)")
    }
  }

  /// Makes a request and reads its whole answer.
  func send(_ request: HTTPRequest) throws(LibraryError) -> (status: Int, fields: HTTPFields, bytes: [UInt8])
  {
    do throws(TransportError) {
      let exchange = try client.send(request)
      return (exchange.status, exchange.fields, try exchange.bytes(limit: LibraryAnswer.maximumBytes))
    } catch { throw LibraryError(.transport, error.description, error) }
  }

  func requireSuccess(
    _ answer: (status: Int, fields: HTTPFields, bytes: [UInt8]), _ purpose: String
  ) throws(LibraryError) {
    guard !(200...299).contains(answer.status) else { return }
    let said = LibraryAnswer.errorMessage(answer.bytes).map { ": \($0.prefix(400))" } ?? ""
    let words =
      "cannot \(purpose): \(service.address.origin): \(answer.status) \(HTTPStatus.name(answer.status))\(said)"
    if said.contains("application/vnd.oci.image") {
      throw LibraryError(
        .refused,
        "\(words); it is an image of OCI, which is in the registry behind the library: docker:// fetches it")
    }
    throw LibraryError(answer.status == 401 ? .notLoggedIn : .refused, words)
  }
}
