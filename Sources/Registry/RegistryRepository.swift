public import Bytes
import LinuxSystem
public import OCI
import StrictJSON
public import Transport

/// A repository of a registry: its manifests and its blobs.
public final class RegistryRepository: OCIBlobSource {
  /// The registry.
  public let registry: RegistryClient
  /// Its name, such as `library/alpine`.
  public let name: String

  /// A repository of a registry.
  public init(_ registry: RegistryClient, _ name: String) {
    self.registry = registry
    self.name = name
  }

  /// The repository for people, with its host.
  public var displayName: String { "\(registry.origin.authority)/\(name)" }

  func address(_ path: String) -> HTTPAddress { registry.address("\(name)/\(path)") }

  var pullScopes: [String] { ["repository:\(name):pull"] }
  var pushScopes: [String] { ["repository:\(name):pull,push"] }

  // MARK: Manifests

  private func manifestRequest(
    _ method: HTTPRequest.Method, _ selector: String, purpose: String
  ) -> HTTPRequest {
    HTTPRequest(
      method, address("manifests/\(selector)"), purpose: purpose,
      fields: HTTPFields([("Accept", OCIMediaType.documents.joined(separator: ", "))]))
  }

  private static func mediaType(_ exchange: HTTPExchange) -> String {
    let type = (exchange.fields["Content-Type"] ?? "").prefix { $0 != ";" }
    return String(type.filter { $0 != " " })
  }

  /// The descriptor of a manifest or an index, without reading it where the registry tells it in a head: that does not count
  /// as a pull.
  ///
  /// - Parameter selector: a tag or a digest.
  public func resolve(_ selector: String) throws -> OCIDescriptor {
    let purpose = "look up \(displayName) \(selector)"
    let exchange = try registry.send(
      manifestRequest(.head, selector, purpose: purpose), scopes: pullScopes)
    // Some registries know no HEAD, or do not say everything in it; the answer to GET has the error's words, too.
    let text = exchange.fields["Docker-Content-Digest"]
    if exchange.status == 200, let text, let digest = try? OCIDigest(text), let size = exchange.contentLength
    {
      exchange.close()
      return OCIDescriptor(mediaType: Self.mediaType(exchange), digest: digest, size: size)
    }
    exchange.close()
    return try manifest(selector).descriptor
  }

  /// A manifest or an index, with its bytes.
  ///
  /// - Parameter selector: a tag or a digest, which is checked.
  public func manifest(_ selector: String) throws -> (descriptor: OCIDescriptor, bytes: [UInt8]) {
    let purpose = "read the manifest of \(displayName) \(selector)"
    let exchange = try registry.send(
      manifestRequest(.get, selector, purpose: purpose), scopes: pullScopes)
    try RegistryClient.requireSuccess(exchange)
    let bytes = try exchange.bytes(limit: OCIIndex.longest)
    let descriptor = try OCIDescriptor(mediaType: Self.mediaType(exchange), of: bytes)
    if let wanted = try? OCIDigest(selector) {
      guard wanted.algorithm != .sha256 || wanted == descriptor.digest else {
        throw OCIError(
          .wrongDigest,
          "\(displayName): the manifest \(wanted) has the digest \(descriptor.digest): its bytes were changed"
        )
      }
    } else if let text = exchange.fields["Docker-Content-Digest"], let stated = try? OCIDigest(text),
      stated.algorithm == .sha256, stated != descriptor.digest
    {
      throw OCIError(
        .wrongDigest,
        "\(displayName): the manifest of \(selector) has the digest \(descriptor.digest), and the registry states \(stated)"
      )
    }
    return (descriptor, bytes)
  }

  // MARK: Blobs

  /// Opens a blob, an index or a manifest.
  public func open(_ descriptor: OCIDescriptor) throws -> any ByteStream {
    let type = descriptor.mediaType
    if type.isEmpty || OCIMediaType.isIndex(type) || OCIMediaType.isManifest(type) {
      return RandomAccessStream(MemoryReader(try manifest(descriptor.digest.description).bytes))
    }
    return try download(descriptor)
  }

  /// Opens a blob, from some byte on.
  public func download(_ descriptor: OCIDescriptor, from start: Int64 = 0) throws -> HTTPDownload {
    do {
      return try HTTPDownload(
        blobRequest(descriptor), from: start, byteCount: descriptor.size, settings: registry.client.settings,
        send: sender)
    } catch let error as TransportError where error.code == .notFound {
      // Layers that may not be handed on are elsewhere.
      let client = registry.client
      for text in descriptor.urls.prefix(4) {
        guard let address = try? HTTPAddress(text), address.scheme == .https,
          !LocalHosts.contains(address.host)
        else { continue }
        var request = blobRequest(descriptor)
        request.address = address
        return try HTTPDownload(
          request, from: start, byteCount: descriptor.size, settings: client.settings
        ) { try client.send($0) }
      }
      throw error
    }
  }

  /// The same over several connections, if the settings ask for that and the registry can do it.
  public func downloadInParts(_ descriptor: OCIDescriptor, from start: Int64) throws -> any ByteStream {
    let parts = try ParallelDownload(
      blobRequest(descriptor), from: start, byteCount: descriptor.size, validator: nil,
      settings: registry.client.settings, send: sender)
    return try parts ?? download(descriptor, from: start)
  }

  private func blobRequest(_ descriptor: OCIDescriptor) -> HTTPRequest {
    HTTPRequest(
      .get, address("blobs/\(descriptor.digest)"),
      purpose: "download \(displayName) \(descriptor.digest.shortText)")
  }

  /// Makes requests for blobs, and tells the registry's words about what fails.
  private var sender: HTTPDownload.Sender {
    let (registry, scopes) = (registry, pullScopes)
    return { request in
      let exchange = try registry.send(request, scopes: scopes)
      // A wrong range is the download's own matter.
      if exchange.status >= 400, exchange.status != 416 { try RegistryClient.requireSuccess(exchange) }
      return exchange
    }
  }

  /// Asks for a part of a blob, the end included.
  public func read(_ descriptor: OCIDescriptor, _ first: Int64, _ last: Int64) throws -> HTTPExchange {
    var request = HTTPRequest(
      .get, address("blobs/\(descriptor.digest)"),
      purpose: "read \(displayName) \(descriptor.digest.shortText)")
    request.range = (first, last)
    return try registry.send(request, scopes: pullScopes)
  }

  /// Whether the repository has a blob.
  public func hasBlob(_ digest: OCIDigest) throws -> Bool {
    let exchange = try registry.send(
      HTTPRequest(
        .head, address("blobs/\(digest)"), purpose: "look for \(digest.shortText) in \(displayName)"),
      scopes: pushScopes)
    defer { exchange.close() }
    if exchange.status == 404 { return false }
    try RegistryClient.requireSuccess(exchange)
    return true
  }

  // MARK: Lists

  /// The tags of the repository.
  public func tags() throws -> [String] {
    var next: HTTPAddress? = address("tags/list")
    var tags: [String] = []
    var pages = 0
    while let address = next {
      let exchange = try registry.send(
        HTTPRequest(.get, address, purpose: "list the tags of \(displayName)"), scopes: pullScopes)
      try RegistryClient.requireSuccess(exchange)
      let value = try RegistryClient.json(exchange, limit: 4 << 20)
      tags += (value["tags"]?.elements ?? []).compactMap(\.text)
      pages += 1
      guard pages < 1000, tags.count < 1_000_000 else {
        throw exchange.failure(.tooLarge, "the list of tags has no end")
      }
      next = try Self.nextPage(exchange)
    }
    return tags
  }

  private static func nextPage(_ exchange: HTTPExchange) throws -> HTTPAddress? {
    guard let link = exchange.fields["Link"], link.contains("rel=\"next\"") || link.contains("rel=next"),
      link.hasPrefix("<"), let end = link.firstIndex(of: ">")
    else { return nil }
    let next = try exchange.address.resolving(String(link[..<end].dropFirst()))
    guard next != exchange.address else { return nil }
    return next
  }

  /// What belongs to a manifest: signatures, attestations, lists of parts.
  public func referrers(_ digest: OCIDigest) throws -> OCIIndex {
    let exchange = try registry.send(
      HTTPRequest(
        .get, address("referrers/\(digest)"),
        purpose: "list what belongs to \(displayName) \(digest.shortText)",
        fields: HTTPFields([("Accept", OCIMediaType.index)])),
      scopes: pullScopes)
    if exchange.status == 200 { return try OCIIndex(reading: try exchange.bytes(limit: OCIIndex.longest)) }
    exchange.close()
    // Registries without that list have a tag in its place.
    do { return try OCIIndex(reading: try manifest(digest.referrersTag).bytes) } catch let error
      as TransportError
      where error.code == .notFound
    {
      return OCIIndex([])
    }
  }
}

extension OCIDigest {
  /// The beginning of the digest, for people.
  var shortText: String { "\(algorithm.name):\(hexadecimal.prefix(12))" }

  /// The tag of the index of what belongs to a manifest, in registries that keep no such list themselves.
  var referrersTag: String { "\(algorithm.name)-\(hexadecimal.prefix(64))" }
}
