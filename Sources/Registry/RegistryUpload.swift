public import Bytes
public import OCI
import Transport

extension RegistryRepository {
  /// How a blob came to the repository.
  public enum UploadResult: Sendable {
    /// It was there already.
    case present
    /// The registry took it from another of its repositories.
    case mounted
    /// It was sent.
    case sent
  }

  /// Sends a blob, unless the repository has it or the registry can take it from another repository.
  ///
  /// - Parameters:
  ///   - source: its bytes; they are read from the start again if the connection breaks.
  ///   - repositories: others of the same registry that may have the blob.
  ///   - chunk: the most bytes of one request; nil for all at once, unless the registry takes less.
  ///   - progress: told how many bytes have been sent.
  public func upload(
    _ source: any RandomAccess, _ descriptor: OCIDescriptor, mountingFrom repositories: [String] = [],
    chunk: Int64? = nil, progress: (@Sendable (Int64) -> Void)? = nil
  ) throws -> UploadResult {
    if try hasBlob(descriptor.digest) { return .present }
    let counted = CountedSource(source, progress)
    let delays = registry.client.settings.retryDelays
    var tries = 0
    var chunk = chunk
    while true {
      do {
        guard let place = try startUpload(descriptor, mountingFrom: tries == 0 ? repositories.first : nil)
        else {
          return .mounted
        }
        if let chunk {
          try sendChunks(counted, descriptor, place, chunk)
        } else {
          try send(counted, descriptor, place)
        }
        return .sent
      } catch let error as TransportError {
        if error.status == 413, chunk == nil {
          // A server before the registry takes no request of that length.
          chunk = 16 << 20
          continue
        }
        guard error.code == .broken, tries < delays.count else { throw error }
        registry.client.settings.notice?("\(error.description); starting again in \(delays[tries]) s")
        HTTPClient.pause(delays[tries])
        tries += 1
      }
    }
  }

  func purpose(_ descriptor: OCIDescriptor?) -> String {
    "upload \(descriptor.map { String($0.digest.hexadecimal.prefix(12)) } ?? "the image") to \(displayName)"
  }

  /// Asks where to send a blob; nil if the registry took it from the other repository.
  private func startUpload(_ descriptor: OCIDescriptor, mountingFrom other: String?) throws -> HTTPAddress? {
    var address = address("blobs/uploads/")
    var scopes = pushScopes
    if let other {
      address = address.adding([("mount", descriptor.digest.description), ("from", other)])
      scopes.append("repository:\(other):pull")
    }
    let exchange = try registry.send(
      HTTPRequest(.post, address, purpose: purpose(descriptor)), scopes: scopes)
    try RegistryClient.requireSuccess(exchange)
    exchange.close()
    if other != nil, exchange.status == 201 { return nil }
    return try next(exchange)
  }

  /// Asks where to send a blob whose digest is not known yet.
  func startUpload() throws -> HTTPAddress {
    let exchange = try registry.send(
      HTTPRequest(.post, address("blobs/uploads/"), purpose: purpose(nil)), scopes: pushScopes)
    try RegistryClient.requireSuccess(exchange)
    exchange.close()
    return try next(exchange)
  }

  func next(_ exchange: HTTPExchange) throws -> HTTPAddress {
    guard let location = exchange.fields["Location"] else {
      throw exchange.failure(.answer, "it does not say where the next bytes go")
    }
    let next = try exchange.address.resolving(location)
    guard next.scheme == .https || registry.origin.scheme == .http else {
      throw exchange.failure(.redirect, "it wants the bytes at \(next.origin), which is not encrypted")
    }
    return next
  }

  private func send(_ source: CountedSource, _ descriptor: OCIDescriptor, _ place: HTTPAddress) throws {
    var request = HTTPRequest(
      .put, place.adding([("digest", descriptor.digest.description)]), purpose: purpose(descriptor),
      fields: HTTPFields([("Content-Type", "application/octet-stream")]),
      body: .source(source, byteCount: descriptor.size))
    // A new place is asked for instead.
    request.isRepeatable = false
    let exchange = try registry.send(request, scopes: pushScopes)
    try RegistryClient.requireSuccess(exchange)
    exchange.close()
  }

  private func sendChunks(
    _ source: CountedSource, _ descriptor: OCIDescriptor, _ start: HTTPAddress, _ chunk: Int64
  ) throws {
    var place = start
    var position: Int64 = 0
    while position < descriptor.size {
      let count = min(max(chunk, 1), descriptor.size - position)
      let request = HTTPRequest(
        .patch, place, purpose: purpose(descriptor),
        fields: HTTPFields([
          ("Content-Type", "application/octet-stream"),
          ("Content-Range", "\(position)-\(position + count - 1)"),
        ]),
        body: .source(Window(source, start: position, byteCount: count), byteCount: count))
      let exchange: HTTPExchange
      do { exchange = try registry.send(request, scopes: pushScopes) } catch let error as TransportError
        where error.code == .broken
      {
        // How far it got, the registry knows.
        (place, position) = try state(of: place, descriptor, after: error)
        continue
      }
      try RegistryClient.requireSuccess(exchange)
      exchange.close()
      place = try next(exchange)
      position += count
    }
    try finishUpload(descriptor, place)
  }

  /// Tells the registry what has been sent, which it checks.
  func finishUpload(_ descriptor: OCIDescriptor, _ place: HTTPAddress) throws {
    let exchange = try registry.send(
      HTTPRequest(
        .put, place.adding([("digest", descriptor.digest.description)]), purpose: purpose(descriptor),
        fields: HTTPFields([("Content-Type", "application/octet-stream")])), scopes: pushScopes)
    try RegistryClient.requireSuccess(exchange)
    exchange.close()
  }

  private func state(
    of place: HTTPAddress, _ descriptor: OCIDescriptor, after error: TransportError
  ) throws -> (HTTPAddress, Int64) {
    let exchange = try registry.send(
      HTTPRequest(.get, place, purpose: purpose(descriptor)), scopes: pushScopes)
    exchange.close()
    guard exchange.status == 204, let range = exchange.fields["Range"]?.split(separator: "-"),
      range.count == 2,
      let last = Int64(range[1]), (0..<descriptor.size).contains(last)
    else { throw error }
    // "0-0" stands for nothing as well as for one byte: sending that byte again does no harm where it is checked.
    return (try next(exchange), last == 0 ? 0 : last + 1)
  }

  /// Puts a manifest or an index under a tag or its digest.
  ///
  /// - Returns: whether the registry has put it into the list of what belongs to its subject.
  @discardableResult
  public func uploadManifest(_ bytes: [UInt8], mediaType: String, as selector: String) throws -> Bool {
    var request = HTTPRequest(
      .put, address("manifests/\(selector)"), purpose: "put the manifest of \(displayName) \(selector)",
      fields: HTTPFields([("Content-Type", mediaType)]), body: .bytes(bytes))
    request.redirects = .none
    let exchange = try registry.send(request, scopes: pushScopes)
    try RegistryClient.requireSuccess(exchange)
    exchange.close()
    return exchange.fields["OCI-Subject"] != nil
  }

  /// Puts a manifest that belongs to another one, so that ``referrers(_:)`` finds it.
  public func attach(_ manifest: OCIManifest) throws -> OCIDescriptor {
    let bytes = manifest.bytes
    var descriptor = try OCIDescriptor(mediaType: manifest.mediaType ?? OCIMediaType.manifest, of: bytes)
    let isListed = try uploadManifest(
      bytes, mediaType: descriptor.mediaType, as: descriptor.digest.description)
    guard !isListed, let subject = manifest.subject else { return descriptor }
    descriptor.artifactType = manifest.artifactType ?? manifest.config.mediaType
    descriptor.annotations = manifest.annotations
    var index = try referrers(subject.digest)
    if !index.manifests.contains(where: { $0.digest == descriptor.digest }) {
      index.manifests.append(descriptor)
      try uploadManifest(index.bytes, mediaType: OCIMediaType.index, as: subject.digest.referrersTag)
    }
    return descriptor
  }
}

/// Bytes that are counted when they are read for the first time.
final class CountedSource: RandomAccess, @unchecked Sendable {
  private let source: any RandomAccess
  private let progress: (@Sendable (Int64) -> Void)?
  private var furthest: Int64 = 0

  init(_ source: any RandomAccess, _ progress: (@Sendable (Int64) -> Void)?) {
    self.source = source
    self.progress = progress
  }

  var byteCount: Int64 { get throws(StorageFault) { try source.byteCount } }

  func read(into buffer: UnsafeMutableRawBufferPointer, at offset: Int64) throws(StorageFault) -> Int {
    let count = try source.read(into: buffer, at: offset)
    let end = offset + Int64(count)
    if end > furthest {
      progress?(end - furthest)
      furthest = end
    }
    return count
  }
}
